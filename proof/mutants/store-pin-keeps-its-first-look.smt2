; The word is made from an old one: it may have been deleted since, and the count is the old one.
(set-info :base "../memory-store.smt2")
(define-fun pin.when.not-deleted () Bool true)
(define-fun pin.taken ((g Int)) Int (taken g))
