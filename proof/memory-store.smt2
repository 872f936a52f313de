; The protocol of `MemoryStore`, for any number of plans, endpoints, pins and sweeps.
;
; How to read this file: README.md in this folder. In short, a name with a dot has a role:
;   init.X     holds in a new store
;   inv.X      holds in every state: a conjunct of the inductive invariant
;   S.when.X   a guard of step S
;   S.x        the value of x after step S; what S does not define keeps its value
;   claim.X    follows from the invariant in any state
;   never.X    does not hold: an execution is found that breaks it
;   ?x         what a step chooses: which pin, which plan, which old value a load returns
; A name without a dot that no step changes is a constant of the whole run.

(set-info :title "MemoryStore")
(set-logic UFLIA)
(declare-sort Endpoint 0)
(declare-sort Content 0) ; a plan without its number
(declare-sort Cell 0)    ; an endpoint's word, with its history
(declare-sort Pin 0)     ; a pin that a caller can hold, one plan at a time
(declare-sort Sweep 0)   ; one call of `sweep`; any number of them run at once

; ---- Constants ---------------------------------------------------------------------

(declare-fun last () Int) ; the last generation there is
(declare-fun keep () Int) ; retention: how many of the newest plans a sweep keeps
(declare-fun names (Content Endpoint) Bool)
(declare-fun of (Cell) Endpoint) ; the endpoint that a cell belongs to

; ---- State -------------------------------------------------------------------------

; Plans.
(declare-fun newest () Int)             ; the newest generation given out; 0 before
(declare-fun content (Int) Content)
(declare-fun indexed (Int) Bool)        ; the plan is in the index
(declare-fun deleted (Int) Bool)        ; its pin word says *deleted*
(declare-fun taken (Int) Int)           ; how many pins were ever taken on it
(declare-fun holds (Pin) Int)           ; the plan that a pin holds; 0 = none
(declare-fun picked () Int)             ; the newest plan that was ever pinned
(declare-fun returned (Int) Bool)       ; an operator's return published this plan
(declare-fun origin (Int) Int)          ; ... with the content of this older plan

; Cells. A cell's word moves up only, so its history has at most one value for each
; generation. `was c v` says that the word once stood on generation v; `off` and `back`
; are the rest of that value. 0 = vacant.
(declare-fun made (Cell) Bool)          ; the cell is allocated
(declare-fun since (Cell) Int)          ; the plan that brought it
(declare-fun stands (Cell) Int)         ; the generation it stands on now
(declare-fun was (Cell Int) Bool)
(declare-fun off (Cell Int) Bool)       ; that value is a withdrawal
(declare-fun back (Cell Int) Int)       ; the rollback target of that value; 0 = none
(declare-fun known (Endpoint) Bool)     ; the index has a cell for the endpoint
(declare-fun cell (Endpoint) Cell)      ; ... this one
(declare-fun its (Int Endpoint) Cell)   ; the cell that a plan has for an endpoint it names
(declare-fun been (Endpoint Int) Bool)  ; the plan was ever active at the endpoint

; Sweeps.
(declare-fun begun (Sweep) Bool)
(declare-fun listed (Sweep Cell) Bool)  ; in the list of cells that it took
(declare-fun old (Sweep Int) Bool)      ; in its list of plans that are old enough
(declare-fun saw (Sweep Int) Bool)      ; it found no pin held on this plan
(declare-fun token (Sweep Int) Int)     ; ... and the pin word then had this count
(declare-fun moved (Sweep Int Cell) Bool) ; the plan had been moved into the cell by then
(declare-fun read (Sweep Cell) Bool)    ; it has read the cell's word
(declare-fun found (Sweep Cell) Int)    ; ... and the word it read stood on this
(declare-fun by (Sweep Int) Bool)       ; it deleted this plan
(declare-fun gone (Int Cell) Int)       ; what the sweep that removed the plan had read

; ---- Words used below --------------------------------------------------------------

