; The rollback target of a cell is skipped if another cell stands on the same plan.
(set-info :base "../memory-store.smt2")
(define-fun delete.when.not-rollback () Bool
  (forall ((c Cell)) (=> (listed ?sweep c)
    (or (not (rollback c (found ?sweep c) ?plan))
      (exists ((d Cell)) (and (listed ?sweep d) (distinct d c)
        (= (found ?sweep d) (found ?sweep c))))))))
