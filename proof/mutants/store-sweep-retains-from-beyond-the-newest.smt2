; The applied plan may be any number, and only plans below the newest are old.
(set-info :base "../memory-store.smt2")
(define-fun begin.when.at-most-newest () Bool true)
(define-fun begin.old ((s Sweep) (g Int)) Bool
  (ite (= s ?sweep)
    (and (indexed g) (< g ?applied) (< g newest) (>= (- ?applied g) keep))
    (old s g)))
