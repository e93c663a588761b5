; One person from young to old, an XCF file with a layer for each age.
;   examples/batch examples/time-lapse.scm PHOTO OUT.xcf [NOUN|AGES [OPTIONS]]
; NOUN is woman, man ...; AGES are prompts, one a line.
(let* ((photo (argument 0 "")) (out (argument 1 ""))
       (person (car (gimp-file-load RUN-NONINTERACTIVE photo photo)))
       (image (cadr (plug-in-moa-time-lapse RUN-NONINTERACTIVE (argument 2 "")
                                            1 (vector (car (gimp-image-get-active-layer person)))
                                            1 0 "" (argument 3 "{}")))))
  (gimp-xcf-save RUN-NONINTERACTIVE image (car (gimp-image-get-active-layer image)) out out)
  (say "wrote " out)
  (gimp-image-delete image)
  (gimp-image-delete person))
