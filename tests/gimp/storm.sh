#!/bin/bash
# A storm: Replace Person is killed, and loses its layer or image or GIMP itself, at random moments.
# Afterwards the image has its pixels, no half-made layer is in it, and the caches serve the next
# run.  Prints TAP.
#
#   storm.sh [RUNS [SEED]]     default 12 and 1
#
#   MOA_PLUGIN, MOA_TEST_PLUGIN, MOA_TEST_MODEL   as for common.sh
#   MOA_TEST_OUT                                  where to leave GIMP's log
runs=${1:-12} RANDOM=${2:-1}
. "$(dirname "$0")/common.sh"
gimp= cut_short=0

children () { ps -o pid= --ppid "$gimp" 2>/dev/null; }

end_gimp ()
{
  local left
  [ "$gimp" ] || return
  left=$(children)
  kill -KILL "$gimp" 2>/dev/null
  wait "$gimp" 2>/dev/null
  # The Script-Fu server would outlive it; the plug-ins must not.
  for ((i = 0; i < 40; i++)); do
    busy || break
    sleep 0.1
  done
  [ -z "$left" ] || kill -KILL $left 2>/dev/null
  gimp=
}
trap 'end_gimp; rm -rf "$work"' EXIT

start_gimp ()
{
  gimp -i -d -f -b "(plug-in-script-fu-server RUN-NONINTERACTIVE \"127.0.0.1\" $port \"\")" \
    </dev/null >>"$out/storm.log" 2>&1 &
  gimp=$!
  for ((i = 0; i < 300; i++)); do
    [ "$(fu '(+ 20 3)' 2>/dev/null)" = 23 ] && return
    sleep 0.1
  done
  bail_out "GIMP does not answer"
}

# The plug-in's processes; they outlive a killed GIMP for a moment.
plugins () { pgrep -f "^$work/gimp/plug-ins/moa-gimp/moa-gimp"; }
busy () { [ "$(plugins)" ]; }
kill_plugin ()
{
  local pid
  for pid in $(plugins); do
    kill -"$1" "$pid" 2>/dev/null
  done
}