(define-fun named ((g Int) (e Endpoint)) Bool (names (content g) e))
; Generation g is the active plan, or the rollback target, in the value v of cell c.
(define-fun active ((c Cell) (v Int) (g Int)) Bool
  (and (was c v) (= v g) (not (off c v))))
(define-fun rollback ((c Cell) (v Int) (g Int)) Bool
  (and (was c v) (= (back c v) g)))
(define-fun uses ((c Cell) (v Int) (g Int)) Bool
  (or (active c v g) (rollback c v g)))
; The rollback target after a step at cell c: what is active now.
(define-fun leaves ((c Cell)) Int
  (ite (or (= (stands c) 0) (off c (stands c))) 0 (stands c)))
; No caller has taken a pin on the plan since the sweep saw it unpinned.
(define-fun fresh ((s Sweep) (g Int)) Bool
  (and (saw s g) (not (deleted g)) (= (token s g) (taken g))))

; ---- A new store -------------------------------------------------------------------

; A store that continues another one begins with that one's last generation.
(define-fun init.numbers () Bool (and (<= 0 newest) (<= newest last) (<= 0 keep)))
(define-fun init.plans () Bool
  (and (= picked 0) (forall ((g Int)) (and (not (indexed g)) (not (deleted g))
    (= (taken g) 0) (not (returned g))))))
(define-fun init.pins () Bool (forall ((p Pin)) (= (holds p) 0)))
(define-fun init.cells () Bool
  (forall ((c Cell)) (and (not (made c)) (= (stands c) 0)
    (forall ((v Int)) (not (was c v))))))
(define-fun init.endpoints () Bool
  (forall ((e Endpoint)) (and (not (known e)) (forall ((v Int)) (not (been e v))))))
(define-fun init.sweeps () Bool
  (forall ((s Sweep)) (and (not (begun s))
    (forall ((g Int)) (and (not (old s g)) (not (saw s g)) (not (by s g))))
    (forall ((c Cell)) (and (not (listed s c)) (not (read s c)))))))

; ---- Steps -------------------------------------------------------------------------

; Publish. One section under the lock. The plan takes over the cells of the plan before
; it, takes the others from the index, and brings new ones for endpoints that neither has.
(declare-fun ?content () Content)
(declare-fun ?new (Endpoint) Cell) ; memory that is free
(define-fun carried ((e Endpoint)) Bool (and (indexed newest) (named newest e)))
(define-fun chosen ((e Endpoint)) Cell
  (ite (carried e) (its newest e) (ite (known e) (cell e) (?new e))))
; It names the endpoint, and neither the plan before nor the index has a cell for it.
(define-fun brings ((e Endpoint)) Bool
  (and (names ?content e) (not (carried e)) (not (known e))))
(define-fun brought ((c Cell)) Bool (and (= c (?new (of c))) (brings (of c))))
(define-fun publish.when.not-exhausted () Bool (< newest last))
(define-fun publish.when.new-cells () Bool
  (forall ((e Endpoint))
    (=> (brings e) (and (not (made (?new e))) (= (of (?new e)) e)))))
(define-fun publish.newest () Int (+ newest 1))
(define-fun publish.content ((g Int)) Content (ite (= g (+ newest 1)) ?content (content g)))
(define-fun publish.indexed ((g Int)) Bool (or (= g (+ newest 1)) (indexed g)))
(define-fun publish.its ((g Int) (e Endpoint)) Cell
  (ite (= g (+ newest 1)) (chosen e) (its g e)))
(define-fun publish.known ((e Endpoint)) Bool (or (known e) (brings e)))
(define-fun publish.cell ((e Endpoint)) Cell (ite (brings e) (?new e) (cell e)))
(define-fun publish.made ((c Cell)) Bool (or (made c) (brought c)))
(define-fun publish.since ((c Cell)) Int (ite (brought c) (+ newest 1) (since c)))
(define-fun publish.stands ((c Cell)) Int (ite (brought c) 0 (stands c)))
(define-fun publish.was ((c Cell) (v Int)) Bool
  (ite (brought c) (= v 0) (was c v)))
