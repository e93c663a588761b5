; What changes a model's style and what its ControlNet follows, in the plug-in: LoRA files, pose pictures.  Small
; and random, on the tiny model of the fixtures.

(define tiny (string-append data "/tiny"))
(define (lora-file name) (string-append data "/golden/lora/" name ".safetensors"))
(define (by-tiny text)
  (string-append "{\"fixed_point\": 0, \"freedom\": 0.5, \"limit\": false, \"model\": \"" tiny "\", " text "}"))
(define image (rgb 128 96 70))
(define layer (bottom image))
(define pose-image (rgb 128 96 71))
(define (result-of group) (vector-ref (children group) 0))
(gimp-item-set-name subject "One")
(gimp-image-select-rectangle image CHANNEL-OP-REPLACE 8 8 100 80)

; results come above the earlier ones
(define (newest)
  (let loop ((i 0))
    (let ((item (vector-ref (cadr (gimp-image-get-layers image)) i)))
      (if (= TRUE (car (gimp-item-is-group item))) (result-of item) (loop (+ i 1))))))
; the newest result, which is made so
(define (made-of words name text)
  (check= name (replace image layer (vector subject) words (by-tiny text)) #t)
  (newest))
(define (made name text) (made-of "" name text))
; the one that comes of a result where these options change
(define (edited name result options)
  (check= name (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image result options) #t) #t)
  (newest))
; how many pixels differ where the first one's mask is
(define (differ a b) (apply + (moa-test-differ a b (car (gimp-layer-get-mask a)) 0 0)))
(define (check-same name a b) (check= name (differ a b) 0))
(define (check-other name a b) (check name (< 0 (differ a b))))
(define (settings-of result)
  (caddr (car (gimp-item-get-parasite (car (gimp-item-get-parent result)) "moa-replace-person"))))
(define (check-refused name text part)
  (check-fails name image layer (vector subject) "" (by-tiny text) part))

(define plain (made "as the model is" "\"mark\": true"))

; ---- LoRA ----
(define (lora text) (string-append "\"lora\": " text))
(define peft (string-append "\"" (lora-file "peft") "\""))
(define styled (made "with a LoRA" (lora peft)))
(check-other "it gives another picture" plain styled)
(check "its file is kept with the result" (contains? (settings-of styled) "peft.safetensors"))
(check-same "with the weight 1" styled (made "a weight" (lora (string-append "\"" (lora-file "peft") ":1.0\""))))
(check-other "with a negative weight another one" styled
             (made "below zero" (lora (string-append "\"" (lora-file "peft") ":-1\""))))
(check-other "on the experts too another one" styled
             (made "on the experts" (string-append (lora peft) ", \"lora_on_experts\": true")))
(check-same "with the weight 0 it is none" plain
            (made "no weight" (lora (string-append "\"" (lora-file "peft") ":0\""))))
(define twice (made "two LoRAs in a text"
                    (lora (string-append "\"" (lora-file "peft") " : 0.5; " (lora-file "kohya") ":2\""))))
(check-other "give another picture than one" styled twice)
(check-same "two in a list" twice
            (made "are the same" (lora (string-append "[\"" (lora-file "peft") ":0.5\", \"" (lora-file "kohya") ":2.0\"]"))))
(check-other "and with the weight 1 of the second one another" twice
             (made "another weight" (lora (string-append "[\"" (lora-file "peft") ":0.5\", \"" (lora-file "kohya") "\"]"))))
; a name with a semicolon: batch.sh has made the file
(define odd (string-append work "/odd;peft.safetensors"))
(define odd-text (string-append work "/odd\\\\;peft.safetensors")) ; JSON halves the backslashes
(check-same "a file with a semicolon in its name, in a list" twice
            (made "of two" (lora (string-append "[\"" odd ":0.5\", \"" (lora-file "kohya") ":2\"]"))))
(check-same "which is kept with the result" twice (edited "made again" (newest) "{\"seed\": 1}"))
(check-same "and in a text" twice
            (made "with a backslash" (lora (string-append "\"" odd-text ":0.5; " (lora-file "kohya") ":2\""))))
(check-refused "a LoRA that is missing" (lora "\"/nowhere/ink.safetensors\"") "/nowhere/ink.safetensors")
(check-refused "one with a semicolon in its name without a backslash" (lora (string-append "\"" odd "\"")) "odd")
(check-refused "a LoRA that is another file"
               (lora (string-append "\"" model "/unet/diffusion_pytorch_model.safetensors\"")) "LoRA")
(check-refused "a LoRA that is a number" (lora "1") "\"lora\"")
(check-refused "one in a list" (lora "[1]") "\"lora\"")

; ---- a pose ----
(define (follow text) (string-append "\"control\": " text))
(define pose (bottom pose-image))
(gimp-item-set-name pose "Pose")
(define posed (made "with a picture to follow" (follow "\"layer:Pose\"")))
(check-other "it gives another picture" plain posed)
(check "the layer's name is kept with the result" (contains? (settings-of posed) "layer:Pose"))
(check-same "with the scale 0 it is none" plain
            (made "no scale" (follow "\"Pose\", \"control_scale\": 0")))
(check-other "the first half of the steps alone" posed
             (made "gives another picture" (follow "\"Pose\", \"control_end\": 0.5")))
(check-same "is the same" posed (edited "the same again, from what its group keeps" posed "{\"seed\": 1}"))
(define last-half (made "the last half of them" (follow "\"Pose\", \"control_start\": 0.5")))
(check-other "gives another picture too" posed last-half)
(check-same "which is made again" last-half (edited "and again" last-half "{\"seed\": 1}"))
(define (embedding name) (string-append data "/real/" name ".safetensors"))
(define full
  (made-of "a man, moa-cat" "with all that there is"
           (string-append (follow "\"Pose\", \"control_scale\": 0.7, \"control_end\": 0.5, \"lora_on_experts\": true, ")
                          (lora peft) ", \"clip_skip\": 1, \"embedding\": \"" (embedding "moa-cat")
                          "\", \"controlnet\": \"" tiny "/controlnet\"")))
(check "the ControlNet is kept with the result" (contains? (settings-of full) "tiny/controlnet"))
(check-same "all that is kept gives the same" full (edited "with all of it again" full "{\"seed\": 1}"))
(let ((file (string-append out "/pose.png")))
  (file-png-save-defaults RUN-NONINTERACTIVE pose-image pose file file)
  ; but for GIMP's rounding where it merges the file's layers
  (check "a file gives nearly the same" (> 20 (differ posed (made "from a file" (follow (string-append "\"file:" file "\""))))))
  ; GIF has indexed colours alone, which are brought to RGB: to none that are others
  (let* ((copy (car (gimp-image-duplicate pose-image)))
         (indexed (string-append out "/indexed.gif")) (plain (string-append out "/plain.png")))
    (gimp-image-convert-indexed copy CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 16 FALSE FALSE "")
    (file-gif-save RUN-NONINTERACTIVE copy (top copy) indexed indexed 0 0 0 0)
    (check-same "a layer of an indexed image"
                (begin (gimp-item-set-name (top copy) "Indexed") (made "is followed" (follow "\"Indexed\"")))
                (begin (gimp-image-convert-rgb copy) (made "as one in RGB is" (follow "\"Indexed\""))))
    (file-png-save-defaults RUN-NONINTERACTIVE copy (top copy) plain plain)
    (check-same "an indexed file" (made "is followed too" (follow (string-append "\"file:" indexed "\"")))
                (made "as one in RGB" (follow (string-append "\"file:" plain "\""))))
    (gimp-image-delete copy))
  (gimp-image-scale pose-image 128 48)
  (file-png-save-defaults RUN-NONINTERACTIVE pose-image pose file file)
  (check-refused "a file of another size" (follow (string-append "\"file:" file "\"")) "128 x 96"))
(check-refused "a file that is no picture" (follow (string-append "\"file:" (lora-file "peft") "\"")) "peft")
(gimp-image-scale pose-image 64 96)
(gimp-item-set-name pose "Small")
(check-refused "a layer of an image of another size" (follow "\"Small\"") ":Small\"")
(check-refused "a layer that is not there" (follow "\"Pose\"") "\"Pose\"")
; renamed in its own image, which is still open and has the right size again
(gimp-image-scale pose-image 128 96)
(gimp-drawable-fill pose FILL-WHITE)
(let ((white (made "a layer of another image" (follow "\"Small\""))))
  (gimp-item-set-name pose "Renamed")
  (check-same "has another name now" white (edited "and is followed again" white "{\"seed\": 1}"))
  (check "by its new name" (contains? (settings-of (newest)) "layer:Renamed"))
  ; the same from a file, where another session may have written another layer's id
  (let* ((group (car (gimp-item-get-parent white))) (text (settings-of white)) (at (strbreakup text "\"control_layer\": [")))
    (gimp-item-attach-parasite group (list "moa-replace-person" 3
      (string-append (car at) "\"control_layer\": [1, " (cadr (strbreakup (cadr at) ",\n")))))
    (check "the record of another session has no layer of this one"
      (catch #t (plug-in-moa-edit RUN-NONINTERACTIVE image white "{\"seed\": 1}") #f))
    (check "and says which is missing" (contains? last-message ":Small\""))))
(check-same "the result is as it would be" plain
            (edited "and edited without it" posed "{\"seed\": 1, \"control\": \"\"}"))

; A layer of the image is taken where it lies, and is black elsewhere.
(define (add-layer name width height x y)
  (let ((new (car (gimp-layer-new image width height RGBA-IMAGE name 100 LAYER-MODE-NORMAL))))
    (gimp-image-insert-layer image new 0 0)
    (gimp-layer-set-offsets new x y)
    new))
(gimp-context-set-foreground '(255 255 255))
(gimp-selection-none image)
(define part (add-layer "Part" 40 50 30 20))
(gimp-drawable-edit-fill part FILL-FOREGROUND)
(define whole (add-layer "Whole" 128 96 0 0))
(gimp-context-set-foreground '(0 0 0))
(gimp-drawable-edit-fill whole FILL-FOREGROUND)
(gimp-context-set-foreground '(255 255 255))
(gimp-image-select-rectangle image CHANNEL-OP-REPLACE 30 20 40 50)
(gimp-drawable-edit-fill whole FILL-FOREGROUND)
(gimp-image-select-rectangle image CHANNEL-OP-REPLACE 8 8 100 80)
(gimp-item-set-name pose "Part") ; of another image, which comes after this one's own
(define of-part (made "a small layer" (follow "\"Part\"")))
(define of-whole (made "a whole one" (follow "\"Whole\"")))
(check-same "a small layer is black around" of-part of-whole)
(gimp-item-set-name pose "Other")
; A layer is known by more than its name, until another one is named.
(gimp-item-set-name part "Old")
(gimp-item-set-name whole "Part")
(gimp-layer-set-offsets whole 10 10)
(check-same "a layer with another name is the same one" of-part (edited "made again" of-part "{\"seed\": 1}"))
(check "and has its name" (contains? (settings-of (newest)) "layer:Old"))
(check-other "the layer that has its name now is another one" of-part
             (edited "made with that" of-part "{\"seed\": 1, \"control\": \"Part\"}"))
(gimp-layer-set-offsets whole 0 0)
(gimp-item-set-name whole "Whole")
(gimp-item-set-name part "Part")
; What its mask hides is black too.
(define masked (add-layer "Masked" 128 96 0 0))
(gimp-image-select-rectangle image CHANNEL-OP-REPLACE 30 20 40 50)
(gimp-layer-add-mask masked (car (gimp-layer-create-mask masked ADD-MASK-SELECTION)))
(gimp-selection-none image)
(gimp-drawable-edit-fill masked FILL-FOREGROUND)
(gimp-image-select-rectangle image CHANNEL-OP-REPLACE 8 8 100 80)
(check-same "what a mask hides is black" of-part (made "a layer with a mask" (follow "\"Masked\"")))
(gimp-image-remove-layer image masked)
(check-refused "a layer that has been deleted" (follow "\"Masked\"") "\"Masked\"")
(gimp-layer-set-offsets part 10 10)
(check-other "and moved" of-part (made "it is another one" (follow "\"Part\"")))

(check-fails "a model without a ControlNet" image layer (vector subject) "" (string-append "{\"control\": \"Part\", \"model\": \"" bare "\"}") "ControlNet")
(check-refused "a ControlNet that is missing" (string-append (follow "\"Part\"") ", \"controlnet\": \"/nowhere/pose\"")
               "/nowhere/pose")
(check-refused "a group" (begin (gimp-item-set-name (car (gimp-item-get-parent plain)) "Group") (follow "\"Group\""))
               "group")
(check-refused "an end that is none" (follow "\"Part\", \"control_end\": 2") "control_end")

; ---- new pictures ----
(define (drawn procedure words subjects number options)
  (catch #f
    (top (cadr (procedure RUN-NONINTERACTIVE words (vector-length subjects) subjects 4 number tiny
                          (string-append "{\"steps\": 2, \"width\": 64, \"height\": 64" options "}"))))))
(define (check-pictures name a b same)
  (check name (and a b (equal? same (= 0 (apply + (moa-test-differ a b (car (gimp-layer-get-mask a)) 0 0))))))
  (if b (forget b)))
(define (new-pictures name procedure words subjects number)
  (let ((none (drawn procedure words subjects number ""))
        (with (lambda (options) (drawn procedure words subjects number options))))
    (gimp-layer-add-mask none (car (gimp-layer-create-mask none ADD-MASK-WHITE)))
    (check-pictures (string-append name " with a pose") none (with ", \"control\": \"Whole\"") #f)
    (check-pictures (string-append name " with its scale 0") none
                    (with ", \"control\": \"Whole\", \"control_scale\": 0") #t)
    (check-pictures (string-append name " that ends before the first step") none
                    (with ", \"control\": \"Whole\", \"control_end\": 0") #t)
    (check-pictures (string-append name " that starts after the last step") none
                    (with ", \"control\": \"Whole\", \"control_start\": 1") #t)
    (check-pictures (string-append name " with a LoRA") none (with (string-append ", \"lora\": [" peft "]")) #f)
    (forget none)))
(new-pictures "Generate" plug-in-moa-generate "a man" #() 1)
(new-pictures "Morph" plug-in-moa-morph "a man" (vector subject pose) 2)
(new-pictures "Time Lapse" plug-in-moa-time-lapse "a kid\na man" (vector subject) 0)

; What was drawn before is known by what it follows, not by that one's name.
(let* ((kept (lambda () (drawn plug-in-moa-morph "a man" (vector subject pose) 2
                               (string-append ", \"control\": \"Whole\", \"folder\": \"" work "/kept\""))))
       (first (kept)))
  (gimp-layer-add-mask first (car (gimp-layer-create-mask first ADD-MASK-WHITE)))
  (check-pictures "a picture that is kept" first (kept) #t)
  (gimp-drawable-invert whole FALSE)
  (check-pictures "is another one where what it follows has changed" first (kept) #f)
  (forget first))

; A textual inversion gives its file's name a meaning; the text encoder may leave its last layer out.
(let* ((cat (string-append "[\"" data "/real/moa-cat.safetensors\"]"))
       (by (lambda (options) (drawn plug-in-moa-generate "a man, moa-cat" #() 1 options)))
       (none (by "")))
  (gimp-layer-add-mask none (car (gimp-layer-create-mask none ADD-MASK-WHITE)))
  (check-pictures "an embedding" none (by (string-append ", \"embedding\": " cat)) #f)
  (check-pictures "the second of two" none
                  (by (string-append ", \"embedding\": [\"" (embedding "sks") "\", \"" (embedding "moa-cat") "\"]")) #f)
  (check-pictures "clip_skip 1" none (by ", \"clip_skip\": 1") #f)
  (check-pictures "clip_skip 0" none (by ", \"clip_skip\": 0") #t)
  (forget none))

(gimp-image-delete pose-image)
(gimp-image-delete image)
