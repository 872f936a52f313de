; The number was taken before: other plans may have come since.
(set-info :base "../memory-store.smt2")
(define-fun publish.when.number-before () Bool (and (< 0 ?plan) (<= ?plan (+ newest 1))))
(define-fun publish.newest () Int ?plan)
(define-fun publish.content ((g Int)) Content (ite (= g ?plan) ?content (content g)))
(define-fun publish.indexed ((g Int)) Bool (or (= g ?plan) (indexed g)))
(define-fun publish.its ((g Int) (e Endpoint)) Cell (ite (= g ?plan) (chosen e) (its g e)))
(define-fun publish.since ((c Cell)) Int (ite (brought c) ?plan (since c)))
