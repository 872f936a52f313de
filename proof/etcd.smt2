; The protocol of `EtcdStore`, for any number of plans, endpoints, stores, pins, publishes and
; sweeps. Each step that changes a key is one transaction of etcd, or the end of a lease.
;
; How to read this file: README.md in this folder.
;
; A client decides what to send from what it read at some earlier time. So a step takes what the
; client believes as a choice (`?seen`), or as state of the client (`saw`), and only the guards
; that etcd compares are about the keys as they are now.
;
; Lost replies. A transaction can be done at any time after it was sent, or never, whether its
; client still waits or not. Each step of this file may be taken at any time at which its guards
; hold, so all of them can come late. What a client concludes about a publish is a step of its
; own: `hear`, `refuse`, `settle`, `find`, `find-none`.

(set-info :title "etcd")
(set-logic ALL)
(declare-sort Endpoint 0)
(declare-sort Content 0) ; a plan without its number
(declare-sort Chunk 0)   ; a part of a large plan, stored under a key of its own
(declare-sort Lease 0)
(declare-sort Pin 0)     ; a key `pin/<generation>/<lease>.<n>`
(declare-sort Call 0)    ; a call of `publish`
(declare-sort Attempt 0) ; one attempt of such a call, with a token of its own
(declare-sort Sweep 0)
(declare-datatypes ((Kind 0)) (((vacant) (withdrawn) (active))))

; ---- Constants ---------------------------------------------------------------------

(declare-fun last () Int) ; the last generation there is
(declare-fun keep () Int) ; retention: how many of the newest plans a sweep keeps
(declare-fun names (Content Endpoint) Bool)
(declare-fun part (Content Chunk) Bool)
(declare-fun on (Pin) Int)      ; the plan that the pin's key names
(declare-fun under (Pin) Lease) ; the lease that the pin's key names
(declare-fun call (Attempt) Call)
(declare-fun brings (Call) Content)

; ---- State -------------------------------------------------------------------------

; `head`. The count of its writes stands for the revision at which it was last written.
(declare-fun newest () Int)  ; its value; 0 before the first plan
(declare-fun written () Int) ; how often it was written
(declare-fun was (Int) Int)  ; the value that this write wrote

; `plan/<generation>` and `plan-chunk/<hash>`.
(declare-fun there (Int) Bool)
(declare-fun content (Int) Content)
(declare-fun stored (Int) Bool) ; it was there at some time
(declare-fun kept (Chunk) Bool)

; `active/<endpoint>` and `rollback/<endpoint>`, which come and go together.
(declare-fun known (Endpoint) Bool)
(declare-fun stands (Endpoint) Int) ; the generation in its number
(declare-fun kind (Endpoint) Kind)  ; the rest of its number
(declare-fun back (Endpoint) Int)   ; the rollback target; 0 = none
(declare-fun replaced (Endpoint) Int) ; what was active before the last step; 0 = nothing
(declare-fun been (Endpoint Int) Bool) ; the plan was ever active at the endpoint

; Leases and pins.
(declare-fun alive (Lease) Bool)
(declare-fun pinned (Pin) Bool) ; the key is there
(declare-fun picked () Int)     ; the newest plan that was ever pinned

; Attempts to publish.
(declare-fun begun (Attempt) Bool)
(declare-fun saw (Attempt) Int)           ; the write of `head` that it compares with
(declare-fun asks (Attempt) Int)          ; the generation that it asks for
(declare-fun relies (Attempt) Bool)       ; it gives no keys to endpoints of the plan before
(declare-fun seeded (Attempt Endpoint) Bool) ; it has put this endpoint's keys early
(declare-fun checked (Attempt Chunk) Bool)   ; it has compared that this chunk is there
(declare-fun wrote (Attempt) Int)         ; the plan that its transaction stored; 0 = not done
(declare-fun told (Attempt) Bool)         ; its caller was told that the plan is published
(declare-fun lost (Attempt) Bool)         ; its client takes it for never done

; What a sweep has read.
(declare-fun sight (Sweep) Int)           ; the write of `head` that it compares with
(declare-fun idle (Sweep Endpoint) Bool)  ; no plan that it read names the endpoint
(declare-fun unused (Sweep Chunk) Bool)   ; no plan that it read has the chunk

; ---- Words used below --------------------------------------------------------------

