; Freshness is decided in the write. A sweep deletes by age alone.
(set-info :base "incident.smt2")
(set-info :title "compare-and-swap only")
(define-fun refused () Bool (> active mine))
