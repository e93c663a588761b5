; An IP-Adapter in the place of trained MoA weights: small and random, on the tiny model of the fixtures.
; Who goes where is said by masks, channels or layers.

(define tiny (string-append data "/tiny"))
(define (with-adapter kind text)
  (string-append "{\"fixed_point\": 0, \"freedom\": 0.5, \"model\": \"" tiny "\", \"expert\": \"" data
                 "/real/ip-adapter-" kind ".safetensors\"" text "}"))
(define image (rgb 128 96 70))
(define layer (bottom image))
(define (result-of group) (vector-ref (children group) 0))
; how many pixels differ where the result's mask is
(define (differ a b) (moa-test-differ (result-of a) (result-of b) (car (gimp-layer-get-mask (result-of a))) 0 0))

; ---- one person, in the selection ----
(gimp-image-select-rectangle image CHANNEL-OP-REPLACE 8 8 70 80)
(gimp-item-set-name subject "One")
(check-replace "with an IP-Adapter" image layer (with-adapter "plus" "") #f)
(define first (top image))
(check "its file is kept with the result"
       (contains? (caddr (car (gimp-item-get-parasite first "moa-replace-person"))) "ip-adapter-plus"))
(check= "half as strong" (replace image layer (vector subject) "" (with-adapter "plus" ", \"expert_scale\": 0.5"))
        #t)
(check "it gives another picture" (< 0 (apply + (differ first (top image)))))
(check= "the first again, from what its group keeps"
  (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image first "{\"seed\": 1}") #t) #t)
(check= "is the same" (differ first (top image)) '(0 0))
(for-each
  (lambda (kind)
    (check= (string-append kind " runs") (replace image layer (vector subject) "" (with-adapter kind "")) #t))
  '("plain" "full"))
(check-fails "a photo for a face embedding" image layer (vector subject) "" (with-adapter "face" "")
             "face embedding")
(define (one . texts)
  (string-append ", \"subjects\": [[\"One\"" (apply string-append texts) "]]"))
(define face (string-append ", \"saved:" data "/real/face.safetensors\""))
(check-fails "a photo alone for FaceID Plus" image layer (vector subject) "" (with-adapter "face-plusv2" "")
             "photo.png+face.safetensors")
(check= "FaceID Plus with a photo and an embedding"
        (replace image layer #() "" (with-adapter "face-plusv2" (one face))) #t)
(define plus (top image))
(check= "again, from what its group keeps"
  (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image plus "{\"seed\": 1}") #t) #t)
(check= "FaceID Plus is the same" (differ plus (top image)) '(0 0))

; ---- the head once more, in a box ----
(define head ", \"head:24,20,24,28\"")
(check-fails "a head beside the picture" image layer #() ""
             (with-adapter "plus" (string-append (one ", \"head:120,20,24,28\"") ", \"faces\": 1")) "head of subject 1")
(check-fails "a head that is no box" image layer #() "" (with-adapter "plus" (one ", \"head:1,2,3\"")) "not a box")
(check= "with the head once more"
        (replace image layer #() "" (with-adapter "plus" (string-append (one head) ", \"faces\": 1"))) #t)
(define again (top image))
(check "the head is another" (< 0 (apply + (differ first again))))
(check= "the head again, from what its group keeps"
  (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image again "{\"seed\": 1}") #t) #t)
(check= "the head is the same" (differ again (top image)) '(0 0))
(check-fails "an expert that is missing" image layer (vector subject) ""
             (string-append "{\"expert\": \"/nowhere/adapter.safetensors\"}") "/nowhere/adapter.safetensors")
(check-fails "an expert for another model" image layer (vector subject) ""
             (string-append "{\"expert\": \"" data "/real/ip-adapter-plus.safetensors\"}") "image encoder")
(gimp-selection-none image)

; ---- two persons, each with a mask: a channel, and a layer that lies half beside the picture's ----
(define right (car (gimp-layer-new image 60 60 RGBA-IMAGE "right" 100 LAYER-MODE-NORMAL)))
(gimp-image-insert-layer image right 0 (n-layers image))
(gimp-layer-set-offsets right 80 20)
(gimp-drawable-fill right FILL-WHITE)
(gimp-item-set-visible right FALSE)
(gimp-image-select-rectangle image CHANNEL-OP-REPLACE 0 20 50 60)
(define left (car (gimp-selection-save image)))
(gimp-item-set-name left "left")
(gimp-selection-none image)
(gimp-image-set-active-layer image layer)
(define other-image (rgb 50 60 71))
(gimp-item-set-name (bottom other-image) "Other")
(define (two a b)
  (with-adapter "plus" (string-append ", \"subjects\": [[\"One\", \"mask:" a "\"], [\"Other\", \"mask:" b "\"]]")))

(check-fails "two persons without masks" image layer (vector subject (bottom other-image)) ""
             (with-adapter "plus" "") "mask")
(check-fails "a mask that is not there" image layer #() "" (two "left" "nowhere") "\"nowhere\"")
(check= "two persons with masks" (replace image layer #() "" (two "left" "right")) #t)
(define both (top image))
(let ((mask (car (gimp-layer-get-mask (result-of both)))))
  (check= "they are where the masks say, and nowhere else"
    (map (lambda (x) (let ((v (vector-ref (cadr (gimp-drawable-get-pixel mask x 50)) 0))) (> v 128)))
         '(20 66 110))
    '(#t #f #t)))
(check= "the masks changed about" (replace image layer #() "" (two "right" "left")) #t)
(check "change who is where" (< 0 (apply + (differ both (top image)))))
(check= "one who stays, where a mask says"
  (replace image layer #() "" (with-adapter "plus" ", \"subjects\": [[\"One\", \"mask:left\"], [\"keep\", \"mask:right\"]]"))
  #t)
(define stays (top image))
(let ((mask (car (gimp-layer-get-mask (result-of stays)))))
  (check= "only the other changes"
    (map (lambda (x) (vector-ref (cadr (gimp-drawable-get-pixel mask x 50)) 0)) '(20 82 110 127))
    '(255 0 0 0)))
(gimp-image-remove-layer image right)
(gimp-image-remove-channel image left)
(check= "again without the channel and the layer"
  (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image both "{\"seed\": 1}") #t) #t)
(check= "is the same, from the masks that the group keeps" (differ both (top image)) '(0 0))
(check= "the one with who stays, too"
  (catch #f (plug-in-moa-edit RUN-NONINTERACTIVE image stays "{\"seed\": 1}") #t) #t)
(check= "is the same as well" (differ stays (top image)) '(0 0))
(gimp-item-attach-parasite both (list "moa-subject-masks" 1 "no JSON"))
(check "masks that are damaged are refused"
       (catch #t (plug-in-moa-edit RUN-NONINTERACTIVE image both "{\"seed\": 1}") #f))
(check "with their name" (contains? last-message "moa-subject-masks"))
(gimp-item-set-name layer "All")
(check-fails "a mask for a trained MoA, which finds the places itself" image layer #() ""
             "{\"subjects\": [[\"One\", \"mask:All\"]]}" "routers")

; ---- drawn from words ----
(let ((made (catch #f (cadr (plug-in-moa-generate RUN-NONINTERACTIVE "a person and a dog" 0 #() 1 1 tiny
                              (string-append "{\"steps\": 2, \"expert\": \"" data
                                "/real/ip-adapter-plus.safetensors\", \"subjects\": [[\"One\", \"mask:All\"],"
                                " [\"Other\", \"mask:All\"]]}"))))))
  (check "two persons with masks are drawn into a new picture" (number? made))
  (if (number? made) (gimp-image-delete made)))

(gimp-image-delete other-image)
(gimp-image-delete image)
