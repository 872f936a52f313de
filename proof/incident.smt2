; The incident's protocol: one endpoint, two Enactors that do a pass each, a Planner.
; Plan 1 is active and plan 2 is published, as in the table of docs/verification.md. The
; other files with `:base "incident.smt2"` replace some of these definitions.
;
; The invariants here do not hold. The solvers must find an execution that breaks them.

(set-info :title "incident")
(set-logic ALL)
(declare-datatypes ((Enactor 0)) (((slow) (quick))))
(declare-datatypes ((Phase 0)) (((idle) (picked-up) (checked) (built) (applied) (ended))))

; ---- State -------------------------------------------------------------------------

(declare-fun newest () Int)
(declare-fun there (Int) Bool)   ; the plan's records are in the zone
(declare-fun active () Int)      ; the endpoint's active plan
(declare-fun rollback () Int)    ; its rollback target; 0 = none
(declare-fun at (Enactor) Phase) ; how far its pass has come
(declare-fun has (Enactor) Int)  ; the plan that it picked up
(declare-fun picked () Int)      ; the newest plan that any Enactor picked up
(declare-fun highest () Int)     ; the newest plan that was ever active

(define-fun init.state () Bool
  (and (= newest 2) (= active 1) (= rollback 0) (= picked 0) (= highest 1)
    (forall ((g Int)) (= (there g) (or (= g 1) (= g 2))))
    (forall ((a Enactor)) (and (= (at a) idle) (= (has a) 0)))))

; ---- Steps -------------------------------------------------------------------------

(declare-fun ?a () Enactor)
(define-fun mine () Int (has ?a))
(define-fun holding ((a Enactor)) Bool (and (distinct (at a) idle) (distinct (at a) ended)))

(define-fun publish.when.room () Bool (< newest 3))
(define-fun publish.newest () Int (+ newest 1))
(define-fun publish.there ((g Int)) Bool (or (there g) (= g (+ newest 1))))

(define-fun pick-up.when.idle () Bool (= (at ?a) idle))
(define-fun pick-up.when.lock () Bool true)
(define-fun pick-up.at ((a Enactor)) Phase (ite (= a ?a) picked-up (at a)))
(define-fun pick-up.has ((a Enactor)) Int (ite (= a ?a) newest (has a)))
(define-fun pick-up.picked () Int newest)

; The only check of freshness, and it is early.
(define-fun check.when.picked-up () Bool (= (at ?a) picked-up))
(define-fun check.at ((a Enactor)) Phase
  (ite (= a ?a) (ite (> active mine) ended checked) (at a)))

; Build the plan's records, if they do not exist. Variants look here once more whether the
; flip may go ahead.
(define-fun go-ahead () Bool true)
(define-fun build.when.checked () Bool (= (at ?a) checked))
(define-fun build.at ((a Enactor)) Phase
  (ite (= a ?a) (ite go-ahead built ended) (at a)))
(define-fun build.there ((g Int)) Bool (or (there g) (= g mine)))

; One transaction. It fails if the rollback record cannot point at the active plan. Variants
; refuse it in other cases.
(define-fun refused () Bool false)
(define-fun flips () Bool (and (not refused) (distinct active mine) (there active)))
(define-fun flip.when.built () Bool (= (at ?a) built))
(define-fun flip.active () Int (ite flips mine active))
(define-fun flip.rollback () Int (ite flips active rollback))
(define-fun flip.highest () Int (ite (and flips (> mine highest)) mine highest))
(define-fun flip.at ((a Enactor)) Phase
  (ite (= a ?a) (ite (or flips (and (= active mine) (not refused))) applied ended) (at a)))

; Delete by age.
(define-fun too-old ((g Int)) Bool (< g mine))
(define-fun spared ((g Int)) Bool false)
(define-fun sweep.when.applied () Bool (= (at ?a) applied))
(define-fun sweep.there ((g Int)) Bool (and (there g) (not (and (too-old g) (not (spared g))))))
(define-fun sweep.at ((a Enactor)) Phase (ite (= a ?a) ended (at a)))

; ---- What breaks -------------------------------------------------------------------

(define-fun inv.Monotonic () Bool (= active highest))
; A resolver gets nothing, and no later flip can succeed, in exactly the states in which the
; active plan is gone. So this stands for NeverEmpty and Progress too.
(define-fun inv.ActiveKept () Bool (there active))
(define-fun inv.RollbackKept () Bool (=> (> rollback 0) (there rollback)))
(define-fun inv.PinnedKept () Bool (forall ((a Enactor)) (=> (holding a) (there (has a)))))
(define-fun inv.LatestWins () Bool
  (=> (forall ((a Enactor)) (= (at a) ended)) (= active picked)))
