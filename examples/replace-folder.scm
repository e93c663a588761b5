; What examples/replace-folder does with each picture.  It defines report-file, subject-file and
; arguments (prompt, steps, guidance, seed, model, options) before it loads this.

; Script-Fu's catch drops the message of an error: keep it.
(define last-message "")
(define *error-hook*
  (lambda x
    (if (and (pair? x) (string? (car x))) (set! last-message (car x)))
    (apply throw x)))

; The whole report is written anew each time, so that it is there if GIMP dies later.
(define report "")
(define (note text)
  (set! report (string-append report text "\n"))
  (let ((port (open-output-file report-file)))
    (display report port)
    (close-output-port port)))

(define (base-name file)
  (let loop ((i (string-length file)))
    (if (or (= i 0) (char=? (string-ref file (- i 1)) #\/))
        (substring file i (string-length file))
        (loop (- i 1)))))

; Selects where the mask is white, in its own shades.
(define (select-mask image file)
  (let* ((layer (car (gimp-file-load-layer RUN-NONINTERACTIVE image file)))
         (channel #f))
    (gimp-image-insert-layer image layer 0 -1)
    (set! channel (car (gimp-channel-new-from-component image CHANNEL-RED "mask")))
    (gimp-image-insert-channel image channel 0 0)
    (gimp-image-remove-layer image layer)
    (gimp-image-select-item image CHANNEL-OP-REPLACE channel)
    (gimp-image-remove-channel image channel)))

(define (replace-in image out mask)
  (let* ((layer (car (gimp-image-get-active-layer image)))
         (subject (car (gimp-file-load-layer RUN-NONINTERACTIVE image subject-file))))
    (if (not (string=? mask "")) (select-mask image mask))
    (gimp-image-insert-layer image subject 0 -1)
    (apply plug-in-moa-replace-person RUN-NONINTERACTIVE image layer 1 (vector subject) arguments)
    (gimp-image-remove-layer image subject)
    (gimp-selection-none image)
    (file-png-save-defaults RUN-NONINTERACTIVE image (car (gimp-image-merge-visible-layers
                                                           image CLIP-TO-IMAGE)) out out)))

(define (replace-file in out mask)
  (set! last-message "GIMP cannot open it")
  (let ((image -1) (done #f))
    (catch #f
      (set! image (car (gimp-file-load RUN-NONINTERACTIVE in in)))
      (replace-in image out mask)
      (set! done #t))
    (if (>= image 0) (gimp-image-delete image))
    (note (if done
              (string-append "done " (base-name in) ": " out)
              (string-append "failed " (base-name in) ": " last-message)))))
