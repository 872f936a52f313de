; The pin may be one of another store, so its plan may be any number.
(set-info :base "../memory-store.smt2")
(define-fun mine () Int ?plan)
