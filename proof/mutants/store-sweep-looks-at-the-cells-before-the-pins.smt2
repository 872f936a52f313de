; The cells are read first.
(set-info :base "../memory-store.smt2")
(define-fun see.when.before-reads () Bool true)