(define-fun named ((g Int) (e Endpoint)) Bool (names (content g) e))
; The rollback target after a step at the endpoint: what is active now.
(define-fun leaves ((e Endpoint)) Int (ite (= (kind e) active) (stands e) 0))
(define-fun answers ((e Endpoint) (g Int)) Bool
  (and (known e) (= (kind e) active) (= (stands e) g)))

; ---- A new store -------------------------------------------------------------------

; `head` may be set by hand, so that the first plan follows the last one of another store.
(define-fun init.head () Bool
  (and (<= 0 newest) (<= newest last) (<= 0 keep) (= written 0) (= (was 0) newest)))
(define-fun init.plans () Bool (forall ((g Int)) (and (not (there g)) (not (stored g)))))
(define-fun init.endpoints () Bool
  (forall ((e Endpoint)) (and (not (known e)) (forall ((v Int)) (not (been e v))))))
(define-fun init.pins () Bool (and (= picked 0) (forall ((p Pin)) (not (pinned p)))))
(define-fun init.attempts () Bool
  (forall ((a Attempt)) (and (not (begun a)) (= (wrote a) 0) (not (told a)) (not (lost a))
    (forall ((e Endpoint)) (not (seeded a e)))
    (forall ((c Chunk)) (not (checked a c))))))
(define-fun init.sweeps () Bool
  (forall ((s Sweep)) (and (forall ((e Endpoint)) (not (idle s e)))
    (forall ((c Chunk)) (not (unused s c))))))

; ---- Publish -----------------------------------------------------------------------

; An attempt begins: it reads `head`, perhaps as it was long ago. A call makes the next attempt
; when it takes the one before for never done. It may have the plan before in its cache.
(declare-fun ?attempt () Attempt)
(declare-fun ?write () Int)
(declare-fun ?relies () Bool)
(define-fun begin.when.first () Bool (not (begun ?attempt)))
(define-fun begin.when.one-open () Bool
  (forall ((a Attempt)) (=> (and (begun a) (= (call a) (call ?attempt))) (lost a))))
(define-fun begin.when.had () Bool (and (<= 0 ?write) (<= ?write written)))
(define-fun begin.when.not-exhausted () Bool (< (was ?write) last))
(define-fun begin.when.cached () Bool (=> ?relies (stored (was ?write))))
(define-fun begin.begun ((a Attempt)) Bool (or (= a ?attempt) (begun a)))
(define-fun begin.saw ((a Attempt)) Int (ite (= a ?attempt) ?write (saw a)))
(define-fun begin.asks ((a Attempt)) Int (ite (= a ?attempt) (+ (was ?write) 1) (asks a)))
(define-fun begin.relies ((a Attempt)) Bool (ite (= a ?attempt) ?relies (relies a)))

; A chunk is put, if it is not there.
(declare-fun ?chunk () Chunk)
(define-fun put-chunk.kept ((c Chunk)) Bool (or (= c ?chunk) (kept c)))

; The attempt compares that the chunk is there, and writes `head` unchanged.
(define-fun check.when.begun () Bool (begun ?attempt))
(define-fun check.when.unchanged () Bool (= written (saw ?attempt)))
(define-fun check.when.there () Bool (kept ?chunk))
(define-fun check.checked ((a Attempt) (c Chunk)) Bool
  (or (checked a c) (and (= a ?attempt) (= c ?chunk))))
(define-fun check.saw ((a Attempt)) Int (ite (= a ?attempt) (+ written 1) (saw a)))
(define-fun check.written () Int (+ written 1))
(define-fun check.was ((w Int)) Int (ite (= w (+ written 1)) newest (was w)))

; A plan with many new endpoints: some of them get their keys early, if they have none.
(declare-fun ?endpoint () Endpoint)
(define-fun new () Bool (not (known ?endpoint)))
(define-fun seed.when.begun () Bool (begun ?attempt))
(define-fun seed.when.unchanged () Bool (= written (saw ?attempt)))
(define-fun seed.seeded ((a Attempt) (e Endpoint)) Bool
  (or (seeded a e) (and (= a ?attempt) (= e ?endpoint))))
(define-fun seed.known ((e Endpoint)) Bool (or (= e ?endpoint) (known e)))
(define-fun seed.stands ((e Endpoint)) Int
  (ite (and (= e ?endpoint) new) (asks ?attempt) (stands e)))
