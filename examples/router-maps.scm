; Where each block of the model drew the new person: the topmost result's maps on one sheet.
;   examples/batch examples/router-maps.scm IN.xcf SHEET.png
(let* ((in (argument 0 "")) (sheet (argument 1 ""))
       (image (car (gimp-file-load RUN-NONINTERACTIVE in in)))
       (result (vector-ref (cadr (gimp-image-get-layers image)) 0)))
  (plug-in-moa-router-maps RUN-NONINTERACTIVE image result sheet)
  (say "wrote " sheet)
  (gimp-image-delete image))
