; What must fail, with a message that says what to do, and leave the image as it was.

(define image (rgb 96 96 20))
(define layer (bottom image))
(define (refuse name subjects prompt options part)
  (check-fails name image layer subjects prompt options part))

(refuse "no subject" #() "" "{}" "no subject was given")
(refuse "a subject that is not there" (vector 99999) "" "{}" "99999")
(refuse "nine subjects" (make-vector 9 subject) "" "{}" "8 at most")
(refuse "a channel as subject" (vector (car (gimp-image-get-selection image))) "" "{}"
        "not a layer")
(refuse "an unknown option" (vector subject) "" "{\"fredom\": 0.5}" "\"fredom\"")
(refuse "an option of the wrong kind" (vector subject) "" "{\"freedom\": \"high\"}" "\"freedom\"")
(refuse "an option out of range" (vector subject) "" "{\"freedom\": 1.5}" "0 to 1")
(refuse "a base that is not there" (vector subject) "" "{\"base\": \"best\"}" "\"prior\"")
(refuse "options that are not JSON" (vector subject) "" "{freedom: 1}" "JSON")
(refuse "options that are a list" (vector subject) "" "[1, 2]" "JSON object")
(refuse "an option given twice" (vector subject) "" "{\"freedom\": 0, \"freedom\": 1}" "duplicate")
(refuse "an order of another length" (vector subject) "" "{\"order\": [0, 1]}" "order")
(refuse "an order that is none" (vector subject subject) "" "{\"order\": [0, 0]}" "order")
(refuse "a run in too little memory" (vector subject) "" "{\"memory_limit\": 4}" "smaller model")
(refuse "a device that is not there" (vector subject) "" "{\"device\": \"abacus\"}" "abacus")
(refuse "a device that is no text" (vector subject) "" "{\"device\": 1}" "device")
(refuse "a prompt without a person" (vector subject) "a red house" "{}" "a red house")

(let ((keep model))
  (set! model "/nowhere/at/all")
  (refuse "a model that is missing" (vector subject) "" "{}" "/nowhere/at/all")
  (set! model keep))

(check "steps below 0 are refused"
       (catch #t (plug-in-moa-replace-person RUN-NONINTERACTIVE image layer 1 (vector subject) ""
                                             -1 3.0 1 model "{}") #f))
(check "a dialog without a display is refused"
       (catch #t (plug-in-moa-replace-person RUN-INTERACTIVE image layer 1 (vector subject) ""
                                             2 3.0 1 model "{}") #f))
(check "the message says RUN-NONINTERACTIVE"
       (contains? last-message "RUN-NONINTERACTIVE"))

(let ((other (rgb 96 96 21)))
  (check-fails "a layer of another image" image (bottom other) (vector subject) "" "{}"
               "another image")
  (gimp-image-select-rectangle other CHANNEL-OP-REPLACE 0 0 20 20)
  (gimp-layer-set-offsets (bottom other) 50 50)
  (check-fails "a selection beside the layer" other (bottom other) (vector subject) "" "{}"
               "does not touch")
  (gimp-selection-none other)
  (gimp-image-convert-indexed other CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 16 FALSE FALSE "")
  (check-fails "an indexed image" other (bottom other) (vector subject) "" "{}"
               "Image > Mode > RGB")
  (gimp-image-delete other))

(let* ((grouped (rgb 96 96 22)) (group (car (gimp-layer-group-new grouped)))
       (tiny (rgb 5 5 23)))
  (gimp-image-insert-layer grouped group 0 0)
  (check-fails "a layer group" grouped group (vector subject) "" "{}" "layer group")
  (check-fails "a channel" grouped (car (gimp-image-get-selection grouped)) (vector subject) ""
               "{}" "not a layer")
  (gimp-image-select-rectangle grouped CHANNEL-OP-REPLACE 10 10 30 30)
  ; not by copy and paste: what GIMP keeps of its clipboard to the end would count as a leak
  (gimp-selection-float (bottom grouped) 0 0)
  (check-fails "a floating selection" grouped (bottom grouped) (vector subject) "" "{}"
               "floating selection")
  (check-fails "a layer of 5 x 5" tiny (bottom tiny) (vector subject) "" "{}" "8 x 8")
  (gimp-image-delete grouped)
  (gimp-image-delete tiny))

(gimp-image-delete image)