(define-fun publish.off ((c Cell) (v Int)) Bool (and (off c v) (not (brought c))))
(define-fun publish.back ((c Cell) (v Int)) Int (ite (brought c) 0 (back c v)))

; An operator's return: the content of a plan that the operator has pinned, published
; as a new generation. The endpoints of a pinned plan are known, so a return brings no
; cell; if it had to, same-cell would fail here.
(declare-fun ?pin () Pin)
(define-fun again () Content (content (holds ?pin)))
(define-fun return.when.held () Bool (> (holds ?pin) 0))
(define-fun return.when.not-exhausted () Bool (< newest last))
(define-fun return.newest () Int (+ newest 1))
(define-fun return.content ((g Int)) Content (ite (= g (+ newest 1)) again (content g)))
(define-fun return.returned ((g Int)) Bool (or (= g (+ newest 1)) (returned g)))
(define-fun return.origin ((g Int)) Int (ite (= g (+ newest 1)) (holds ?pin) (origin g)))
(define-fun return.indexed ((g Int)) Bool (or (= g (+ newest 1)) (indexed g)))
(define-fun return.its ((g Int) (e Endpoint)) Cell
  (ite (= g (+ newest 1)) (chosen e) (its g e)))

; Take a pin: a compare-and-swap that counts it. A deleted plan refuses. A pin that holds a
; plan already lets go of it in the same step, which no caller can do; the proof allows it.
(declare-fun ?plan () Int)
(define-fun pin.when.indexed () Bool (indexed ?plan))
(define-fun pin.when.not-deleted () Bool (not (deleted ?plan)))
(define-fun pin.holds ((p Pin)) Int (ite (= p ?pin) ?plan (holds p)))
(define-fun pin.taken ((g Int)) Int (ite (= g ?plan) (+ (taken g) 1) (taken g)))
(define-fun pin.picked () Int (ite (> ?plan picked) ?plan picked))

; Give a pin back.
(define-fun unpin.holds ((p Pin)) Int (ite (= p ?pin) 0 (holds p)))

; Activate the pinned plan at an endpoint that it names: one compare-and-swap on the
; word of the plan's cell. A pin that holds nothing has `mine` = 0, and no word is below that.
(declare-fun ?endpoint () Endpoint)
(define-fun mine () Int (holds ?pin))
(define-fun here () Cell (its mine ?endpoint))
(define-fun activate.when.named () Bool (named mine ?endpoint))
(define-fun activate.when.newer () Bool (< (stands here) mine))
(define-fun activate.stands ((c Cell)) Int (ite (= c here) mine (stands c)))
(define-fun activate.was ((c Cell) (v Int)) Bool
  (or (was c v) (and (= c here) (= v mine))))
(define-fun activate.off ((c Cell) (v Int)) Bool
  (and (off c v) (not (and (= c here) (= v mine)))))
(define-fun activate.back ((c Cell) (v Int)) Int
  (ite (and (= c here) (= v mine)) (leaves c) (back c v)))
(define-fun activate.been ((e Endpoint) (v Int)) Bool
  (or (been e v) (and (= e ?endpoint) (= v mine))))

; Withdraw an endpoint that the pinned plan does not name. The caller found the cell in
; the index at some earlier moment, so it may be one that was forgotten since.
(declare-fun ?cell () Cell)
(define-fun withdraw.when.made () Bool (made ?cell))
(define-fun withdraw.when.not-named () Bool (not (named mine (of ?cell))))
(define-fun withdraw.when.newer () Bool (< (stands ?cell) mine))
(define-fun withdraw.when.not-older-than-cell () Bool
  (=> (= (stands ?cell) 0) (<= (since ?cell) mine)))
(define-fun withdraw.stands ((c Cell)) Int (ite (= c ?cell) mine (stands c)))
(define-fun withdraw.was ((c Cell) (v Int)) Bool
  (or (was c v) (and (= c ?cell) (= v mine))))
(define-fun withdraw.off ((c Cell) (v Int)) Bool
  (or (off c v) (and (= c ?cell) (= v mine))))
(define-fun withdraw.back ((c Cell) (v Int)) Int
  (ite (and (= c ?cell) (= v mine)) (leaves c) (back c v)))

