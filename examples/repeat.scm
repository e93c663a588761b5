; The topmost result of an XCF file made again with another seed, above the old one.
;   examples/batch examples/repeat.scm IN.xcf OUT.xcf [SEED]
; Without a SEED it is a random one.  The photos are not needed: the result keeps their features.
(let* ((in (argument 0 "")) (out (argument 1 ""))
       (image (car (gimp-file-load RUN-NONINTERACTIVE in in)))
       (result (vector-ref (cadr (gimp-image-get-layers image)) 0)))
  (plug-in-moa-repeat RUN-NONINTERACTIVE image result (string->number (argument 2 "-1")))
  (gimp-xcf-save RUN-NONINTERACTIVE image result out out)
  (say "wrote " out)
  (gimp-image-delete image))
