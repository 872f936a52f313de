; The second try of an activation or a withdrawal does not decide again, so no guard holds
; for the word that it replaces.
(set-info :base "../memory-store.smt2")
(define-fun activate.when.newer () Bool true)
(define-fun withdraw.when.newer () Bool true)
(define-fun withdraw.when.not-older-than-cell () Bool true)
