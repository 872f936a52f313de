; A sweep counts a plan as its own deletion that another sweep has deleted.
(set-info :base "../memory-store.smt2")
(define-fun delete.when.not-deleted () Bool true)
