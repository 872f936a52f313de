; The plans were asked before a publish, so the newest one was not asked.
(set-info :base "../memory-store.smt2")
(define-fun forget.when.not-named () Bool
  (forall ((g Int)) (=> (and (indexed g) (< g newest)) (not (named g ?endpoint)))))
