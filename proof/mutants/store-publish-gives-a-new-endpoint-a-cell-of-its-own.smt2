; The new cells do not come into the index.
(set-info :base "../memory-store.smt2")
(define-fun publish.known ((e Endpoint)) Bool (known e))
