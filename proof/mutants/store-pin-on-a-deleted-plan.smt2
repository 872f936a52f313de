; The pin does not look whether the plan is deleted.
(set-info :base "../memory-store.smt2")
(define-fun pin.when.not-deleted () Bool true)
