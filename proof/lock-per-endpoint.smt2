; A lock at the endpoint proves which Enactor writes, and nothing about its plan.
(set-info :base "incident.smt2")
(set-info :title "incident, lock per endpoint")
(declare-fun locked () Bool)
(declare-fun owner () Enactor)
(define-fun init.lock () Bool (not locked))
(define-fun lock.when.built () Bool (= (at ?a) built))
(define-fun lock.when.free () Bool (not locked))
(define-fun lock.locked () Bool true)
(define-fun lock.owner () Enactor ?a)
; The flip takes place under the lock and lets go of it.
(define-fun flip.when.locked () Bool (and locked (= owner ?a)))
(define-fun flip.locked () Bool false)
