; What all tests share: TAP lines, noisy pictures, runs of the procedure.
; tap, the port that TAP goes to, and model are set before this is loaded.

(define n-tests 0)

; Script-Fu's catch drops the message: keep it.
(define last-message "")
(define *error-hook*
  (lambda x
    (set! last-message (if (and (pair? x) (string? (car x))) (car x) ""))
    (apply throw x)))

(define (check name ok)
  (set! n-tests (+ n-tests 1))
  (display (string-append (if ok "ok " "not ok ") (number->string n-tests) " - " name "\n") tap)
  (if (not ok) (display (string-append "# the last message: " last-message "\n") tap)))

; check for numbers, that tells what was seen
(define (check= name seen expected)
  (check name (equal? seen expected))
  (if (not (equal? seen expected))
      (begin (display "# seen " tap) (write seen tap) (display ", expected " tap)
             (write expected tap) (newline tap))))

(define (contains? text part)
  (let ((n (string-length text)) (m (string-length part)))
    (let loop ((i 0))
      (cond ((> (+ i m) n) #f)
            ((string=? (substring text i (+ i m)) part) #t)
            (else (loop (+ i 1)))))))

(define (picture type precision alpha width height seed)
  (let* ((image (car (gimp-image-new-with-precision width height type precision)))
         (layer (car (gimp-layer-new image width height (+ (* 2 type) alpha) "picture" 100
                                     LAYER-MODE-NORMAL))))
    (gimp-image-insert-layer image layer 0 -1)
    (moa-test-fill layer seed)
    image))

(define (rgb width height seed)
  (picture RGB PRECISION-U8-GAMMA 0 width height seed))

(define (bottom image)
  (let ((layers (gimp-image-get-layers image)))
    (vector-ref (cadr layers) (- (car layers) 1))))

(define (top image)
  (vector-ref (cadr (gimp-image-get-layers image)) 0))

(define (n-layers image) (car (gimp-image-get-layers image)))
(define (children group) (cadr (gimp-item-get-children group)))
(define (name-of item) (car (gimp-item-get-name item)))
(define (width-of layer) (car (gimp-drawable-width layer)))
(define (height-of layer) (car (gimp-drawable-height layer)))

; the subject of all tests that do not bring one
(define subject-image (rgb 64 80 7))
(define subject (bottom subject-image))

(define fast "{\"fixed_point\": 0}")

; #t, or #f with the message in last-message
(define (replace image layer subjects prompt options)
  (catch #f
    (plug-in-moa-replace-person RUN-NONINTERACTIVE image layer (vector-length subjects) subjects
                                prompt 2 3.0 1 model options)
    #t))

; what the picture looks like, as a layer of a copy at the image's own precision
(define (visible image)
  (let* ((copy (car (gimp-image-duplicate image)))
         (layer (car (gimp-layer-new-from-visible copy copy "visible"))))
    (gimp-image-insert-layer copy layer 0 0)
    layer))

(define (forget layer)
  (gimp-image-delete (car (gimp-item-get-image layer))))

; runs, then checks what must hold for any result: the source layer is as it was, the group is in
; its place, and outside the mask the picture is as it was, bit for bit.  The result layer.
;
; In some formats GIMP itself rounds every pixel that lies under any layer: it composites RGB
; floats, which cannot hold a 32-bit integer, and returns to gray by a weighted sum.  There,
; rounded tells to compare with the picture under an empty layer.
(define (check-replace name image layer options rounded)
  (let* ((under (if rounded (add-empty-layer image) #f))
         (before (visible image))
         (source (begin (if under (gimp-image-remove-layer image under))
                        (car (gimp-layer-copy layer FALSE))))
         (position (car (gimp-image-get-item-position image layer)))
         (parent (car (gimp-item-get-parent layer))))
    (check (string-append name ": runs")
           (equal? #t (replace image layer (vector subject) "" options)))
    (let* ((group (vector-ref (cadr (if (= parent -1) (gimp-image-get-layers image)
                                        (gimp-item-get-children parent)))
                              position))
           (result (vector-ref (children group) 0))
           (mask (car (gimp-layer-get-mask result)))
           (offsets (gimp-drawable-offsets result))
           (after (visible image))
           (differ (moa-test-differ before after mask (car offsets) (cadr offsets))))
      (check= (string-append name ": the group is in the source's place")
              (list (name-of group) (car (gimp-item-get-parent group))
                    (car (gimp-image-get-item-position image layer)))
              (list "Replace Person" parent (+ position 1)))
      (check= (string-append name ": the source layer is as it was")
              (moa-test-differ source layer mask 0 0) '(0 0))
      (check= (string-append name ": no pixel differs outside the mask") (car differ) 0)
      (check (string-append name ": pixels differ inside the mask") (> (cadr differ) 0))
      (if (= FALSE (car (gimp-selection-is-empty image)))
          (check= (string-append name ": no pixel differs outside the selection")
                  (car (moa-test-differ before after (car (gimp-image-get-selection image)) 0 0))
                  0))
      (gimp-item-delete source)
      (forget before)
      (forget after)
      result)))

(define (add-empty-layer image)
  (let ((layer (car (gimp-layer-new image (car (gimp-image-width image))
                                    (car (gimp-image-height image))
                                    (+ 1 (* 2 (car (gimp-image-base-type image)))) "empty" 100
                                    LAYER-MODE-NORMAL))))
    (gimp-image-insert-layer image layer 0 0)
    (gimp-layer-set-composite-space layer
      (if (= (car (gimp-image-get-precision image)) PRECISION-FLOAT-LINEAR)
          LAYER-COLOR-SPACE-RGB-LINEAR LAYER-COLOR-SPACE-RGB-PERCEPTUAL))
    layer))

(define (check-fails name image layer subjects prompt options part)
  (let* ((n (n-layers image))
         (outcome (replace image layer subjects prompt options))
         (message last-message))
    (check (string-append name " is refused") (not (equal? outcome #t)))
    (check (string-append name ": the message says \"" part "\"") (contains? message part))
    (check= (string-append name ": the image is as it was") (n-layers image) n)))
