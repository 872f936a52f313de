; The list has the cells of the newest plan only.
(set-info :base "../memory-store.smt2")
(define-fun begin.listed ((s Sweep) (c Cell)) Bool
  (ite (= s ?sweep)
    (and (indexed newest) (named newest (of c)) (= (its newest (of c)) c))
    (listed s c)))