(define-fun seed.kind ((e Endpoint)) Kind (ite (and (= e ?endpoint) new) vacant (kind e)))
(define-fun seed.back ((e Endpoint)) Int (ite (and (= e ?endpoint) new) 0 (back e)))
(define-fun seed.replaced ((e Endpoint)) Int (ite (and (= e ?endpoint) new) 0 (replaced e)))

; The transaction of the attempt. It stores the plan, moves `head`, and gives keys to the other
; endpoints that have none. It may be done long after its client has given up. It also compares
; that the generation is free and that the plan before is there. Both follow: claim.Compared.
(define-fun brought () Content (brings (call ?attempt)))
(define-fun cached ((e Endpoint)) Bool
  (and (relies ?attempt) (named (- (asks ?attempt) 1) e)))
(define-fun gets-key ((e Endpoint)) Bool
  (and (names brought e) (not (cached e)) (not (seeded ?attempt e)) (not (known e))))
(define-fun store.when.begun () Bool (begun ?attempt))
(define-fun store.when.unchanged () Bool (= written (saw ?attempt)))
(define-fun store.when.checked () Bool
  (forall ((c Chunk)) (=> (part brought c) (checked ?attempt c))))
(define-fun store.newest () Int (asks ?attempt))
(define-fun store.written () Int (+ written 1))
(define-fun store.was ((w Int)) Int (ite (= w (+ written 1)) (asks ?attempt) (was w)))
(define-fun store.there ((g Int)) Bool (or (= g (asks ?attempt)) (there g)))
(define-fun store.stored ((g Int)) Bool (or (= g (asks ?attempt)) (stored g)))
(define-fun store.content ((g Int)) Content (ite (= g (asks ?attempt)) brought (content g)))
(define-fun store.wrote ((a Attempt)) Int (ite (= a ?attempt) (asks ?attempt) (wrote a)))
(define-fun store.known ((e Endpoint)) Bool (or (known e) (gets-key e)))
(define-fun store.stands ((e Endpoint)) Int (ite (gets-key e) (asks ?attempt) (stands e)))
(define-fun store.kind ((e Endpoint)) Kind (ite (gets-key e) vacant (kind e)))
(define-fun store.back ((e Endpoint)) Int (ite (gets-key e) 0 (back e)))
(define-fun store.replaced ((e Endpoint)) Int (ite (gets-key e) 0 (replaced e)))

; The answer arrives: the transaction was done.
(define-fun hear.when.done () Bool (> (wrote ?attempt) 0))
(define-fun hear.told ((a Attempt)) Bool (or (= a ?attempt) (told a)))

; The answer arrives: the transaction compared with another `head`. etcd handles a request once,
; and the client sends this one once; so it was not done before.
(define-fun refuse.when.begun () Bool (begun ?attempt))
(define-fun refuse.when.changed () Bool (distinct written (saw ?attempt)))
(define-fun refuse.when.once () Bool (= (wrote ?attempt) 0))
(define-fun refuse.lost ((a Attempt)) Bool (or (= a ?attempt) (lost a)))

; The answer is lost. The client writes `head` unchanged, if it is as the attempt saw it.
(define-fun settle.when.begun () Bool (begun ?attempt))
(define-fun settle.when.unchanged () Bool (= written (saw ?attempt)))
(define-fun settle.written () Int (+ written 1))
(define-fun settle.was ((w Int)) Int (ite (= w (+ written 1)) newest (was w)))
(define-fun settle.lost ((a Attempt)) Bool (or (= a ?attempt) (lost a)))

; ... and if it is not, the same transaction reads the plan. Its token tells whose it is.
(define-fun own () Bool (= (wrote ?attempt) (asks ?attempt)))
(define-fun find.when.begun () Bool (begun ?attempt))
(define-fun find.when.there () Bool (there (asks ?attempt)))
(define-fun find.told ((a Attempt)) Bool (or (told a) (and (= a ?attempt) own)))
(define-fun find.lost ((a Attempt)) Bool (or (lost a) (and (= a ?attempt) (not own))))
; ... or finds that no plan of that generation was ever there. If `head` is beyond it and the
; plan is not there, the client says that it does not know, and that is no step.
(define-fun find-none.when.begun () Bool (begun ?attempt))
(define-fun find-none.when.changed () Bool (distinct written (saw ?attempt)))
(define-fun find-none.when.behind () Bool (< newest (asks ?attempt)))
(define-fun find-none.lost ((a Attempt)) Bool (or (= a ?attempt) (lost a)))

