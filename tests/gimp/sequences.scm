; Pictures that belong together: morph, time lapse, story.
;   refused?, check and the others are of common.scm and procedures.scm

(define (layer-names image) (map name-of (vector->list (cadr (gimp-image-get-layers image)))))
(define (pictures-differ? a b)
  (let* ((mask (car (gimp-layer-create-mask a ADD-MASK-WHITE)))
         (seen (begin (gimp-layer-add-mask a mask) (moa-test-differ a b mask 0 0))))
    (gimp-layer-remove-mask a MASK-DISCARD)
    (> (apply + seen) 0)))
(define (n-images) (car (gimp-image-list)))
(define (open-photo name)
  (let ((file (string-append model "/pictures/" name)))
    (bottom (car (gimp-file-load RUN-NONINTERACTIVE file file)))))
(define (close layer) (gimp-image-delete (car (gimp-item-get-image layer))))
(define (refused? name thunk part)
  (let ((n (n-images)))
    (set! last-message "")
    (check (string-append name " is refused") (catch #t (begin (thunk) #f)))
    (check (string-append name ": the message says \"" part "\"") (contains? last-message part))
    (check= (string-append name ": no image is left behind") (n-images) n)))
(define ann (open-photo "lake-subject.png"))
(define bea (open-photo "snow-subject.png"))
(define cid (open-photo "mountain-subject.png"))

; ---- morph ----
(define (morph prompt people frames options)
  (cadr (plug-in-moa-morph RUN-NONINTERACTIVE prompt (vector-length people) people 5 frames model options)))
(define (draw-one who seed)
  (cadr (plug-in-moa-generate RUN-NONINTERACTIVE "a woman on a beach" 1 (vector who) seed 1 model "{\"steps\": 3}")))
(let* ((made (morph "a woman on a beach" (vector ann bea) 3 "{\"steps\": 3, \"delay\": 90}"))
       (layers (cadr (gimp-image-get-layers made)))
       (first (draw-one ann 5)) (last (draw-one bea 5)))
  (check= "morph: a layer for each frame, lowest first, named for GIF" (layer-names made)
    '("Frame 3 (90ms) (replace)" "Frame 2 (90ms) (replace)" "Frame 1 (90ms) (replace)"))
  (check= "morph: all show" (map (lambda (l) (car (gimp-item-get-visible l))) (vector->list layers)) '(1 1 1))
  (check= "morph: the first frame is the first person as Generate draws her"
    (pictures-differ? (vector-ref layers 2) (top first)) #f)
  (check= "morph: the last one the second" (pictures-differ? (vector-ref layers 0) (top last)) #f)
  (check "morph: between is another one than both"
    (and (pictures-differ? (vector-ref layers 1) (top first)) (pictures-differ? (vector-ref layers 1) (top last))))
  (check "morph: a frame keeps what it was made of"
    (let ((text (caddr (car (gimp-item-get-parasite (vector-ref layers 1) "moa-generate")))))
      (and (contains? text "50 %") (contains? text "lake-subject") (contains? text "\"seed\": 5"))))
  (check "morph: the image's comment says what made it"
    (contains? (caddr (car (gimp-image-get-parasite made "gimp-comment"))) "MoA for GIMP"))
  (let ((file (string-append out "/morph.gif")))
    (gimp-image-convert-indexed made CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 255 FALSE FALSE "")
    (file-gif-save RUN-NONINTERACTIVE made (top made) file file 0 1 100 0)
    (let ((again (car (gimp-file-load RUN-NONINTERACTIVE file file))))
      (check= "morph: GIMP makes a GIF animation of it, with the frames' time"
        (list (n-layers again) (contains? (name-of (bottom again)) "90ms")) '(3 #t))
      (gimp-image-delete again)))
  (for-each gimp-image-delete (list made first last)))
(let ((made (morph "a man and a woman" (vector ann bea cid) 2 "{\"steps\": 2, \"width\": 64, \"height\": 96, \"mark\": false}")))
  (check= "morph: somebody stays beside, at another size; 150 ms are usual"
    (list (car (gimp-image-width made)) (car (gimp-image-height made)) (name-of (bottom made)))
    '(64 96 "Frame 1 (150ms) (replace)"))
  (check= "morph: no mark if the options leave it out"
    (catch "" (car (gimp-image-get-parasite made "gimp-comment"))) "")
  (gimp-image-delete made))
(let ((made (morph "" #() 2 (string-append "{\"steps\": 2, \"subjects\": [\"file:" model
                             "/pictures/lake-subject.png\", [\"layer:" (name-of bea) "\"]]}"))))
  (check= "morph: without words, with persons by name" (n-layers made) 2)
  (gimp-image-delete made))
(refused? "morph of one person" (lambda () (morph "a man" (vector ann) 3 "{}")) "two persons")
(refused? "morph of one frame" (lambda () (morph "a man" (vector ann bea) 1 "{}")) "2 to 1000")
(refused? "morph without a noun" (lambda () (morph "a red house" (vector ann bea) 3 "{\"steps\": 2}")) "a red house")
(refused? "morph with an option of Generate's"
  (lambda () (morph "a man" (vector ann bea) 3 "{\"pictures\": 2}")) "frames, delay")
(refused? "morph with too little memory"
  (lambda () (morph "a man" (vector ann bea) 3 "{\"memory_limit\": 4}")) "MiB")
(refused? "morph in a dialog without a display"
  (lambda () (plug-in-moa-morph RUN-INTERACTIVE "" 0 #() 0 2 "" "")) "RUN-NONINTERACTIVE")

; ---- time lapse ----
(define (time-lapse ages people delay options)
  (cadr (plug-in-moa-time-lapse RUN-NONINTERACTIVE ages (vector-length people) people 5 delay model options)))
(let* ((made (time-lapse "a kid on a beach\n  a woman on a beach  \n\n" (vector ann) 0 "{\"steps\": 3}"))
       (one (draw-one ann 5)))
  (check= "time lapse: a layer for each line" (layer-names made)
    '("a woman on a beach (800ms) (replace)" "a kid on a beach (800ms) (replace)"))
  (check= "time lapse: as Generate draws the words with that seed"
    (list (pictures-differ? (top made) (top one)) (pictures-differ? (bottom made) (top one))) '(#f #t))
  (for-each gimp-image-delete (list made one)))
(let ((made (time-lapse "woman" (vector ann) 250 "{\"steps\": 1, \"width\": 64, \"height\": 64}")))
  (check= "time lapse: seven ages of a noun"
    (list (n-layers made) (name-of (bottom made)) (name-of (top made)))
    '(7 "a photo of a baby (250ms) (replace)" "a photo of a very old woman (250ms) (replace)"))
  (gimp-image-delete made))
(refused? "time lapse of nobody" (lambda () (time-lapse "" #() 0 "{}")) "Add the person")
(refused? "time lapse with an age that lasts too long" (lambda () (time-lapse "" (vector ann) 70000 "{}")) "60000")
(let ((begin-time (car (gettimeofday))))
  (refused? "time lapse with a line without a noun"
    (lambda () (time-lapse "a kid\na red house" (vector ann) 0 "{\"steps\": 999, \"width\": 512, \"height\": 512}"))
    "a red house")
  (check "before the lines above it are drawn, which would take minutes"
         (< (- (car (gettimeofday)) begin-time) 30)))

; ---- story ----
(define (story file people columns options)
  (cadr (plug-in-moa-story RUN-NONINTERACTIVE file (vector-length people) people 5 columns model options)))
(define (write-file name . lines)
  (let* ((file (string-append out "/" name)) (port (open-output-file file)))
    (for-each (lambda (line) (display line port) (newline port)) lines)
    (close-output-port port)
    file))
(define (photo name) (string-append model "/pictures/" name ".png"))
(define told (write-file "story.txt"
  "title: At the lake" "steps: 3" "rows: 1"
  (string-append "Ann (woman): " (photo "lake-subject"))
  (string-append "Ben (man): " (photo "mountain-subject"))
  "panel: Ann on a beach" "caption: She was early." "panel: Ben (boy) and Ann in the snow" "seed: 9"
  "panel: Ann" (string-append "replace: " (photo "lake")) (string-append "select: " (photo "lake-selection"))
  "caption: At last."))
(define (part page n) (vector-ref (children page) n))
(let* ((made (story told #() 0 "{}")) (first (top made)) (second (bottom made))
       (one (draw-one ann 5)) (lake (open-photo "lake.png")) (white (open-photo "lake-selection.png")))
  (check= "story: a group for each page, the first one on top and visible"
    (list (layer-names made) (map (lambda (l) (car (gimp-item-get-visible l))) (list first second)))
    '(("Page 1" "Page 2") (1 0)))
  (check= "story: a page has paper, title, panels and captions"
    (map name-of (vector->list (children first)))
    '("Panel 2" "She was early." "Panel 1" "At the lake" "Paper"))
  (check= "story: a panel is as Generate draws it" (pictures-differ? (part first 2) (top one)) #f)
  (for-each
    (lambda (item)
      (refused? (string-append "story: repeating \"" (name-of item) "\"")
        (lambda () (plug-in-moa-repeat RUN-NONINTERACTIVE made item 3)) "open Generate, Morph, Time Lapse or Story again")
      (refused? (string-append "story: editing \"" (name-of item) "\"")
        (lambda () (plug-in-moa-edit RUN-NONINTERACTIVE made item "{}")) "Story again"))
    (list first (part first 2)))
  (check "story: with other words, persons and seed another picture"
    (let ((text (caddr (car (gimp-item-get-parasite (part first 0) "moa-generate")))))
      (and (contains? text "a boy <1> and a woman <2> in the snow") (contains? text "\"seed\": 9"))))
  (check= "story: panels stand side by side below the title"
    (let ((a (gimp-drawable-offsets (part first 2))) (b (gimp-drawable-offsets (part first 0))))
      (list (= (cadr a) (cadr b)) (>= (- (car b) (car a)) 128) (> (cadr a) 20))) '(#t #t #t))
  (check= "story: the caption is below its panel"
    (> (cadr (gimp-drawable-offsets (part first 1))) (+ 127 (cadr (gimp-drawable-offsets (part first 2))))) #t)
  (check "story: words are dark on what is clear"
    (let ((values (gimp-drawable-histogram (part first 3) HISTOGRAM-ALPHA 0 1)))
      (and (> (car values) 0) (< (car values) 250))))
  (check= "story: a panel in a picture has that picture's size"
    (list (width-of (part second 1)) (height-of (part second 1))) (list (width-of lake) (height-of lake)))
  (check "story: and changes nothing outside the selection"
    (let ((seen (moa-test-differ (part second 1) lake white 0 0)))
      (and (= 0 (car seen)) (> (cadr seen) 0))))
  (for-each gimp-image-delete (list made one))
  (for-each close (list lake white)))
(let* ((made (story told (vector bea) 1 "{\"rows\": 3}")) (page (top made)) (one (draw-one bea 5)))
  (check= "story: another one takes a part; columns and rows are the call's"
    (list (n-layers made) (name-of (part page 4))
          (pictures-differ? (part page 4) (top one))) '(1 "Panel 1" #f))
  (for-each gimp-image-delete (list made one)))
(let* ((made (story (write-file "sized.txt" "steps: 2" "size: 64x96" "panel: a man" "panel: a man" "size: 96x64") #() 0 "{}"))
       (page (top made)))
  (check= "story: a size for all panels, and a panel's own"
    (map (lambda (n) (list (width-of (part page n)) (height-of (part page n)))) '(0 1)) '((96 64) (64 96)))
  (gimp-image-delete made))
(refused? "a story with a size that is none"
  (lambda () (story (write-file "bad.txt" "panel: a man" "size: 64 by 96") #() 0 "{}")) "write it as 512x512")

; who is between two others
(define (blended share . panel)
  (story (apply write-file "blend.json"
    "{\"steps\": 3, \"characters\": {\"Mia\": {\"words\": \"woman\", \"photos\": {"
    (string-append "\"from\": \"" (photo "lake-subject") "\", \"to\": [\"" (photo "snow-subject") "\"], \"share\": " share "}}},")
    (append panel '("}"))) #() 0 "{}"))
(let* ((made (blended "0.5" "\"panels\": [{\"panel\": \"Mia on a beach\"}, {\"panel\": \"Mia on a beach\"}]"))
       (page (top made)) (morphed (morph "a woman on a beach" (vector ann bea) 3 "{\"steps\": 3}")))
  (check= "story: a blend of two is the middle of their morph, in each panel"
    (map (lambda (n) (pictures-differ? (part page n) (vector-ref (cadr (gimp-image-get-layers morphed)) 1))) '(0 1))
    '(#f #f))
  (check "story: a panel keeps who is between whom"
    (let ((text (caddr (car (gimp-item-get-parasite (part page 0) "moa-generate")))))
      (and (contains? text "lake-subject") (contains? text "snow-subject") (contains? text "50 %"))))
  (for-each gimp-image-delete (list made morphed)))
(let* ((lines (list (string-append "\"panels\": [{\"panel\": \"Mia\", \"replace\": \"" (photo "lake") "\", \"select\": \"")
                    (string-append (photo "lake-selection") "\"}]")))
       (some (apply blended "0.2" (list (apply string-append lines))))
       (more (apply blended "0.8" (list (apply string-append lines)))))
  (check "story: in a replacement too" (pictures-differ? (part (top some) 0) (part (top more) 0)))
  (for-each gimp-image-delete (list some more)))
(refused? "a blend with a photo that is missing"
  (lambda () (story (write-file "bad.json" "{\"characters\": {\"Mia\": {\"words\": \"woman\", \"photos\": {"
    (string-append "\"from\": \"" (photo "lake-subject") "\", \"to\": \"nobody.png\", \"share\": 0.5}}},")
    "\"panels\": [{\"panel\": \"Mia\"}]}") #() 0 "{}")) "nobody.png")

; who stays, of two whom the model tells apart: each in the model's own picture, side by side
(define two (string-append out "/two.png"))
(let ((image (car (gimp-image-new 256 128 RGB))))
  (for-each
    (lambda (name x)
      (let* ((from (open-photo name)) (layer (car (gimp-layer-new-from-drawable from image))))
        (gimp-image-insert-layer image layer 0 0)
        (gimp-layer-set-offsets layer x 0)
        (close from)))
    '("lake.png" "snow.png") '(0 128))
  (file-png-save-defaults RUN-NONINTERACTIVE image (car (gimp-image-flatten image)) two two)
  (gimp-image-delete image))
(define (pair-story name . ann)
  (top (story (apply write-file name "steps: 4" "freedom: 0.5" (append ann (list "Ben (man): keep" "panel: Ann and Ben"
         (string-append "replace: " two)))) #() 0 "{}")))
(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE two two))) (layer (bottom image)) (left -1)
       (page (pair-story "keep.txt" (string-append "Ann (woman): " (photo "lake-subject")))))
  (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 0 0 128 128)
  (set! left (car (gimp-layer-create-mask layer ADD-MASK-SELECTION)))
  (gimp-layer-add-mask layer left)
  (check "story: one person of a picture goes, and the other stays, but for what is near"
    (let ((seen (moa-test-differ layer (part page 0) left 0 0)))
      (and (> (cadr seen) 5000) (< (* 5 (car seen)) (cadr seen)))))
  (check "story: the panel keeps who stays"
    (contains? (caddr (car (gimp-item-get-parasite (part page 0) "moa-generate"))) "\"keep\""))
  (close page)
  (gimp-image-delete image))
(refused? "everybody stays" (lambda () (pair-story "bad.txt" "Ann (woman): keep")) "All persons are to stay")
(refused? "somebody stays in a panel that has no picture"
  (lambda () (story (write-file "bad.txt" "Ben (man): keep" "panel: a park" "panel: Ben") #() 0 "{}"))
  "line 3: Ben stays as in the picture, but this panel has none")
(refused? "somebody between two, one of whom stays"
  (lambda () (story (write-file "bad.json" "{\"characters\": {\"Mia\": {\"words\": \"woman\", \"photos\": {"
    (string-append "\"from\": \"" (photo "lake-subject") "\", \"to\": \"keep\", \"share\": 0.5}}},")
    "\"panels\": [{\"panel\": \"Mia\"}]}") #() 0 "{}")) "Mia: nobody can be between")

; what is drawn is kept in a folder
(define kept (string-append out "/kept Ж"))
(let* ((options (string-append "{\"folder\": \"" kept "\"}"))
       (once (story told (vector ann) 0 options)) (again (story told (vector ann) 0 options))
       (other (story told (vector bea) 0 options)) (page (top once)))
  (check= "story: a second run gives the same as the first"
    (map (lambda (n) (pictures-differ? (part page n) (part (top again) n))) '(0 2)) '(#f #f))
  (check= "story: with its record"
    (caddr (car (gimp-item-get-parasite (part page 0) "moa-generate")))
    (caddr (car (gimp-item-get-parasite (part (top again) 0) "moa-generate"))))
  (check "story: with another person another" (pictures-differ? (part page 2) (part (top other) 2)))
  (for-each gimp-image-delete (list once again other)))
(refused? "a folder that cannot be made" (lambda () (story told #() 0 "{\"folder\": \"/dev/null/kept\"}"))
  "/dev/null/kept")
(refused? "a folder for Generate"
  (lambda () (plug-in-moa-generate RUN-NONINTERACTIVE "a man" 0 #() 1 1 model "{\"folder\": \"/tmp\"}"))
  "there is no \"folder\"")

; the tiny model of the fixtures has a ControlNet in its folder
(define (story-by-tiny . lines)
  (top (cadr (plug-in-moa-story RUN-NONINTERACTIVE (apply write-file "control.txt" "steps: 2" lines) 0 #() 5 0
                                (string-append data "/tiny") "{}"))))
(let* ((follow (string-append "control: " (photo "lake")))
       (page (story-by-tiny "panel: a man" "panel: a man" follow "panel: a man" follow "control_scale: 0"))
       (plain (part page 2)))
  (check= "story: a picture that a ControlNet follows; at scale 0 it is not followed"
    (list (pictures-differ? (part page 1) plain) (pictures-differ? (part page 0) plain)) '(#t #f))
  (close page))
(let* ((lines (list (string-append "Ann (woman): " (photo "lake-subject")) "freedom: 1" "panel: Ann"
                    (string-append "replace: " (photo "lake")) (string-append "select: " (photo "lake-selection"))))
       (page (apply story-by-tiny lines))
       (other (apply story-by-tiny (append lines (list (string-append "control: " (photo "snow")))))))
  (check "story: in a replacement too" (pictures-differ? (part page 0) (part other 0)))
  (for-each close (list page other)))
(refused? "a story with a control for a model without a ControlNet"
  (lambda ()
    (plug-in-moa-story RUN-NONINTERACTIVE
                       (write-file "bad.txt" "panel: a man" (string-append "control: " (photo "lake"))) 0 #() 5 0 bare "{}"))
  "ControlNet")
(refused? "a story with a control that is missing"
  (lambda () (story (write-file "bad.txt" "panel: a man" "control: nothing.png") #() 0 "{}")) "nothing.png")
(refused? "a story with a control's number that is none"
  (lambda () (story (write-file "bad.txt" "panel: a man" (string-append "control: " (photo "lake")) "control_end: late")
                    #() 0 "{}")) "control_end")
(refused? "a story that is not there" (lambda () (story "/nowhere/s.txt" #() 0 "{}")) "/nowhere/s.txt")
(refused? "a story without a panel" (lambda () (story (write-file "bad.txt" "title: None") #() 0 "{}")) "no panel")
(refused? "a story with a setting that is none, before anything is drawn"
  (lambda () (story (write-file "bad.txt" "steps: 999" "panel: a man" "panel: a man" "sede: 9") #() 0 "{}"))
  "bad.txt, line 3: options: there is no \"sede\"")
(refused? "a character without words"
  (lambda () (story (write-file "bad.txt" "steps: 999" (string-append "Ann (): " (photo "lake-subject"))
                                "panel: Ann") #() 0 "{}")) "line 2")
(refused? "a photo that is missing"
  (lambda () (story (write-file "bad.txt" "Ann (woman): nobody.png" "panel: Ann") #() 0 "{}")) "nobody.png")
(refused? "a picture to replace in that is missing"
  (lambda () (story (write-file "bad.txt" (string-append "Ann (woman): " (photo "lake-subject")) "panel: Ann"
                                "replace: nothing.png") #() 0 "{}")) "nothing.png")
(refused? "a selection of another size"
  (lambda () (story (write-file "bad.txt" (string-append "Ann (woman): " (photo "lake-subject")) "panel: Ann"
                                (string-append "replace: " (photo "lake"))
                                (string-append "select: " (photo "lake-subject"))) #() 0 "{}")) "must have the size")
(refused? "more persons than characters" (lambda () (story told (vector ann bea cid) 0 "{}")) "3 persons")

(for-each close (list ann bea cid))