; A sweep begins. In one section it lists the plans that are old enough, judged from the
; plan that was applied, and all cells.
(declare-fun ?sweep () Sweep)
(declare-fun ?applied () Int)
(define-fun begin.when.first () Bool (not (begun ?sweep)))
(define-fun begin.when.at-most-newest () Bool (<= ?applied newest))
(define-fun begin.begun ((s Sweep)) Bool (or (= s ?sweep) (begun s)))
(define-fun begin.listed ((s Sweep) (c Cell)) Bool
  (ite (= s ?sweep) (and (known (of c)) (= (cell (of c)) c)) (listed s c)))
(define-fun begin.old ((s Sweep) (g Int)) Bool
  (ite (= s ?sweep)
    (and (indexed g) (< g ?applied) (>= (- ?applied g) keep))
    (old s g)))

; It looks at a plan's pins, and sees none held. The load acquires. It may return an old
; value of the pin word, with a count below the present one. If the value is the present
; one, every earlier holder has given back, which releases: so the sweep has seen all
; moves of this plan into a cell. `moved` is that knowledge, and it is all that the
; sweep is assumed to know of the words' order.
(declare-fun ?count () Int)
(define-fun see.when.old () Bool (old ?sweep ?plan))
(define-fun see.when.before-reads () Bool
  (forall ((c Cell)) (=> (listed ?sweep c) (not (read ?sweep c)))))
(define-fun see.when.count () Bool (<= ?count (taken ?plan)))
(define-fun see.when.no-pin () Bool
  (=> (= ?count (taken ?plan)) (forall ((p Pin)) (distinct (holds p) ?plan))))
(define-fun see.saw ((s Sweep) (g Int)) Bool
  (or (saw s g) (and (= s ?sweep) (= g ?plan))))
(define-fun see.token ((s Sweep) (g Int)) Int
  (ite (and (= s ?sweep) (= g ?plan)) ?count (token s g)))
(define-fun see.moved ((s Sweep) (g Int) (c Cell)) Bool
  (ite (and (= s ?sweep) (= g ?plan))
    (and (= ?count (taken g)) (was c g)) (moved s g c)))

; It reads a cell's word. The load may return any value that the word ever had, however
; old, except one from before a move that the sweep knows of.
(declare-fun ?value () Int)
(define-fun read.when.listed () Bool (listed ?sweep ?cell))
(define-fun read.when.once () Bool (not (read ?sweep ?cell)))
(define-fun read.when.had () Bool (was ?cell ?value))
(define-fun read.when.not-older-than-released () Bool
  (forall ((g Int)) (=> (and (saw ?sweep g) (moved ?sweep g ?cell)) (<= g ?value))))
(define-fun read.read ((s Sweep) (c Cell)) Bool
  (or (read s c) (and (= s ?sweep) (= c ?cell))))
(define-fun read.found ((s Sweep) (c Cell)) Int
  (ite (and (= s ?sweep) (= c ?cell)) ?value (found s c)))

; It deletes a plan that it found in no cell: a compare-and-swap from the pin word that
; it saw.
(define-fun delete.when.saw () Bool (saw ?sweep ?plan))
(define-fun delete.when.not-deleted () Bool (not (deleted ?plan)))
(define-fun delete.when.no-pin-since () Bool (= (token ?sweep ?plan) (taken ?plan)))
(define-fun delete.when.all-read () Bool
  (forall ((c Cell)) (=> (listed ?sweep c) (read ?sweep c))))
(define-fun delete.when.not-active () Bool
  (forall ((c Cell)) (=> (listed ?sweep c) (not (active c (found ?sweep c) ?plan)))))
(define-fun delete.when.not-rollback () Bool
  (forall ((c Cell)) (=> (listed ?sweep c) (not (rollback c (found ?sweep c) ?plan)))))
(define-fun delete.deleted ((g Int)) Bool (or (= g ?plan) (deleted g)))
(define-fun delete.by ((s Sweep) (g Int)) Bool
  (or (by s g) (and (= s ?sweep) (= g ?plan))))

