; One lock around each pass. It must never expire, and the rollback target is still deleted.
(set-info :base "incident.smt2")
(set-info :title "incident, one lock per pass")
(define-fun pick-up.when.lock () Bool (forall ((a Enactor)) (not (holding a))))
