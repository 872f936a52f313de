; The rollback target comes from an older value of the word than the active plan.
(set-info :base "../memory-store.smt2")
(define-fun delete.when.not-rollback () Bool
  (forall ((c Cell)) (=> (listed ?sweep c)
    (exists ((v Int)) (and (was c v) (<= v (found ?sweep c)) (not (rollback c v ?plan)))))))