; It removes a plan that it has deleted from the index. A reader that takes the lock later
; and misses the plan has seen what the sweep had read: `gone`.
(define-fun remove.when.deleted-it () Bool (by ?sweep ?plan))
(define-fun remove.indexed ((g Int)) Bool (and (indexed g) (distinct g ?plan)))
(define-fun remove.gone ((g Int) (c Cell)) Int
  (ite (= g ?plan) (found ?sweep c) (gone g c)))

; It forgets an endpoint that no plan in the index names.
(define-fun forget.when.not-named () Bool
  (forall ((g Int)) (=> (indexed g) (not (named g ?endpoint)))))
(define-fun forget.known ((e Endpoint)) Bool (and (known e) (distinct e ?endpoint)))

; ---- The invariant -----------------------------------------------------------------

; What is claimed: names with a capital letter.
; At an endpoint where a plan is active, no newer one has ever been active; and no word
; has ever stood on a newer generation than it stands on.
(define-fun inv.Monotonic () Bool
  (forall ((e Endpoint) (v Int))
    (=> (and (known e) (been e v) (> (stands (cell e)) 0)) (<= v (stands (cell e))))))
(define-fun inv.ActiveKept () Bool
  (forall ((c Cell))
    (=> (and (made c) (> (stands c) 0) (not (off c (stands c))))
      (not (deleted (stands c))))))
(define-fun inv.RollbackKept () Bool
  (forall ((c Cell))
    (=> (and (made c) (> (back c (stands c)) 0)) (not (deleted (back c (stands c)))))))
(define-fun inv.PinnedKept () Bool
  (forall ((p Pin)) (=> (> (holds p) 0) (not (deleted (holds p))))))
; A reader read in a cell that a plan is active, and the plan is not in the index. When
; it reads again, it reads a newer value, and one that the word has had.
(define-fun inv.NeverEmpty () Bool
  (forall ((c Cell) (v Int))
    (=> (and (> v 0) (was c v) (not (off c v)) (not (indexed v)))
      (and (> (gone v c) v) (was c (gone v c))))))
; No plan that retention keeps is deleted, nor the newest.
(define-fun inv.Retained () Bool
  (forall ((g Int)) (=> (deleted g) (and (< g newest) (>= (- newest g) keep)))))
; A generation fits the bits it has.
(define-fun inv.Bounded () Bool (and (<= 0 newest) (<= newest last)))
; Content that returns comes from an older plan, and nothing goes back to that plan.
(define-fun inv.Returned () Bool
  (forall ((g Int)) (=> (returned g)
    (and (< 0 (origin g)) (< (origin g) g) (<= g newest)
      (= (content g) (content (origin g)))))))
; A cell never stands on a plan older than the one that brought it.
(define-fun inv.SinceBirth () Bool
  (forall ((c Cell)) (=> (and (made c) (> (stands c) 0)) (<= (since c) (stands c)))))

; Plans and pins.
(define-fun inv.numbered () Bool
  (forall ((g Int)) (=> (indexed g) (and (<= 1 g) (<= g newest)))))
(define-fun inv.newest-there () Bool
  (forall ((g Int)) (=> (indexed g) (indexed newest))))
; B of the induction in `memory`, for the plans for which the proof needs it: a plan that is
; pinned, or that was ever active at a cell and is not deleted, is in the index.
(define-fun inv.held-in-index () Bool
  (forall ((p Pin)) (and (<= 0 (holds p)) (=> (> (holds p) 0) (indexed (holds p))))))
(define-fun inv.used-in-index () Bool
  (forall ((c Cell) (v Int))
    (=> (and (> v 0) (was c v) (not (off c v))) (or (indexed v) (deleted v)))))
(define-fun inv.picked () Bool
  (and (forall ((p Pin)) (<= (holds p) picked)) (forall ((c Cell)) (<= (stands c) picked))
    (<= picked newest)))

; Endpoints.
; C of the induction: the index has the very cell that the plan has.
(define-fun inv.same-cell () Bool
  (forall ((g Int) (e Endpoint)) (=> (and (indexed g) (named g e))
    (and (known e) (= (its g e) (cell e))))))
