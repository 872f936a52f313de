; Only the newest plan is asked for the endpoint's cell.
(set-info :base "../memory-store.smt2")
(define-fun withdraw.when.made () Bool
  (and (made ?cell) (indexed newest) (named newest (of ?cell))))
