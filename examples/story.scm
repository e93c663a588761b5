; The pages of a story, an XCF file with a layer group for each.
;   examples/batch examples/story.scm STORY OUT.xcf [PHOTO...]
; STORY is text or JSON as docs/applications.md describes it, examples/story.txt for example.  The PHOTOs play
; its characters, in their order; without any the story's own do.
(let* ((out (argument 1 ""))
       (photos (if (> (length arguments) 2) (list-tail arguments 2) '()))
       (options (string-append
                  "{\"subjects\": ["
                  (let loop ((left photos) (text ""))
                    (if (null? left) text
                        (loop (cdr left)
                              (string-append text (if (string=? text "") "" ", ")
                                             "\"file:" (car left) "\""))))
                  "]}"))
       (image (cadr (plug-in-moa-story RUN-NONINTERACTIVE (argument 0 "") 0 #() 1 0 "" options))))
  (gimp-xcf-save RUN-NONINTERACTIVE image (vector-ref (cadr (gimp-image-get-layers image)) 0) out out)
  (say "wrote " out)
  (gimp-image-delete image))
