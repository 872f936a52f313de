; The index has the plan's cells and no other ones.
(set-info :base "../memory-store.smt2")
(define-fun publish.known ((e Endpoint)) Bool (names ?content e))
