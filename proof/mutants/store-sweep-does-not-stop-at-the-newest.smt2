; The applied plan may be any number.
(set-info :base "../memory-store.smt2")
(define-fun begin.when.at-most-newest () Bool true)
