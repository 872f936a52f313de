; Freshness is decided in the write, and a sweep spares the active plan and the rollback
; target. Only the pins are missing.
(set-info :base "incident.smt2")
(set-info :title "compare-and-swap, both spared")
(define-fun refused () Bool (> active mine))
(define-fun spared ((g Int)) Bool (or (= g active) (= g rollback)))
