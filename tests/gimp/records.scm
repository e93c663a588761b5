; What a result keeps: every setting of its job as it was used, so that the same comes of it when the defaults of
; its model are others.
;   refused? is of procedures.scm; open-photo, close and pictures-differ? are of sequences.scm

(define (record-of item name) (caddr (car (gimp-item-get-parasite item name))))

; The options of a procedure, as it tells them where one is none.
(define (options-of name thunk)
  (refused? (string-append name " with an option that is none") thunk "there is no \"nothing\"; there are ")
  (strbreakup (cadr (strbreakup last-message "; there are ")) ", "))
; Those of this machine, of the call alone and of several pictures at once are none of a picture's.
(define (check-record name options without record)
  (for-each
    (lambda (option)
      (if (not (member option without))
          (check (string-append name " keeps " option) (contains? record (string-append "\"" option "\":")))))
    options))
(define call-alone '("layer" "folder" "device" "threads" "memory_limit" "cache" "mark" "pictures"))

(define image (rgb 96 96 40))
(define layer (bottom image))
(define none "{\"nothing\": 1}")
(define no-text '("lora" "embedding" "controlnet" "control" "expert" "image_encoder" "order"))
(define options
  (options-of "Replace Person" (lambda () (plug-in-moa-replace-person RUN-NONINTERACTIVE image layer 1
                                            (vector subject) "" 1 -1 1 model none))))
(check= "a replacement as the model wants it" (replace image layer (vector subject) "" "{\"fixed_point\": 0}") #t)
; of texts those that say something; the others are in the test of LoRA and pose
(check-record "it" options (append call-alone no-text) (record-of (top image) "moa-replace-person"))

(define ann (open-photo "lake-subject.png"))
(define bea (open-photo "snow-subject.png"))
; procedure, words, persons, number, which of its own settings it keeps
(define (check-drawn name procedure words people number own)
  (let* ((call (lambda (options)
                 (cadr (procedure RUN-NONINTERACTIVE words (vector-length people) people 5 number model options))))
         (options (options-of name (lambda () (call none))))
         (made (call "{\"steps\": 2}"))
         (first (top made))
         (picture (if (= TRUE (car (gimp-item-is-group first))) (vector-ref (children first) 0) first)))
    (check-record name options call-alone (record-of picture "moa-generate"))
    (check-record name own '() (record-of picture "moa-generate"))
    (gimp-image-delete made)))
(define told (string-append out "/record-story.txt"))
(let ((port (open-output-file told)))
  (display (string-append "Ann (woman): " model "/pictures/lake-subject.png\npanel: Ann\npanel: a park\n") port)
  (close-output-port port))
(check-drawn "Generate" plug-in-moa-generate "a woman" (vector ann) 1 '())
(check-drawn "Morph" plug-in-moa-morph "a woman" (vector ann bea) 2 '("frames" "delay"))
(check-drawn "Time Lapse" plug-in-moa-time-lapse "a kid\na woman" (vector ann) 0 '())
(check-drawn "Story" plug-in-moa-story told #() 1 '("columns"))

; A panel in a picture keeps what a replacement does, and a morph that goes on the settings of its last run.
(let ((port (open-output-file told)))
  (display (string-append "steps: 1\nAnn (woman): " model "/pictures/lake-subject.png\npanel: Ann\nreplace: " model
                          "/pictures/lake.png\n") port)
  (close-output-port port))
(let* ((made (cadr (plug-in-moa-story RUN-NONINTERACTIVE told 0 #() 5 0 model "{}"))))
  (check-record "a story's replacement" options (append call-alone no-text)
                (record-of (vector-ref (children (top made)) 0) "moa-generate"))
  (check-record "it also" '("prompt_used" "replace" "columns") '()
                (record-of (vector-ref (children (top made)) 0) "moa-generate"))
  (gimp-image-delete made))
(define (frames n)
  (let* ((made (cadr (plug-in-moa-morph RUN-NONINTERACTIVE "a woman" 2 (vector ann bea) 5 n model
                       (string-append "{\"steps\": 1, \"folder\": \"" work "/kept-frames\"}"))))
         (text (record-of (bottom made) "moa-generate")))
    (gimp-image-delete made)
    text))
(frames 3)
(check "a frame that was kept says how many frames there are now" (contains? (frames 2) "\"frames\": 2"))

; ---- a model whose defaults change ----
(define (copy from to)
  (let ((in (open-input-file from)) (out (open-output-file to)))
    (let loop ((c (read-char in)))
      (if (not (eof-object? c)) (begin (write-char c out) (loop (read-char in)))))
    (close-input-port in)
    (close-output-port out)))
(define changing (string-append work "/changing"))
(define (result-of group) (vector-ref (children group) 0))
(define (differ a b) (apply + (moa-test-differ a b (car (gimp-layer-get-mask a)) 0 0)))
(define (made-by-defaults name)
  (check name (catch #f (plug-in-moa-replace-person RUN-NONINTERACTIVE image layer 1 (vector subject) "" 0 -1 1
                          changing "{}") #t))
  (result-of (top image)))
(gimp-image-select-rectangle image CHANNEL-OP-REPLACE 8 8 70 80)
(define before (made-by-defaults "a replacement by a model's own defaults"))
(define (drawn)
  (top (cadr (plug-in-moa-generate RUN-NONINTERACTIVE "a woman" 1 (vector ann) 5 1 changing
               "{\"steps\": 4, \"width\": 64, \"height\": 64}"))))
(define drawn-before (drawn))
(copy (string-append work "/other-config.json") (string-append changing "/moa/config.json"))
(check "with other defaults another one comes" (< 0 (differ before (made-by-defaults "and again"))))
(check "the first one is made again"
  (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image (car (gimp-item-get-parent before)) "{\"seed\": 1}") #t))
(check= "and is the same" (differ before (result-of (top image))) 0)
(check "what was drawn says which default it had, and what comes now the other one"
  (let ((now (drawn)))
    (let ((both (map (lambda (l) (contains? (record-of l "moa-generate") "\"max_timestep\": 700"))
                     (list drawn-before now))))
      (forget now)
      (equal? both '(#f #t)))))
(forget drawn-before)
(for-each close (list ann bea))
(gimp-image-delete image)
