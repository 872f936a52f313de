; A lease around each pass: the holder checks its lease, then writes.
(set-info :base "incident.smt2")
(set-info :title "lease per pass, may run out")
; The lease before is over when another Enactor takes it, and its holder gets no notice.
(declare-fun lease () Int)         ; the token of the last lease
(declare-fun token (Enactor) Int)  ; the token that an Enactor has; 0 = none yet
(define-fun init.lease () Bool (and (= lease 0) (forall ((a Enactor)) (= (token a) 0))))
(define-fun take-lease.when.idle () Bool (and (= (at ?a) idle) (= (token ?a) 0)))
(define-fun take-lease.lease () Int (+ lease 1))
(define-fun take-lease.token ((a Enactor)) Int (ite (= a ?a) (+ lease 1) (token a)))
(define-fun pick-up.when.lock () Bool (> (token ?a) 0))
; What the holder compares its token with.
(define-fun known-token () Int lease)
(define-fun go-ahead () Bool (>= (token ?a) known-token))
(define-fun sweep.when.lease () Bool (>= (token ?a) known-token))
