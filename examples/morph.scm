; One person becomes another, as a GIF animation or an XCF file with the frames as layers.
;   examples/batch examples/morph.scm PROMPT OUT FRAMES PHOTO PHOTO [OPTIONS]
; One noun of the prompt is the person: "a person on a beach" out.gif 7 ann.png bea.png.
(let* ((options (argument 5 "{}"))
       (first (gimp-file-load RUN-NONINTERACTIVE (argument 3 "") (argument 3 "")))
       (second (gimp-file-load RUN-NONINTERACTIVE (argument 4 "") (argument 4 "")))
       (file (argument 1 ""))
       (people (map (lambda (image) (car (gimp-image-get-active-layer (car image)))) (list first second)))
       (image (cadr (plug-in-moa-morph RUN-NONINTERACTIVE (argument 0 "") 2 (list->vector people) 1
                                       (string->number (argument 2 "9")) "" options)))
       (layer (car (gimp-image-get-active-layer image)))
       (n (string-length file)))
  (if (and (> n 4) (string=? (substring file (- n 4) n) ".gif"))
      (begin
        (gimp-image-convert-indexed image CONVERT-DITHER-FS CONVERT-PALETTE-GENERATE 255 FALSE FALSE "")
        (file-gif-save RUN-NONINTERACTIVE image layer file file FALSE TRUE 150 0))
      (gimp-file-save RUN-NONINTERACTIVE image layer file file))
  (say "wrote " file)
  (for-each gimp-image-delete (list image (car first) (car second))))
