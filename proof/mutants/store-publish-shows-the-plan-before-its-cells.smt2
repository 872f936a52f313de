; The plan comes into the index, and its new cells do not yet.
(set-info :base "../memory-store.smt2")
(define-fun publish.known ((e Endpoint)) Bool (known e))
