; The rollback target is made from a value that the word had before.
(set-info :base "../memory-store.smt2")
(define-fun activate.when.had () Bool (was here ?value))
(define-fun activate.back ((c Cell) (v Int)) Int
  (ite (and (= c here) (= v mine)) (ite (off c ?value) 0 ?value) (back c v)))
