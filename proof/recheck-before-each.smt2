; Freshness is checked again before the write. It may have changed by the write.
(set-info :base "incident.smt2")
(set-info :title "re-check before each endpoint")
(define-fun go-ahead () Bool (<= active mine))
