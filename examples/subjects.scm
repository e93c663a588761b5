; Saved subjects: persons that can be used in any picture, as "saved:NAME".
;   examples/batch examples/subjects.scm list
;   examples/batch examples/subjects.scm add NAME PHOTO...
;   examples/batch examples/subjects.scm rename NAME NEW-NAME
;   examples/batch examples/subjects.scm delete NAME
;   examples/batch examples/subjects.scm export NAME FILE
;   examples/batch examples/subjects.scm import "" FILE
(let* ((action (argument 0 "list"))
       (adds (string=? action "add"))
       (files (if (and adds (> (length arguments) 2)) (list-tail arguments 2) '()))
       (images (map (lambda (file) (car (gimp-file-load RUN-NONINTERACTIVE file file))) files))
       (layers (list->vector (map (lambda (image)
                                    (vector-ref (cadr (gimp-image-get-layers image)) 0))
                                  images))))
  (say (car (plug-in-moa-subjects RUN-NONINTERACTIVE action (argument 1 "")
                                  (if adds "" (argument 2 "")) (vector-length layers) layers "")))
  (for-each gimp-image-delete images))