(define-fun inv.cell-made () Bool
  (forall ((e Endpoint)) (=> (known e) (and (made (cell e)) (= (of (cell e)) e)))))
(define-fun inv.cell-not-younger () Bool
  (forall ((g Int) (e Endpoint)) (=> (and (indexed g) (named g e)) (<= (since (its g e)) g))))
(define-fun inv.born () Bool
  (forall ((c Cell)) (=> (made c) (and (<= 1 (since c)) (<= (since c) newest)))))
(define-fun inv.been () Bool
  (forall ((e Endpoint) (v Int)) (=> (been e v) (and (<= v newest)
    (=> (known e) (or (<= v (stands (cell e))) (< v (since (cell e)))))))))

; The history of a word.
(define-fun inv.history () Bool
  (forall ((c Cell) (v Int)) (=> (was c v) (and (made c) (<= 0 v) (<= v (stands c))))))
(define-fun inv.present () Bool
  (forall ((c Cell)) (and (<= 0 (stands c)) (=> (made c) (was c (stands c))))))
(define-fun inv.activated () Bool
  (forall ((c Cell) (v Int)) (=> (and (was c v) (> v 0) (not (off c v)))
    (and (named v (of c)) (= (its v (of c)) c)))))
(define-fun inv.withdrawn () Bool
  (forall ((c Cell) (v Int)) (=> (and (was c v) (> v 0) (off c v)) (not (named v (of c))))))
; A rollback target was active, and nothing stood between.
(define-fun inv.back-was-active () Bool
  (forall ((c Cell) (v Int)) (=> (and (was c v) (distinct (back c v) 0))
    (and (< 0 (back c v)) (< (back c v) v) (was c (back c v)) (not (off c (back c v)))))))
(define-fun inv.back-just-before () Bool
  (forall ((c Cell) (v Int) (u Int)) (=> (and (was c v) (was c u) (distinct (back c v) 0))
    (or (<= u (back c v)) (<= v u)))))

; Sweeps.
(define-fun inv.begun-old () Bool
  (forall ((s Sweep) (g Int)) (=> (old s g) (begun s))))
(define-fun inv.begun-listed () Bool
  (forall ((s Sweep) (c Cell)) (=> (listed s c) (and (begun s) (made c)))))
(define-fun inv.saw-old () Bool
  (forall ((s Sweep) (g Int)) (=> (saw s g) (old s g))))
(define-fun inv.old () Bool
  (forall ((s Sweep) (g Int))
    (=> (old s g) (and (<= 1 g) (< g newest) (>= (- newest g) keep)))))
; All cells of a plan on the list are on the list too.
(define-fun inv.old-listed () Bool
  (forall ((s Sweep) (g Int) (e Endpoint))
    (=> (and (old s g) (named g e)) (listed s (its g e)))))
(define-fun inv.read-listed () Bool
  (forall ((s Sweep) (c Cell)) (=> (read s c) (and (listed s c) (was c (found s c))))))
(define-fun inv.count () Bool
  (forall ((s Sweep) (g Int)) (=> (saw s g) (<= (token s g) (taken g)))))
; As long as the count is the one that the sweep saw, no pin is held on the plan, and the
; sweep knows of all cells that the plan was ever moved into.
(define-fun inv.fresh-unpinned () Bool
  (forall ((s Sweep) (g Int) (p Pin)) (=> (fresh s g) (distinct (holds p) g))))
(define-fun inv.fresh-knows () Bool
  (forall ((s Sweep) (g Int) (c Cell)) (=> (and (fresh s g) (was c g)) (moved s g c))))
(define-fun inv.moved () Bool
  (forall ((s Sweep) (g Int) (c Cell)) (=> (and (saw s g) (moved s g c)) (was c g))))
(define-fun inv.found-not-older () Bool
  (forall ((s Sweep) (g Int) (c Cell))
    (=> (and (saw s g) (moved s g c) (read s c)) (<= g (found s c)))))