; ---- A cluster that continues another ----------------------------------------------

; After a restore from a backup, the latest plan is published again above what was served.
(declare-fun ?above () Int)
(define-fun continue.when.plan-there () Bool (there newest))
(define-fun continue.when.above () Bool (<= newest ?above))
(define-fun continue.when.not-exhausted () Bool (< ?above last))
(define-fun continue.newest () Int (+ ?above 1))
(define-fun continue.written () Int (+ written 1))
(define-fun continue.was ((w Int)) Int (ite (= w (+ written 1)) (+ ?above 1) (was w)))
(define-fun continue.there ((g Int)) Bool (or (= g (+ ?above 1)) (there g)))
(define-fun continue.stored ((g Int)) Bool (or (= g (+ ?above 1)) (stored g)))
(define-fun continue.content ((g Int)) Content
  (ite (= g (+ ?above 1)) (content newest) (content g)))

; If the store has no plan, only `head` moves.
(define-fun follow.when.no-plan () Bool (not (there newest)))
(define-fun follow.when.above () Bool (<= newest ?above))
(define-fun follow.when.not-exhausted () Bool (<= ?above last))
(define-fun follow.newest () Int ?above)
(define-fun follow.written () Int (+ written 1))
(define-fun follow.was ((w Int)) Int (ite (= w (+ written 1)) ?above (was w)))

; ---- Leases and pins ---------------------------------------------------------------

(declare-fun ?lease () Lease)
(define-fun grant.alive ((l Lease)) Bool (or (= l ?lease) (alive l)))

; A lease runs out or is given up, and etcd deletes its keys. Its holder gets no notice.
(define-fun expire.alive ((l Lease)) Bool (and (alive l) (distinct l ?lease)))
(define-fun expire.pinned ((p Pin)) Bool (and (pinned p) (distinct (under p) ?lease)))

; Pick up a plan: put a pin on it. A late transaction may put the key once more.
(declare-fun ?pin () Pin)
(define-fun mine () Int (on ?pin))
(define-fun pick-up.when.there () Bool (there mine))
(define-fun pick-up.when.lease () Bool (alive (under ?pin)))
(define-fun pick-up.pinned ((p Pin)) Bool (or (= p ?pin) (pinned p)))
(define-fun pick-up.picked () Int (ite (> mine picked) mine picked))

(define-fun unpin.pinned ((p Pin)) Bool (and (pinned p) (distinct p ?pin)))

; ---- Steps at an endpoint ----------------------------------------------------------

; The client expects the endpoint to stand on `?seen` and `?kind`, below its plan's limit.
(declare-fun ?seen () Int)
(declare-fun ?kind () Kind)
(define-fun expected () Bool
  (and (known ?endpoint) (= (stands ?endpoint) ?seen) (= (kind ?endpoint) ?kind)))
(define-fun below () Bool (or (< ?seen mine) (and (= ?seen mine) (= ?kind vacant))))
; The rollback target is in the request.
(define-fun sends () Int (ite (= ?kind active) ?seen 0))

; The code compares with the revision at which the pin's key was created, so it refuses more.
(define-fun activate.when.named () Bool (named mine ?endpoint))
(define-fun activate.when.expected () Bool expected)
(define-fun activate.when.below () Bool below)
(define-fun activate.when.pinned () Bool (pinned ?pin))
(define-fun activate.stands ((e Endpoint)) Int (ite (= e ?endpoint) mine (stands e)))
(define-fun activate.kind ((e Endpoint)) Kind (ite (= e ?endpoint) active (kind e)))
(define-fun activate.back ((e Endpoint)) Int (ite (= e ?endpoint) sends (back e)))
(define-fun activate.replaced ((e Endpoint)) Int (ite (= e ?endpoint) (leaves e) (replaced e)))
(define-fun activate.been ((e Endpoint) (v Int)) Bool
  (or (been e v) (and (= e ?endpoint) (= v mine))))

(define-fun withdraw.when.not-named () Bool (not (named mine ?endpoint)))
(define-fun withdraw.when.expected () Bool expected)
(define-fun withdraw.when.below () Bool below)
(define-fun withdraw.when.pinned () Bool (pinned ?pin))
(define-fun withdraw.stands ((e Endpoint)) Int (ite (= e ?endpoint) mine (stands e)))
(define-fun withdraw.kind ((e Endpoint)) Kind (ite (= e ?endpoint) withdrawn (kind e)))
(define-fun withdraw.back ((e Endpoint)) Int (ite (= e ?endpoint) sends (back e)))
(define-fun withdraw.replaced ((e Endpoint)) Int (ite (= e ?endpoint) (leaves e) (replaced e)))

