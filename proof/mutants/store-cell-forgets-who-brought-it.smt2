; A new cell does not note which plan brought it.
(set-info :base "../memory-store.smt2")
(define-fun publish.since ((c Cell)) Int (ite (brought c) 0 (since c)))
