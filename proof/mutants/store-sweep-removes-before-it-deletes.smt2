; Each old plan on the list is removed.
(set-info :base "../memory-store.smt2")
(define-fun remove.when.deleted-it () Bool (old ?sweep ?plan))
