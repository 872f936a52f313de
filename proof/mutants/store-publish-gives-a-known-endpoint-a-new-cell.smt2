; The index is not asked for a cell of the endpoint.
(set-info :base "../memory-store.smt2")
(define-fun chosen ((e Endpoint)) Cell (ite (carried e) (its newest e) (?new e)))
(define-fun brings ((e Endpoint)) Bool (and (names ?content e) (not (carried e))))
