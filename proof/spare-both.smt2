; A sweep spares the active plan and the rollback target.
(set-info :base "incident.smt2")
(set-info :title "spare active and rollback")
(define-fun spared ((g Int)) Bool (or (= g active) (= g rollback)))
