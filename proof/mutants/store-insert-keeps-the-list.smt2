; The list of cells is an old one: it lacks those that came later.
(set-info :base "../memory-store.smt2")
(define-fun begin.listed ((s Sweep) (c Cell)) Bool
  (ite (= s ?sweep) (and (known (of c)) (= (cell (of c)) c) (<= (since c) ?count)) (listed s c)))
