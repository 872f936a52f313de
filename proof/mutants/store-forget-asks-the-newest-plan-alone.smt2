; Only the newest plan is asked whether it names the endpoint.
(set-info :base "../memory-store.smt2")
(define-fun forget.when.not-named () Bool (not (and (indexed newest) (named newest ?endpoint))))
