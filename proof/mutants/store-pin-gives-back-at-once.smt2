; The pin does not count, so a sweep sees none.
(set-info :base "../memory-store.smt2")
(define-fun see.when.no-pin () Bool true)
