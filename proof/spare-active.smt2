; A sweep spares the active plan. It cannot spare a plan that is about to become active.
(set-info :base "incident.smt2")
(set-info :title "spare the active")
(define-fun spared ((g Int)) Bool (= g active))
