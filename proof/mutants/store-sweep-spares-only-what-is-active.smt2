; Rollback targets are not spared.
(set-info :base "../memory-store.smt2")
(define-fun delete.when.not-rollback () Bool true)