(define-fun inv.by () Bool
  (forall ((s Sweep) (g Int)) (=> (by s g) (and (<= 1 g) (deleted g)))))
; The sweep that deleted a plan had read a newer value wherever the plan was active.
(define-fun inv.found-newer () Bool
  (forall ((s Sweep) (g Int) (c Cell))
    (=> (and (by s g) (was c g) (not (off c g))) (and (read s c) (< g (found s c))))))

; ---- What follows ------------------------------------------------------------------

; Progress. After a publish, the newest plan can be pinned; under that pin, each step of
; the pass can be taken or is done; and no step of the pass takes that from another.
(define-fun claim.Progress-pin () Bool
  (=> (and (exists ((g Int)) (indexed g)) (= ?plan newest))
    (and pin.when.indexed pin.when.not-deleted)))
(define-fun claim.Progress-activate () Bool
  (=> (and (> mine 0) (= mine newest) (named mine ?endpoint))
    (or (and activate.when.named activate.when.newer)
      (active here (stands here) mine))))
(define-fun claim.Progress-withdraw () Bool
  (=> (and (> mine 0) (= mine newest) (not (named mine ?endpoint)) (known ?endpoint)
      (= ?cell (cell ?endpoint)))
    (or (and withdraw.when.made withdraw.when.not-named
        withdraw.when.newer withdraw.when.not-older-than-cell)
      (and (= (stands ?cell) mine) (off ?cell mine)))))

; LatestWins. A step that was told *activated* or *already* left the word at or above its
; plan, and words move up only. No word is above the newest plan picked up.
(define-fun claim.LatestWins () Bool
  (=> (and (= mine picked) (known ?endpoint) (<= mine (stands (cell ?endpoint))))
    (= (stands (cell ?endpoint)) picked)))

; NeverEmpty. At an endpoint whose cell a sweep can forget, no plan is active, and there is
; no rollback target.
(define-fun claim.NeverForgotten () Bool
  (=> (and (known ?endpoint) forget.when.not-named)
    (and (= (leaves (cell ?endpoint)) 0)
      (= (back (cell ?endpoint) (stands (cell ?endpoint))) 0))))

; Reclaimed. A sweep at rest looks at each old plan before it reads a cell. If no pin is held
; on the plan, the look can be taken: that is what its guards say, so nothing is proved about
; it. Then the sweep can read the present value of each cell, and then it can delete the plan
; or finds it in use at an endpoint.
(define-fun claim.Reclaimed-read () Bool
  (=> (and (listed ?sweep ?cell) (not (read ?sweep ?cell))
      (= ?value (stands ?cell)))
    (and read.when.listed read.when.once read.when.had read.when.not-older-than-released)))
(define-fun claim.Reclaimed-delete () Bool
  (=> (and (indexed ?plan) (fresh ?sweep ?plan)
      (forall ((c Cell)) (=> (listed ?sweep c)
        (and (made c) (read ?sweep c) (= (found ?sweep c) (stands c))))))
    (or (exists ((e Endpoint)) (and (known e) (uses (cell e) (stands (cell e)) ?plan)))
      (and delete.when.saw delete.when.not-deleted delete.when.no-pin-since
        delete.when.all-read delete.when.not-active delete.when.not-rollback))))

; ---- What can happen ---------------------------------------------------------------

; These are wrong, and z3 finds an execution that shows it for each. Each step of this file
; occurs in one of them.
; A plan is activated, two others replace it, and a sweep deletes it and removes it.
(define-fun never.reclaimed () Bool
  (forall ((g Int) (c Cell))
    (not (and (deleted g) (not (indexed g)) (was c g) (not (off c g))))))
; An endpoint is withdrawn and forgotten, in either order.
(define-fun never.forgotten () Bool
  (forall ((c Cell)) (=> (and (made c) (off c (stands c))) (known (of c)))))
; A plan is pinned, an operator's return publishes its content anew, and the pin is given back.
(define-fun never.returned () Bool
  (forall ((g Int)) (=> (returned g) (exists ((p Pin)) (> (holds p) 0)))))