# A picture with its copy to compare with, and a subject, of a fixed seed.
new_image ()
{
  image=$(fu "(let* ((make (lambda (w h seed)
                             (let* ((image (car (gimp-image-new w h RGB)))
                                    (layer (car (gimp-layer-new image w h RGB-IMAGE \"p\" 100 0))))
                               (gimp-image-insert-layer image layer 0 0)
                               (moa-test-fill layer seed) image)))
                     (image (make 128 128 5)) (copy (make 128 128 5)) (subject (make 64 64 7)))
                (gimp-image-select-ellipse image 2 30 20 60 90)
                (set! the-image image) (set! the-copy copy)
                (set! layer-of (lambda (i) (let ((l (gimp-image-get-layers i)))
                                             (vector-ref (cadr l) (- (car l) 1)))))
                (set! the-subject (layer-of subject))
                image)")
}

# start_run OPTIONS
start_run ()
{
  rm -f "$work/over"
  fu "(begin (moa-test-start the-image (layer-of the-image) the-subject \"$1\" \"$work/over\") 1)" \
    >/dev/null
}

# wait_until COMMAND...: up to four minutes, for slow machines
wait_until ()
{
  for ((i = 0; i < 2400; i++)); do
    "$@" && return
    sleep 0.1
  done
  false
}
over () { [ -e "$work/over" ]; }
wait_over () { wait_until over; }

# The plug-in is there; its engine works, so that it has read the picture; or the run is over.
begun () { busy || over; }
computing ()
{
  local pid
  over && return
  for pid in $(plugins); do
    cat "/proc/$pid"/task/*/comm 2>/dev/null | grep -q moa-replace && return
  done
  false
}

# The picture's own layer, if it is there, has its pixels; beside it only whole groups are there.
image_is_sound ()
{
  [ "$(fu "(let* ((layers (vector->list (cadr (gimp-image-get-layers the-image))))
                  (plain (lambda (l) (= 0 (car (gimp-item-is-group l)))))
                  (sound (lambda (group)
                           (and (pair? (catch #f (gimp-item-get-parasite group \"moa-replace-person\")))
                                (< 0 (car (gimp-layer-get-mask
                                            (vector-ref (cadr (gimp-item-get-children group)) 0))))))))
             (and (= 1 (car (gimp-image-is-valid the-image)))
                  (= 1 (car (gimp-image-undo-is-enabled the-image)))
                  (null? (filter-out sound (filter-out plain layers)))
                  (let ((own (layer-of the-image)))
                    (or (not (plain own))
                        (equal? '(0 0) (moa-test-differ own (layer-of the-copy)
                                                        (car (gimp-image-get-selection the-copy))
                                                        0 0))))))")" = "#t" ]
}

options='{\"steps\": 60, \"fixed_point\": 3, \"freedom\": 0.3, \"threads\": 1}'
actions=(plug-in-killed plug-in-ended layer-deleted image-deleted made-indexed gimp-killed nothing)

define='(begin (define the-image 0) (define the-copy 0) (define the-subject 0) (define layer-of 0)
  (define (filter-out good list) (cond ((null? list) ()) ((good (car list)) (filter-out good (cdr list)))
                                       (else (cons (car list) (filter-out good (cdr list)))))) 1)'
start_gimp
fu "$define" >/dev/null
new_image
for ((run = 0; run < runs; run++)); do
  action=${actions[run < ${#actions[@]} ? run : RANDOM % ${#actions[@]}]}
  # Every other run finds the cache cold.
  [ $((run % 2)) = 0 ] || rm -rf "$work/.cache/moa-gimp"
  start_run "$options"
  wait_until begun
  sleep "$((RANDOM % 3)).$((RANDOM % 10))"
  # What is gone before it was read is refused, which is another test's matter.
  case $action in
    layer-deleted | image-deleted | made-indexed) wait_until computing ;;
  esac
  case $action in
    plug-in-killed) kill_plugin KILL ;;
    plug-in-ended) kill_plugin TERM ;;
    layer-deleted) fu "(gimp-image-remove-layer the-image (layer-of the-image))" >/dev/null ;;
    image-deleted) fu "(gimp-image-delete the-image)" >/dev/null ;;
    made-indexed) fu "(gimp-image-convert-indexed the-image 0 0 16 FALSE FALSE \"\")" >/dev/null ;;
    gimp-killed)
      end_gimp
      check "$run: the plug-in ends with GIMP" eval '! busy'
      start_gimp
      fu "$define" >/dev/null
      new_image
      continue
      ;;
  esac
  check "$run: $action: the run is over" wait_over
  [ "$(cat "$work/over")" = done ] || cut_short=$((cut_short + 1))
  case $action in
    image-deleted | made-indexed | layer-deleted)
      check "$run: $action: the result found another place" [ "$(cat "$work/over")" = done ]
      fu "(begin (for-each gimp-image-delete (vector->list (cadr (gimp-image-list)))) 1)" >/dev/null
      new_image
      ;;
    *)
      check "$run: $action: the image is sound" image_is_sound
      ;;
  esac
done

check "the storm did cut runs short" [ $cut_short -gt 0 ]

# What the storm left serves: the cache gives the same as no cache.
fu "(begin (for-each gimp-image-delete (vector->list (cadr (gimp-image-list)))) 1)" >/dev/null
new_image
for more in '' ', \"cache\": false'; do
  start_run "${options%\}}$more}"
  wait_over
  check "afterwards a run is done${more:+ without the cache}" [ "$(cat "$work/over")" = done ]
done
check "with the same pixels" [ "$(fu "(let ((groups (cadr (gimp-image-get-layers the-image)))
    (child (lambda (g) (vector-ref (cadr (gimp-item-get-children g)) 0))))
  (moa-test-differ (child (vector-ref groups 0)) (child (vector-ref groups 1))
                   (car (gimp-layer-get-mask (child (vector-ref groups 0)))) 0 0))")" = "(0 0)" ]
check "and the image is sound" image_is_sound
check "no half-written inversion is left for long" \
  [ "$(find "$work/.cache" -name '*.moa-inversion.*' | wc -l)" -le "$runs" ]
end
