; Results, layer by layer.

; ---- the call of the manual ----
(let* ((img (rgb 200 150 1)) (drawable (bottom img)) (subject-layer subject))
  (check "runs as in the manual, with all defaults"
    (catch #f
      (plug-in-moa-replace-person RUN-NONINTERACTIVE img drawable 1 (vector subject-layer) ""
                                  50 3.0 1 "" "{}")
      #t))
  (check= "one group above the source" (list (n-layers img) (bottom img)) (list 2 drawable))
  (let* ((group (top img)) (result (vector-ref (children group) 0))
         (mask (car (gimp-layer-get-mask result)))
         (parasite (caddr (car (gimp-item-get-parasite group "moa-replace-person")))))
    (check= "the group holds the result only" (vector-length (children group)) 1)
    (check= "it covers the layer" (list (width-of result) (height-of result)
                                        (gimp-drawable-offsets result)) '(200 150 (0 0)))
    (check "the mask has nothing and something in it"
           (let ((range (moa-test-range mask))) (and (= (car range) 0) (> (cadr range) 500))))
    (check= "the result is active, not its mask"
            (car (gimp-image-get-active-drawable img)) result)
    (for-each (lambda (part)
                (check (string-append "the parasite holds " part) (contains? parasite part)))
              '("\"seed\": 1" "\"steps\": 50" "\"guidance\": 3.0" "\"options\"" "\"subjects\"")))
  (gimp-image-delete img))

; ---- every kind of pixel, behind a feathered selection, on a layer that is off its canvas ----
(for-each
  (lambda (kind)
    (let* ((name (car kind))
           (image (picture (cadr kind) (caddr kind) (cadddr kind) 150 130 3))
           (layer (bottom image)))
      (gimp-image-resize image 120 140 -13 5)
      (gimp-context-set-feather TRUE)
      (gimp-context-set-feather-radius 6 6)
      (gimp-image-select-ellipse image CHANNEL-OP-REPLACE 30 30 60 70)
      (gimp-context-set-feather FALSE)
      (let* ((bounds (cdr (gimp-selection-bounds image)))
             (result (check-replace name image layer fast (pair? (cddddr kind)))))
        (check= (string-append name ": the result is where the layer is")
                (let ((o (gimp-drawable-offsets result)))
                  (list (>= (car o) -13) (>= (cadr o) 5)
                        (<= (+ (car o) (width-of result)) 137)
                        (<= (+ (cadr o) (height-of result)) 135)))
                '(#t #t #t #t)))
      (gimp-image-delete image)))
  (list (list "RGB 8 bit" RGB PRECISION-U8-GAMMA 0)
        (list "RGBA 8 bit" RGB PRECISION-U8-GAMMA 1)
        (list "RGBA 8 bit linear" RGB PRECISION-U8-LINEAR 1)
        (list "RGB 16 bit" RGB PRECISION-U16-GAMMA 0)
        (list "RGBA 16 bit linear" RGB PRECISION-U16-LINEAR 1)
        (list "RGB 32 bit" RGB PRECISION-U32-GAMMA 0 'rounded)
        (list "RGB half" RGB PRECISION-HALF-GAMMA 0)
        (list "RGBA float" RGB PRECISION-FLOAT-GAMMA 1)
        (list "RGB float linear" RGB PRECISION-FLOAT-LINEAR 0)
        (list "RGB double" RGB PRECISION-DOUBLE-GAMMA 0 'rounded)
        (list "gray 8 bit" GRAY PRECISION-U8-GAMMA 0)
        (list "gray with alpha 16 bit" GRAY PRECISION-U16-GAMMA 1)
        (list "gray float" GRAY PRECISION-FLOAT-GAMMA 0 'rounded)
        (list "gray float linear" GRAY PRECISION-FLOAT-LINEAR 0 'rounded)))

; ---- sizes ----
(let* ((image (rgb 640 500 4)) (layer (bottom image)))
  (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 400 200 60 100)
  (let* ((result (check-replace "larger than the model" image layer fast #f))
         (offsets (gimp-drawable-offsets result)))
    (check "it works around the selection only"
           (and (< (width-of result) 640) (<= (car offsets) 400) (<= (cadr offsets) 200)
                (>= (+ (car offsets) (width-of result)) 460)
                (>= (+ (cadr offsets) (height-of result)) 300))))
  (gimp-image-delete image))
(let* ((image (rgb 40 30 5)))
  (check-replace "smaller than the model" image (bottom image) fast #f)
  (gimp-image-delete image))

; ---- groups, masks ----
(let* ((image (rgb 96 96 13)) (group (car (gimp-layer-group-new image)))
       (over (car (gimp-layer-copy (bottom image) FALSE))))
  (gimp-image-insert-layer image group 0 0)
  (gimp-image-insert-layer image over group 0)
  (gimp-layer-set-mode group LAYER-MODE-PASS-THROUGH)
  (check-replace "a layer in a group that passes through" image over fast #f)
  (gimp-image-delete image))
(let* ((image (rgb 96 96 15)) (layer (bottom image)))
  (gimp-item-set-lock-content layer TRUE)
  (gimp-item-set-lock-position layer TRUE)
  (check-replace "a locked layer" image layer fast #f)
  (gimp-image-delete image))
(let* ((image (rgb 96 96 6)) (layer (bottom image))
       (group (car (gimp-layer-group-new image)))
       (over (car (gimp-layer-copy layer FALSE))))
  (gimp-image-insert-layer image group 0 0)
  (gimp-image-insert-layer image over group 0)
  (check-replace "a layer in a group" image over fast #f)
  (gimp-image-delete image))
(let* ((image (picture RGB PRECISION-U8-GAMMA 0 96 96 7)) (layer (bottom image))
       (mask (begin (gimp-layer-add-alpha layer)
                    (car (gimp-layer-create-mask layer ADD-MASK-BLACK)))))
  (gimp-layer-add-mask layer mask)
  (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 0 0 96 48)
  (gimp-drawable-edit-fill mask FILL-WHITE)
  (gimp-selection-none image)
  (let ((outcome (replace image mask (vector subject) "" fast)))
    (check "a layer mask stands for its layer" (equal? outcome #t))
    (let ((result (vector-ref (children (top image)) 0)))
      (check= "what the source's mask hides stays hidden"
              (map (lambda (y) (vector-ref (cadr (gimp-drawable-get-pixel result 48 y)) 3))
                   '(20 80))
              '(255 0))))
  (gimp-image-delete image))

; ---- subjects ----
(let* ((image (rgb 96 96 8)) (layer (bottom image))
       (indexed (rgb 50 60 9)) (gray (picture GRAY PRECISION-U16-GAMMA 1 50 60 9)))
  (gimp-image-convert-indexed indexed CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 16 FALSE FALSE
                              "")
  (check= "subjects from indexed and gray images"
          (replace image layer (vector (bottom indexed) (bottom gray)) "" fast) #t)
  (check= "two subjects in another order"
          (replace image layer (vector subject subject) "a man and a woman"
                   "{\"order\": [1, 0], \"fixed_point\": 0}") #t)
  (gimp-image-delete indexed)
  (gimp-image-delete gray)
  (gimp-image-delete image))

; ---- all layers, and the file ----
(let* ((image (rgb 96 80 10)) (file (string-append out "/layers.xcf")))
  (check-replace "with all layers" image (bottom image)
    "{\"maps\": true, \"reconstruction\": true, \"fixed_point\": 0, \"freedom\": 0.25}" #f)
  (gimp-xcf-save 0 image (bottom image) file file)
  (gimp-image-delete image))
(let* ((image (car (gimp-xcf-load 0 (string-append out "/layers.xcf") "layers.xcf")))
       (group (top image)) (layers (children group)))
  (check= "XCF: result, reconstruction, 16 maps" (vector-length layers) 18)
  (check= "XCF: only the result is visible"
          (map (lambda (layer) (car (gimp-item-get-visible layer))) (vector->list layers))
          (cons 1 (vector->list (make-vector 17 0))))
  (check= "XCF: all have the work area's size"
          (map width-of (vector->list layers)) (vector->list (make-vector 18 96)))
  (check= "XCF: names" (map (lambda (i) (name-of (vector-ref layers i))) '(0 1))
          '("Result" "Reconstruction"))
  (check "XCF: maps are named by their block"
         (contains? (name-of (vector-ref layers 2)) "Router 1: "))
  (check "XCF: the mask is there" (> (car (gimp-layer-get-mask (vector-ref layers 0))) 0))
  (check "XCF: the parameters are there"
         (contains? (caddr (car (gimp-item-get-parasite group "moa-replace-person")))
                    "\"freedom\": 0.25"))
  (gimp-image-delete image))

; ---- the same again ----
(let* ((one (rgb 96 80 11)) (two (rgb 96 80 11)))
  (replace one (bottom one) (vector subject) "" fast)
  (replace two (bottom two) (vector subject) "" fast)
  (let ((a (vector-ref (children (top one)) 0)) (b (vector-ref (children (top two)) 0)))
    (check= "the same seed gives the same pixels"
            (moa-test-differ a b (car (gimp-layer-get-mask a)) 0 0) '(0 0)))
  (gimp-image-delete one)
  (gimp-image-delete two))
