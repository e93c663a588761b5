; The other procedures: repeat, edit, router maps, generate, subjects, models; options by name.

(define (refused? name thunk part)
  (check (string-append name " is refused") (catch #t (begin (thunk) #f)))
  (check (string-append name ": the message says \"" part "\"") (contains? last-message part)))

(define (options text) (string-append "{\"fixed_point\": 0, \"steps\": 2, " text "}"))

(define (group-parasite group name)
  (catch "" (caddr (car (gimp-item-get-parasite group name)))))

; ---- the target and the subjects by name ----
(define image (rgb 96 96 30))
(define layer (bottom image))
(gimp-item-set-name layer "The Target")
(gimp-item-set-name subject "Ann \"of\" tests")
(gimp-image-select-ellipse image CHANNEL-OP-REPLACE 20 20 50 60)
(check= "layer and subject by name"
  (replace image -1 #() ""
           (options "\"layer\": \"The Target\", \"subjects\": [\"Ann \\\"of\\\" tests\"], \"freedom\": 0.4"))
  #t)
(check= "the result is above the target" (list (n-layers image) (bottom image)) (list 2 layer))
(define group (top image))
(define result (vector-ref (children group) 0))
(check-fails "a layer name that is not there" image -1 #() ""
             (options "\"layer\": \"Nobody\", \"subjects\": [\"layer:Ann \\\"of\\\" tests\"]") "\"Nobody\"")
(check-fails "a subject name that is not there" image layer #() "" (options "\"subjects\": [\"Bob\"]")
             "\"Bob\"")
(check-fails "a file that is no picture" image layer #() "" (options "\"subjects\": [\"file:/etc/passwd\"]")
             "/etc/passwd")
(check-fails "subjects that are no list" image layer #() "" (options "\"subjects\": \"Ann\"") "list")
(check-fails "everybody stays" image layer #() "" (options "\"subjects\": [\"keep\"]")
             "All persons are to stay")
(let ((photo (string-append model "/pictures/lake-subject.png")) (n (car (gimp-image-list))))
  (check= "several photos of one, from layers and files"
    (replace image layer #() ""
             (options (string-append "\"subjects\": [[\"layer:Ann \\\"of\\\" tests\", \"file:" photo "\"]]")))
    #t)
  (check= "the file's image is closed again" (car (gimp-image-list)) n)
  (gimp-image-remove-layer image (top image)))

; ---- what the group keeps ----
(check "it says that it was made with this tool"
       (contains? (group-parasite group "moa-made-with") "MoA for GIMP"))
(check "so does the image's comment, for picture files"
       (contains? (caddr (car (gimp-image-get-parasite image "gimp-comment"))) "MoA for GIMP"))
(check "the parameters have a version" (contains? (group-parasite group "moa-replace-person") "\"version\": 2"))

; ---- the same again: from the record alone, without the subject's layer ----
(define (pixels-of a b) (moa-test-differ a b (car (gimp-layer-get-mask a)) 0 0))
(gimp-item-set-name subject "gone")
(check= "edit without changes only tells the settings"
  (let ((n (n-layers image))
        (text (car (plug-in-moa-edit RUN-NONINTERACTIVE image result ""))))
    (list (contains? text "\"freedom\": 0.4") (contains? text "\"seed\": 1") (- (n-layers image) n)))
  '(#t #t 0))
(gimp-selection-none image)
(check "edit with the same seed runs"
       (catch #f (contains? (car (plug-in-moa-edit RUN-NONINTERACTIVE image group "{\"seed\": 1}")) "\"seed\": 1")))
(check= "and gives the same pixels, from the features and the selection that the group keeps"
        (pixels-of result (vector-ref (children (top image)) 0)) '(0 0))
(check= "and the same mask"
        (moa-test-differ (car (gimp-layer-get-mask result))
                         (car (gimp-layer-get-mask (vector-ref (children (top image)) 0)))
                         (car (gimp-layer-get-mask result)) 0 0) '(0 0))
(check "repeat runs" (catch #f (plug-in-moa-repeat RUN-NONINTERACTIVE image result 7) #t))
(check "and keeps its seed" (contains? (group-parasite (top image) "moa-replace-person") "\"seed\": 7"))
(check "and gives other pixels"
       (< 0 (apply + (pixels-of result (vector-ref (children (top image)) 0)))))
(refused? "repeat of a plain layer" (lambda () (plug-in-moa-repeat RUN-NONINTERACTIVE image layer 1))
          "not a result")
(refused? "repeat without a dialog's display" (lambda () (plug-in-moa-repeat RUN-INTERACTIVE image layer 1))
          "RUN-NONINTERACTIVE")
(check "edit with freedom 0 runs"
       (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image group "{\"freedom\": 0}") #t))
(refused? "a new seed where it changes nothing"
          (lambda () (plug-in-moa-repeat RUN-NONINTERACTIVE image (top image) 3)) "freedom 0")
(refused? "edit with an unknown option"
          (lambda () (plug-in-moa-edit RUN-NONINTERACTIVE image group "{\"fredom\": 0}")) "fredom")

; ---- variations ----
(let ((n (n-layers image)))
  (check= "three variations run"
    (replace image layer (vector subject) "" (options "\"variations\": 3, \"freedom\": 0.5, \"mark\": false")) #t)
  (check= "a group each" (- (n-layers image) n) 3)
  (check= "the first is on top, and the only one that shows"
    (map (lambda (i)
           (let ((g (vector-ref (cadr (gimp-image-get-layers image)) i)))
             (list (car (gimp-item-get-visible g))
                   (contains? (group-parasite g "moa-replace-person")
                              (string-append "\"seed\": " (number->string (+ 1 i)))))))
         '(0 1 2))
    '((1 #t) (0 #t) (0 #t)))
  (check= "no mark if the options leave it out" (group-parasite (top image) "moa-made-with") ""))
(check-fails "variations without freedom" image layer (vector subject) ""
             (options "\"variations\": 2, \"freedom\": 0") "freedom")

; ---- router maps ----
(let ((sheet (string-append out "/maps.png")))
  (check "a sheet of the maps" (catch #f (plug-in-moa-router-maps RUN-NONINTERACTIVE image result sheet) #t))
  (let* ((loaded (car (gimp-file-load RUN-NONINTERACTIVE sheet sheet))) (tile (+ 4 128)))
    (check= "four by four" (list (car (gimp-image-width loaded)) (car (gimp-image-height loaded)))
            (list (+ 4 (* 4 tile)) (+ 4 (* 4 tile))))
    (gimp-image-delete loaded)))
(let ((n (vector-length (children group))))
  (check "as layers" (catch #f (plug-in-moa-router-maps RUN-NONINTERACTIVE image group "") #t))
  (check= "sixteen hidden ones, below the result"
    (list (- (vector-length (children group)) n) (vector-ref (children group) 0)
          (car (gimp-item-get-visible (vector-ref (children group) 1))))
    (list 16 result 0))
  (check "named by their block" (contains? (name-of (vector-ref (children group) 1)) "Router 1: ")))
(refused? "maps of a plain layer"
          (lambda () (plug-in-moa-router-maps RUN-NONINTERACTIVE image layer "")) "not a result")
(refused? "a sheet where nothing can be written"
          (lambda () (plug-in-moa-router-maps RUN-NONINTERACTIVE image group "/nowhere/maps.png"))
          "/nowhere/maps.png")

; ---- a duplicate of the image, where GIMP gives layers other tattoos ----
; three more layers, so that some tattoo of the duplicate is one that another layer of the image has
(let* ((image (rgb 96 96 30)) (fill (lambda (name)
                (let ((new (car (gimp-layer-new image 96 96 RGB-IMAGE name 100 LAYER-MODE-NORMAL))))
                  (gimp-image-insert-layer image new 0 0)
                  (gimp-drawable-fill new FILL-WHITE)
                  new)))
       (others (list (fill "one") (fill "two") (fill "three")))
       (target (car others)))
  (moa-test-fill target 41)
  (gimp-item-set-name (bottom image) "Base")
  (check= "a result of a layer in the middle" (replace image target (vector subject) "" (options "\"freedom\": 0.4")) #t)
  (let* ((above (lambda (n image) ; the n-th layer above "one"
                  (vector-ref (cadr (gimp-image-get-layers image))
                              (- (car (gimp-image-get-item-position image (car (gimp-image-get-layer-by-name image "one")))) n))))
         (of (lambda (image) (above 1 image)))
         (copy (car (gimp-image-duplicate image))))
    (check "the duplicate is repeated" (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE copy (of copy) "{\"seed\": 1}") #t))
    (check= "above the same layer, and the first result" (map (lambda (n) (name-of (above n copy))) '(1 2 3))
            '("Replace Person" "Replace Person #1" "two"))
    (check= "with the same pixels"
            (pixels-of (vector-ref (children (of image)) 0) (vector-ref (children (above 2 copy)) 0)) '(0 0))
    (gimp-item-set-name target "renamed")
    (check "a layer with another name is found in its own image"
      (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image (vector-ref (cadr (gimp-image-get-layers image)) 2) "{\"seed\": 1}") #t))
    (gimp-image-delete copy)
    (gimp-image-delete image)))

; ---- the XCF, damaged and newer records ----
(let ((file (string-append out "/record.xcf")))
  (gimp-xcf-save 0 image layer file file)
  (let* ((again (car (gimp-xcf-load 0 file file)))
         (kept (vector-ref (cadr (gimp-image-get-layers again)) (- (n-layers again) 2))))
    (check "a result from a file is repeated"
           (catch #f (plug-in-moa-repeat RUN-NONINTERACTIVE again kept 9) #t))
    (define (spoil name text)
      (gimp-item-attach-parasite kept (list name 1 text)))
    (spoil "moa-subjects" "no JSON")
    (refused? "a damaged record of the subjects"
              (lambda () (plug-in-moa-repeat RUN-NONINTERACTIVE again kept 9)) "moa-subjects")
    (check "but the options may name others"
           (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE again kept "{\"subjects\": [\"gone\"]}") #t))
    (spoil "moa-replace-person" "{\"version\": 99, \"prompt\": \"\"}")
    (refused? "settings of a newer version"
              (lambda () (plug-in-moa-edit RUN-NONINTERACTIVE again kept "")) "version 99")
    (check "and they are not lost"
           (contains? (group-parasite kept "moa-replace-person") "99"))
    (spoil "moa-replace-person" "{broken")
    (refused? "settings that are damaged"
              (lambda () (plug-in-moa-edit RUN-NONINTERACTIVE again kept "")) "not JSON")
    (gimp-image-delete again)))
(gimp-image-remove-layer image layer)
(refused? "a result whose source is gone"
          (lambda () (plug-in-moa-repeat RUN-NONINTERACTIVE image group 9)) "is gone")
(gimp-image-delete image)

; ---- saved subjects ----
(define (subjects action name text layers)
  (car (plug-in-moa-subjects RUN-NONINTERACTIVE action name text (vector-length layers) layers model)))
(check "no saved subjects at first" (contains? (subjects "list" "" "" #()) "\"subjects\": []"))
(check "one is saved" (contains? (subjects "add" "Ann / \"A\"" "" (vector subject subject)) "\"photos\": 2"))
(refused? "the same name again" (lambda () (subjects "add" "Ann / \"A\"" "" (vector subject))) "already")
(refused? "one without a photo" (lambda () (subjects "add" "Bob" "" #())) "layers")
(refused? "one without a name" (lambda () (subjects "add" "" "" (vector subject))) "name")
(check "it is renamed" (contains? (subjects "rename" "Ann / \"A\"" "Ann" #()) "\"name\": \"Ann\""))
(let* ((file (string-append out "/ann.safetensors")) (image (rgb 96 80 31)) (layer (bottom image)))
  (check "it is exported" (contains? (subjects "export" "Ann" file #()) "Ann"))
  (check= "it is used by its name" (replace image layer #() "" (options "\"subjects\": [\"saved:Ann\"]")) #t)
  (check= "and by its file"
    (replace image layer #() "" (options (string-append "\"subjects\": [\"saved:" file "\"]"))) #t)
  (check= "both are the same" (pixels-of (vector-ref (children (top image)) 0)
                                         (vector-ref (children (vector-ref (cadr (gimp-image-get-layers image)) 1)) 0))
          '(0 0))
  (check "it is deleted" (contains? (subjects "delete" "Ann" "" #()) "\"subjects\": []"))
  (refused? "one that is not there" (lambda () (subjects "delete" "Ann" "" #())) "\"Ann\"")
  (check "it is imported" (contains? (subjects "import" "" file #()) "Ann"))
  (refused? "what is no subject" (lambda () (subjects "import" "" "/etc/passwd" #())) "/etc/passwd")
  (refused? "an action that is not there" (lambda () (subjects "sing" "" "" #())) "sing")
  (gimp-image-delete image))

; ---- models ----
(define (models action folder) (car (plug-in-moa-models RUN-NONINTERACTIVE action folder)))
(check "the model is in the list" (contains? (models "list" "") "\"complete\": true"))
(check "it is checked" (contains? (models "check" model) "\"side\": 128"))
(check "it is tried" (contains? (models "test" "") "\"complete\": true"))
(refused? "one that is missing" (lambda () (models "check" "/nowhere")) "/nowhere")
(refused? "an action that is not there" (lambda () (models "sing" "")) "sing")
(check "it becomes the default" (contains? (models "default" model) "\"used\": true"))
(check= "and gimprc says so" (car (gimp-gimprc-query "moa-model")) model)

; ---- generate ----
(define (generate prompt layers seed pictures options)
  (cadr (plug-in-moa-generate RUN-NONINTERACTIVE prompt (vector-length layers) layers seed pictures model
                              options)))
(let* ((made (generate "a person on a beach" (vector subject) 5 2 "{\"steps\": 2, \"width\": 64, \"height\": 96}"))
       (layers (cadr (gimp-image-get-layers made))))
  (check= "an image with a layer for each seed"
    (list (car (gimp-image-width made)) (car (gimp-image-height made)) (vector-length layers)) '(64 96 2))
  (check= "named by it" (map name-of (vector->list layers)) '("Seed 5" "Seed 6"))
  (check= "the first one shows" (map (lambda (l) (car (gimp-item-get-visible l))) (vector->list layers)) '(1 0))
  (check "it keeps its parameters" (contains? (group-parasite (vector-ref layers 1) "moa-generate") "\"seed\": 6"))
  (check "its comment says what made it"
         (contains? (caddr (car (gimp-image-get-parasite made "gimp-comment"))) "MoA for GIMP"))
  (let* ((file (string-append out "/made.png")))
    (file-png-save-defaults RUN-NONINTERACTIVE made (vector-ref layers 0) file file))
  (gimp-image-delete made))
(check "with the saved subject"
       (catch #f (gimp-image-delete (generate "a person" #() 1 1 "{\"steps\": 2, \"subjects\": [\"saved:Ann\"]}")) #t))
(refused? "a prompt without a noun" (lambda () (generate "a red house" (vector subject) 1 1 "{\"steps\": 2}"))
          "a red house")
(refused? "no picture at all" (lambda () (generate "a person" #() 1 0 "{}")) "1 to")
(refused? "an odd size" (lambda () (generate "a person" #() 1 1 "{\"width\": 77}")) "multiples of")
(refused? "an unknown option" (lambda () (generate "a person" #() 1 1 "{\"colour\": 1}")) "colour")
