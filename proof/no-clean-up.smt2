; Nothing is ever deleted. The overwrite remains.
(set-info :base "incident.smt2")
(set-info :title "incident, no clean-up")
(define-fun spared ((g Int)) Bool true)
