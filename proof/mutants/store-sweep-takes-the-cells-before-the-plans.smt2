; The cells were listed earlier than the plans: those that came since are not on the list.
(set-info :base "../memory-store.smt2")
(define-fun begin.listed ((s Sweep) (c Cell)) Bool
  (ite (= s ?sweep) (and (known (of c)) (= (cell (of c)) c) (<= (since c) ?count)) (listed s c)))
