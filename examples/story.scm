; The pages of a story, an XCF file with a layer group for each.
;   examples/batch examples/story.scm STORY OUT.xcf [PHOTO...]
; STORY is text or JSON as docs/applications.md describes it, examples/story.txt for example.  The PHOTOs play
; its characters, in their order; without any the story's own do.
(let* ((out (argument 1 ""))
       (image (cadr (plug-in-moa-story RUN-NONINTERACTIVE (argument 0 "") 0 #() 1 0 "" (photo-options 2)))))
  (gimp-xcf-save RUN-NONINTERACTIVE image (vector-ref (cadr (gimp-image-get-layers image)) 0) out out)
  (say "wrote " out)
  (gimp-image-delete image))
