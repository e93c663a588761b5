; The topmost result of an XCF file made again with other settings; without any, they are told.
;   examples/batch examples/edit.scm IN.xcf
;   examples/batch examples/edit.scm IN.xcf OUT.xcf '{"steps": 30, "prompt": "a woman"}'
(let* ((in (argument 0 "")) (out (argument 1 ""))
       (image (car (gimp-file-load RUN-NONINTERACTIVE in in)))
       (result (vector-ref (cadr (gimp-image-get-layers image)) 0)))
  (say (car (plug-in-moa-edit RUN-NONINTERACTIVE image result (argument 2 ""))))
  (if (> (string-length out) 0)
      (gimp-xcf-save RUN-NONINTERACTIVE image result out out))
  (gimp-image-delete image))
