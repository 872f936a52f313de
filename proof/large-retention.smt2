; The sweep keeps so many plans that it deletes none of these. The overwrite remains.
(set-info :base "incident.smt2")
(set-info :title "incident, large retention")
(define-fun too-old ((g Int)) Bool (< (+ g 3) mine))
