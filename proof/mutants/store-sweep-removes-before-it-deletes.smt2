; Each plan on the list of old ones is removed.
(set-info :base "../memory-store.smt2")
(define-fun remove.when.deleted-it () Bool (old ?sweep ?plan))
