; The pins are looked at once more after the cells were read.
(set-info :base "../memory-store.smt2")
(define-fun see.when.before-reads () Bool true)