; ---- Sweep -------------------------------------------------------------------------

; Delete a plan. That it is old enough follows from what the sweep read, because the newest
; generation only grows; all else is compared.
(declare-fun ?plan () Int)
(define-fun delete.when.old () Bool (>= (- newest ?plan) keep))
(define-fun delete.when.not-newest () Bool (< ?plan newest))
(define-fun delete.when.not-active () Bool
  (forall ((e Endpoint)) (not (answers e ?plan))))
(define-fun delete.when.not-rollback () Bool
  (forall ((e Endpoint)) (=> (known e) (distinct (back e) ?plan))))
(define-fun delete.when.no-pin () Bool
  (forall ((p Pin)) (=> (pinned p) (distinct (on p) ?plan))))
(define-fun delete.there ((g Int)) Bool (and (there g) (distinct g ?plan)))

; A sweep reads `head` and the plans. If the read is stale, it is a look at an earlier time.
(declare-fun ?sweep () Sweep)
(define-fun look.sight ((s Sweep)) Int (ite (= s ?sweep) written (sight s)))
(define-fun look.idle ((s Sweep) (e Endpoint)) Bool
  (ite (= s ?sweep) (forall ((g Int)) (=> (there g) (not (named g e)))) (idle s e)))
(define-fun look.unused ((s Sweep) (c Chunk)) Bool
  (ite (= s ?sweep) (forall ((g Int)) (=> (there g) (not (part (content g) c)))) (unused s c)))

; It forgets an endpoint: deletes both keys, and writes `head` unchanged. It also compares that
; no plan is active there and that there is no rollback target. Both follow: claim.NeverForgotten.
(define-fun forget.when.unchanged () Bool (= written (sight ?sweep)))
(define-fun forget.when.idle () Bool (idle ?sweep ?endpoint))
(define-fun forget.known ((e Endpoint)) Bool (and (known e) (distinct e ?endpoint)))
(define-fun forget.sight ((s Sweep)) Int (ite (= s ?sweep) (+ written 1) (sight s)))
(define-fun forget.written () Int (+ written 1))
(define-fun forget.was ((w Int)) Int (ite (= w (+ written 1)) newest (was w)))

; It deletes a chunk, and writes `head` unchanged.
(define-fun drop-chunk.when.unchanged () Bool (= written (sight ?sweep)))
(define-fun drop-chunk.when.unused () Bool (unused ?sweep ?chunk))
(define-fun drop-chunk.kept ((c Chunk)) Bool (and (kept c) (distinct c ?chunk)))
(define-fun drop-chunk.sight ((s Sweep)) Int (ite (= s ?sweep) (+ written 1) (sight s)))
(define-fun drop-chunk.written () Int (+ written 1))
(define-fun drop-chunk.was ((w Int)) Int (ite (= w (+ written 1)) newest (was w)))

; ---- Invariant ---------------------------------------------------------------------

; What is claimed: names with a capital letter.
; No plan newer than the one on which an endpoint stands has ever been active there.
(define-fun inv.Monotonic () Bool
  (forall ((e Endpoint) (v Int)) (=> (and (known e) (been e v)) (<= v (stands e)))))
(define-fun inv.ActiveKept () Bool
  (forall ((e Endpoint)) (=> (and (known e) (= (kind e) active)) (there (stands e)))))
(define-fun inv.RollbackKept () Bool
  (forall ((e Endpoint)) (=> (and (known e) (> (back e) 0)) (there (back e)))))
(define-fun inv.PinnedKept () Bool (forall ((p Pin)) (=> (pinned p) (there (on p)))))
; An endpoint that answers has records.
(define-fun inv.NeverEmpty () Bool
  (forall ((e Endpoint)) (=> (and (known e) (= (kind e) active)) (named (stands e) e))))
; All chunks of a plan that is there are there.
(define-fun inv.WholePlan () Bool
  (forall ((g Int) (c Chunk)) (=> (and (there g) (part (content g) c)) (kept c))))
