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
(define (made name text)
  (check= name (replace image layer (vector subject) "" (by-tiny text)) #t)
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
(check-same "with the weight 0 it is none" plain
            (made "no weight" (lora (string-append "\"" (lora-file "peft") ":0\""))))
(define twice (made "two LoRAs in a text"
                    (lora (string-append "\"" (lora-file "peft") ":0.5; " (lora-file "kohya") "\""))))
(check-other "give another picture than one" styled twice)
(check-same "two in a list" twice
            (made "are the same" (lora (string-append "[\"" (lora-file "peft") ":0.5\", \"" (lora-file "kohya") "\"]"))))
(check-refused "a LoRA that is missing" (lora "\"/nowhere/ink.safetensors\"") "/nowhere/ink.safetensors")
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
(check= "the same again, from what its group keeps"
  (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image posed "{\"seed\": 1}") #t) #t)
(check-same "is the same" posed (newest))
(let ((file (string-append out "/pose.png")))
  (file-png-save-defaults RUN-NONINTERACTIVE pose-image pose file file)
  ; but for GIMP's rounding where it merges the file's layers
  (check "a file gives nearly the same" (> 20 (differ posed (made "from a file" (follow (string-append "\"file:" file "\""))))))
  (gimp-image-scale pose-image 64 48)
  (file-png-save-defaults RUN-NONINTERACTIVE pose-image pose file file)
  (check-refused "a file of another size" (follow (string-append "\"file:" file "\"")) "128 x 96"))
(gimp-item-set-name pose "Small")
(check-refused "a layer of an image of another size" (follow "\"Small\"") "\"Small\"")
(check-refused "a layer that is not there" (follow "\"Pose\"") "\"Pose\"")
(check= "and edited without it"
  (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image posed "{\"seed\": 1, \"control\": \"\"}") #t) #t)
(check-same "the result is as it would be" plain (newest))

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
(check-same "a small layer is black around" (made "a small layer" (follow "\"Part\""))
            (made "a whole one" (follow "\"Whole\"")))
(gimp-layer-set-offsets part 10 10)
(check-other "and moved" (newest) (made "it is another one" (follow "\"Part\"")))

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
    (check-pictures (string-append name " with a LoRA") none (with (string-append ", \"lora\": [" peft "]")) #f)
    (forget none)))
(new-pictures "Generate" plug-in-moa-generate "a man" #() 1)
(new-pictures "Morph" plug-in-moa-morph "a man" (vector subject pose) 2)
(new-pictures "Time Lapse" plug-in-moa-time-lapse "a kid\na man" (vector subject) 0)

; A textual inversion gives its file's name a meaning; the text encoder may leave its last layer out.
(let* ((cat (string-append "[\"" data "/real/moa-cat.safetensors\"]"))
       (by (lambda (options) (drawn plug-in-moa-generate "a man, moa-cat" #() 1 options)))
       (none (by "")))
  (gimp-layer-add-mask none (car (gimp-layer-create-mask none ADD-MASK-WHITE)))
  (check-pictures "an embedding" none (by (string-append ", \"embedding\": " cat)) #f)
  (check-pictures "clip_skip 1" none (by ", \"clip_skip\": 1") #f)
  (check-pictures "clip_skip 0" none (by ", \"clip_skip\": 0") #t)
  (forget none))

(gimp-image-delete pose-image)
(gimp-image-delete image)
