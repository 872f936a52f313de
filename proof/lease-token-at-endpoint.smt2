; The endpoint remembers the highest token that wrote there and refuses a lower one. The
; tokens order the leases; plans may be picked up in another order.
(set-info :base "lease-per-pass.smt2")
(set-info :title "lease, token kept at the endpoint")
(declare-fun fence () Int)
(define-fun init.fence () Bool (= fence 0))
(define-fun go-ahead () Bool true)
(define-fun sweep.when.lease () Bool true)
(define-fun refused () Bool (< (token ?a) fence))
(define-fun flip.fence () Int (ite refused fence (token ?a)))
