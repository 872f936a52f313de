; The plan before was looked up earlier, and may be gone since.
(set-info :base "../memory-store.smt2")
(define-fun carried ((e Endpoint)) Bool (and (<= ?plan newest) (named ?plan e)))
(define-fun chosen ((e Endpoint)) Cell
  (ite (carried e) (its ?plan e) (ite (known e) (cell e) (?new e))))
