; Colours of other spaces, edges that do not show, many runs in one session.

; ---- profiles ----
(let* ((image (rgb 96 80 40)) (layer (bottom image)))
  (moa-test-profile image)
  (let ((seen (moa-test-colours layer)))
    (display "# Adobe RGB: read and written, largest differences: " tap) (write seen tap) (newline tap)
    ; a step of 8 bits is 39 of these
    (check "what the model sees is the picture in sRGB, as lcms converts it" (< (car seen) 40))
    (check "what is written has the picture's own colours" (< (cadr seen) 79)))
  (check-replace "Adobe RGB" image layer fast #f)
  (let ((linear (car (gimp-image-duplicate image))))
    (gimp-image-convert-precision linear PRECISION-FLOAT-LINEAR)
    (check "the same of a linear image" (< (car (moa-test-views layer (bottom linear))) 40))
    (check= "which a person is replaced in" (replace linear (bottom linear) (vector subject) "" fast) #t)
    (gimp-image-delete linear))
  (gimp-image-delete image))

; ---- the edge ----
; The gradient across the outermost pixels of the mask, against that of the picture around it: a
; pasted edge would be a ridge.
(define (real-picture name)
  (let ((file (string-append model "/pictures/" name)))
    (car (gimp-file-load RUN-NONINTERACTIVE file file))))
(let* ((image (real-picture "lake.png")) (mask-image (real-picture "lake-selection.png"))
       (photo (real-picture "lake-subject.png")) (layer (bottom image)))
  (gimp-context-set-antialias FALSE)
  (gimp-context-set-sample-threshold-int 127)
  (let ((mask (car (gimp-layer-new-from-drawable (bottom mask-image) image))))
    (gimp-image-insert-layer image mask 0 0)
    (gimp-image-select-color image CHANNEL-OP-REPLACE mask '(255 255 255))
    (gimp-image-remove-layer image mask))
  (for-each
    (lambda (more)
      (check= (string-append "a swap with " more " runs")
              (catch #f (plug-in-moa-replace-person RUN-NONINTERACTIVE image layer 1 (vector (bottom photo))
                                                    "" 20 -1 1 model (string-append "{" more "}")) #t) #t)
      (let* ((result (vector-ref (children (top image)) 0)) (mask (car (gimp-layer-get-mask result)))
             (at (gimp-drawable-offsets result)) (after (visible image))
             (before (moa-test-seam layer mask (car at) (cadr at)))
             (seam (moa-test-seam after mask (car at) (cadr at))))
        (display (string-append "# gradient across the edge: picture ") tap) (write before tap)
        (display ", result " tap) (write seam tap) (newline tap)
        (check (string-append "with " more " the edge is no ridge")
               (< (car seam) (+ 20 (* 1.25 (max (car before) (cadr before))))))
        (forget after)
        (gimp-image-remove-layer image (top image))))
    '("\"color_match\": false" "\"color_match\": true"))
  (gimp-image-delete photo)
  (gimp-image-delete mask-image)
  (gimp-image-delete image))

; ---- one session, many runs ----
(let* ((image (rgb 96 96 41)) (layer (bottom image)) (images (car (gimp-image-list))))
  (check= "twenty runs"
    (let loop ((i 0))
      (if (= i 20) #t
          (if (equal? #t (replace image layer (vector subject) "" "{\"fixed_point\": 0, \"steps\": 1}"))
              (begin (gimp-image-remove-layer image (top image)) (loop (+ i 1)))
              i)))
    #t)
  (check= "leave no image behind" (car (gimp-image-list)) images)
  (check= "and no layer" (n-layers image) 1)
  (gimp-image-delete image))
