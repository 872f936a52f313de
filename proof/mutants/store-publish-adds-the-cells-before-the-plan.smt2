; A sweep has forgotten the new cells again when the plan comes.
(set-info :base "../memory-store.smt2")
(define-fun publish.known ((e Endpoint)) Bool (known e))
