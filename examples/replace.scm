; A person replaced, layers by their names.
;   examples/batch examples/replace.scm PICTURE PHOTO OUT.xcf [OPTIONS]
; OPTIONS as in docs/settings.md, for example '{"steps": 30, "freedom": 0.4, "variations": 3}'.
; The result keeps what it was made of: repeat.scm, edit.scm and router-maps.scm go on from there.
(let* ((picture (argument 0 "")) (photo (argument 1 "")) (out (argument 2 ""))
       (image (car (gimp-file-load RUN-NONINTERACTIVE picture picture)))
       (layer (vector-ref (cadr (gimp-image-get-layers image)) 0))
       (friend (car (gimp-file-load RUN-NONINTERACTIVE photo photo))))
  (gimp-item-set-name (vector-ref (cadr (gimp-image-get-layers friend)) 0) "friend")
  (plug-in-moa-replace-person RUN-NONINTERACTIVE image layer 0 #() "" 0 -1 1 ""
    (string-append "{\"subjects\": [\"layer:friend\"]"
                   (let ((options (argument 3 "{}")))
                     (if (string=? options "{}") "}"
                         (string-append ", " (substring options 1 (string-length options)))))))
  (gimp-xcf-save RUN-NONINTERACTIVE image layer out out)
  (say "wrote " out)
  (gimp-image-delete friend)
  (gimp-image-delete image))
