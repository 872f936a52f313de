; The holder compares its token with the highest that it has met, which is its own.
(set-info :base "lease-per-pass.smt2")
(set-info :title "lease, token kept per Enactor")
(define-fun known-token () Int (token ?a))