; The rollback target is the plan that was active before the last step.
(define-fun inv.RollbackRight () Bool
  (forall ((e Endpoint)) (=> (known e) (= (back e) (replaced e)))))
; No plan that retention keeps is deleted, nor the newest.
(define-fun inv.Retained () Bool
  (forall ((g Int)) (=> (and (stored g) (not (there g)))
    (and (< g newest) (>= (- newest g) keep)))))
; A generation fits the bits it has.
(define-fun inv.Bounded () Bool (and (<= 0 newest) (<= newest last)))
; No pin outlives its lease.
(define-fun inv.Leased () Bool (forall ((p Pin)) (=> (pinned p) (alive (under p)))))
; Lost replies. A call stores its plan once, however many attempts it makes.
(define-fun inv.Once () Bool
  (forall ((a Attempt) (b Attempt))
    (=> (and (> (wrote a) 0) (> (wrote b) 0) (= (call a) (call b))) (= a b))))
; A plan that the caller was told of was stored.
(define-fun inv.Told () Bool (forall ((a Attempt)) (=> (told a) (> (wrote a) 0))))
; An attempt that its client takes for never done is not done, and `head` has moved on.
(define-fun inv.Lost () Bool
  (forall ((a Attempt)) (=> (lost a) (and (= (wrote a) 0) (< (saw a) written)))))
; A generation is stored by one attempt at most, with its call's content.
(define-fun inv.Author () Bool
  (forall ((a Attempt) (b Attempt))
    (=> (and (> (wrote a) 0) (= (wrote a) (wrote b))) (= a b))))
(define-fun inv.Content () Bool
  (forall ((a Attempt)) (=> (> (wrote a) 0) (= (content (wrote a)) (brings (call a))))))

; `head` and plans.
(define-fun inv.head () Bool
  (and (<= 0 written) (= (was written) newest)
    (forall ((w Int)) (=> (and (<= 0 w) (<= w written)) (and (<= 0 (was w)) (<= (was w) newest))))))
(define-fun inv.numbered () Bool
  (forall ((g Int)) (=> (stored g) (and (<= 1 g) (<= g newest)))))
(define-fun inv.stored () Bool (forall ((g Int)) (=> (there g) (stored g))))
(define-fun inv.newest-there () Bool (forall ((g Int)) (=> (stored g) (there newest))))

; Endpoints.
(define-fun inv.named-known () Bool
  (forall ((g Int) (e Endpoint)) (=> (and (there g) (named g e)) (known e))))
(define-fun inv.withdrawn () Bool
  (forall ((e Endpoint)) (=> (and (known e) (= (kind e) withdrawn)) (not (named (stands e) e)))))
(define-fun inv.rollback-named () Bool
  (forall ((e Endpoint)) (=> (and (known e) (distinct (back e) 0))
    (and (> (back e) 0) (named (back e) e)))))
; Only keys that an attempt put early are beyond `head`, and no plan there names those.
(define-fun inv.stands () Bool
  (forall ((e Endpoint)) (=> (known e) (and (<= 1 (stands e)) (<= (stands e) (+ newest 1))
    (=> (> (stands e) newest) (= (kind e) vacant))))))
(define-fun inv.early () Bool
  (forall ((e Endpoint) (g Int)) (=> (and (known e) (> (stands e) newest) (there g))
    (not (named g e)))))
(define-fun inv.been () Bool (forall ((e Endpoint) (v Int)) (=> (been e v) (<= v newest))))
(define-fun inv.picked () Bool
  (and (<= picked newest) (forall ((p Pin)) (=> (pinned p) (<= (on p) picked)))
    (forall ((e Endpoint)) (=> (and (known e) (distinct (kind e) vacant)) (<= (stands e) picked)))))

; Attempts.
(define-fun inv.saw () Bool
  (forall ((a Attempt)) (=> (begun a) (and (<= 0 (saw a)) (<= (saw a) written)))))
(define-fun inv.asks () Bool
  (forall ((a Attempt)) (=> (begun a) (and (= (asks a) (+ (was (saw a)) 1)) (<= (asks a) last)))))
(define-fun inv.one-open () Bool
  (forall ((a Attempt) (b Attempt))
    (=> (and (begun a) (begun b) (= (call a) (call b)) (distinct a b)) (or (lost a) (lost b)))))
(define-fun inv.wrote () Bool
  (forall ((a Attempt)) (=> (distinct (wrote a) 0)
    (and (begun a) (= (wrote a) (asks a)) (stored (wrote a)) (< (saw a) written)))))
