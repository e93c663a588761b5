; Pictures from words and persons, a file for each seed.
;   examples/batch examples/generate.scm PROMPT OUT-PREFIX PICTURES [PHOTO...]
; One noun of the prompt for each photo: "a man and a woman on a beach" a.png b.png.
(let* ((prefix (argument 1 ""))
       (image (cadr (plug-in-moa-generate RUN-NONINTERACTIVE (argument 0 "") 0 #() 1
                                          (string->number (argument 2 "1")) "" (photo-options 3))))
       (layers (cadr (gimp-image-get-layers image))))
  (let loop ((i 0))
    (if (< i (vector-length layers))
        (let ((file (string-append prefix (number->string (+ i 1)) ".png")))
          (gimp-file-save RUN-NONINTERACTIVE image (vector-ref layers i) file file)
          (say "wrote " file)
          (loop (+ i 1)))))
  (gimp-image-delete image))