(define-fun inv.relies () Bool
  (forall ((a Attempt)) (=> (and (begun a) (relies a)) (stored (- (asks a) 1)))))
(define-fun inv.lost-begun () Bool (forall ((a Attempt)) (=> (lost a) (begun a))))
; What an attempt has put or compared is still there as long as its transaction can be done.
(define-fun inv.seeded () Bool
  (forall ((a Attempt) (e Endpoint))
    (=> (seeded a e) (and (begun a) (=> (= (saw a) written) (known e))))))
(define-fun inv.checked () Bool
  (forall ((a Attempt) (c Chunk))
    (=> (checked a c) (and (begun a) (=> (= (saw a) written) (kept c))))))

; What a sweep has read is still so as long as `head` is as it was.
(define-fun inv.idle () Bool
  (forall ((s Sweep) (e Endpoint)) (=> (idle s e) (and (<= (sight s) written)
    (=> (= (sight s) written) (forall ((g Int)) (=> (there g) (not (named g e)))))))))
(define-fun inv.unused () Bool
  (forall ((s Sweep) (c Chunk)) (=> (unused s c) (and (<= (sight s) written)
    (=> (= (sight s) written) (forall ((g Int)) (=> (there g) (not (part (content g) c)))))))))

; ---- What follows ------------------------------------------------------------------

; Progress. Under a lease the newest plan can be picked up; under that pin, a client that knows
; where the endpoint stands can take each step of the pass, or it is done.
(define-fun claim.Progress-pick-up () Bool
  (=> (and (exists ((g Int)) (there g)) (= mine newest) (alive (under ?pin)))
    (and pick-up.when.there pick-up.when.lease)))
(define-fun knows () Bool (and (= ?seen (stands ?endpoint)) (= ?kind (kind ?endpoint))))
(define-fun claim.Progress-activate () Bool
  (=> (and (pinned ?pin) (= mine newest) (named mine ?endpoint) knows)
    (or (and activate.when.named activate.when.expected activate.when.below activate.when.pinned)
      (answers ?endpoint mine))))
(define-fun claim.Progress-withdraw () Bool
  (=> (and (pinned ?pin) (= mine newest) (not (named mine ?endpoint)) (known ?endpoint) knows
      (<= ?seen newest))
    (or (and withdraw.when.not-named withdraw.when.expected withdraw.when.below
        withdraw.when.pinned)
      (and (= ?seen mine) (= ?kind withdrawn)))))

; LatestWins. A step that was told *activated* or *already* left the number at its plan or above.
(define-fun claim.LatestWins () Bool
  (=> (and (= mine picked) (known ?endpoint) (distinct (kind ?endpoint) vacant)
      (<= mine (stands ?endpoint)))
    (= (stands ?endpoint) picked)))

; NeverEmpty. At an endpoint that a sweep can forget, no plan is active, and there is no rollback
; target.
(define-fun claim.NeverForgotten () Bool
  (=> (and (known ?endpoint) forget.when.unchanged forget.when.idle)
    (and (distinct (kind ?endpoint) active) (= (back ?endpoint) 0))))

; What the transaction of a publish also compares.
(define-fun claim.Compared () Bool
  (=> (and store.when.begun store.when.unchanged)
    (and (not (there (asks ?attempt)))
      (=> (relies ?attempt) (there (- (asks ?attempt) 1))))))

; ---- What can happen ---------------------------------------------------------------

; These are wrong, and z3 finds an execution that shows it for each.
; A lease ends under a pin, and the plan is deleted.
(define-fun never.expired () Bool
  (forall ((p Pin)) (not (and (= (on p) picked) (stored picked) (not (there picked))
    (not (alive (under p)))))))
; A publish is given up, and a second attempt of the same call succeeds.
(define-fun never.settled () Bool
  (forall ((a Attempt) (b Attempt)) (not (and (lost a) (told b) (= (call a) (call b))))))
; An endpoint is forgotten whose keys a publish has put early.
(define-fun never.forgotten () Bool
  (forall ((a Attempt) (e Endpoint)) (=> (seeded a e) (known e))))
; A chunk is deleted that a publish has counted on.
(define-fun never.dropped () Bool
  (forall ((a Attempt) (c Chunk)) (=> (checked a c) (kept c))))
