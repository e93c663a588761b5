/* Pictures that belong together: see sequence.h.  GIMP has a part in the first and the last step only,
 * so that drawing may go on in a thread of its own. */
#include "sequence_private.h"

#include "control.h"
#include "generate.h"
#include "intl.h"
#include "made.h"
#include "options.h"
#include "order.h"

#include <string.h>

/* ---- Planning ------------------------------------------------------------ */

static void
frame_free (gpointer data)
{
  Frame *frame = data;

  g_free (frame->name);
  g_free (frame->place);
  generate_settings_free (frame->settings);
  replace_task_free (frame->task);
  moa_image_free (frame->around);
  moa_image_free (frame->control);
  moa_image_free (frame->picture);
  g_free (frame->json);
  g_free (frame->hash);
  g_free (frame->replace);
  g_free (frame->select);
  g_free (frame->follow);
  g_free (frame);
}

/* What a new picture follows, that of the first where it takes what that takes.  Of files that are a panel's
 * own, an estimate needs no pixels. */
static gboolean
read_control (const Sequence *sequence, Frame *frame, GError **error)
{
  const Frame *first = g_ptr_array_index (sequence->frames, 0);
  ReplaceSettings *how = frame->settings->how;
  MoaControl *control = &frame->settings->params.control;

  if (frame->task)
    return TRUE;
  *control = how->params.control;
  if (frame != first && frame->like_first)
    control->image = first->settings->params.control.image;
  else if (!(sequence->cost && frame->follow))
    {
      if (!control_read (how, -1, NULL, &frame->control, error))
        return FALSE;
      control->image = frame->control;
    }
  return TRUE;
}

static gboolean
plan (Sequence *sequence, GError **error)
{
  if (!sequence->kind->plan (sequence, error))
    return FALSE;
  for (guint i = 0; i < sequence->frames->len; i++)
    {
      Frame *frame = g_ptr_array_index (sequence->frames, i);

      if (!read_control (sequence, frame, error))
        {
          if (frame->place)
            g_prefix_error (error, "%s: ", frame->place);
          return FALSE;
        }
    }
  return TRUE;
}

Sequence *
sequence_new (const SequenceKind *kind, const GenerateSettings *settings, MoaModel *model,
              const MoaSubject *subjects, char *const *names, int n_subjects, gboolean cost, GError **error)
{
  g_autoptr (Sequence) sequence = g_new0 (Sequence, 1);

  sequence->kind = kind;
  sequence->settings = generate_settings_copy (settings);
  sequence->model = moa_model_ref (model);
  sequence->cost = cost;
  sequence->n_given = n_subjects;
  sequence->persons = g_ptr_array_new_with_free_func (sequence_person_free);
  sequence->frames = g_ptr_array_new_with_free_func (frame_free);
  sequence->people = g_ptr_array_new_with_free_func ((GDestroyNotify) people_free);
  for (int k = 0; k < n_subjects; k++)
    sequence_add_person (sequence, &subjects[k], names[k]);
  if (n_subjects < kind->least_subjects)
    {
      options_fail (error, "%s", _(kind->need));
      return NULL;
    }
  return plan (sequence, error) ? g_steal_pointer (&sequence) : NULL;
}

void
sequence_free (Sequence *sequence)
{
  if (!sequence)
    return;
  g_ptr_array_unref (sequence->frames);
  g_ptr_array_unref (sequence->persons);
  g_ptr_array_unref (sequence->people);
  moa_story_free (sequence->story);
  generate_settings_free (sequence->settings);
  moa_model_unref (sequence->model);
  g_free (sequence);
}

Frame *
sequence_add (Sequence *sequence, char *name)
{
  Frame *frame = g_new0 (Frame, 1);

  frame->name = name;
  frame->settings = generate_settings_copy (sequence->settings);
  frame->n_people = sequence->n_given;
  for (int k = 0; k < sequence->n_given; k++)
    frame->people[k] = sequence_get_given (sequence, k);
  g_ptr_array_add (sequence->frames, frame);
  return frame;
}

void
sequence_settle_delay (Sequence *sequence, int usual)
{
  int *delay = &sequence->settings->sequence.delay;

  *delay = *delay ? *delay : usual;
}

char *
sequence_name_frame (const Sequence *sequence, const char *name)
{
  return g_strdup_printf ("%s (%dms) (replace)", name, sequence->settings->sequence.delay);
}

/* ---- Drawing ------------------------------------------------------------- */

/* A frame's part of the progress. */
typedef struct {
  const MoaRun *whole;
  int i, n;
  gint64 begin;
} Part;

static void
tell (const MoaProgress *progress, gpointer data)
{
  const Part *part = data;
  MoaProgress all = *progress;
  double seconds = (g_get_monotonic_time () - part->begin) / 1e6 + progress->seconds_left;

  all.picture = part->i;
  all.fraction = (part->i + progress->fraction) / part->n;
  if (progress->seconds_left >= 0)
    all.seconds_left += (part->n - part->i - 1) * seconds;
  part->whole->progress (&all, part->whole->progress_data);
}

/* ---- What one frame is --------------------------------------------------- */

/* What is replaced is the part of the picture that the task works on. */
static void
put_into (MoaImage *whole, const MoaImage *part, int left, int top)
{
  for (int y = 0; y < part->height; y++)
    memcpy (whole->data + ((gsize) (top + y) * whole->width + left) * 3,
            part->data + (gsize) y * part->width * 3, (gsize) part->width * 3 * sizeof (float));
}

/* What the engine takes for a frame; one of the two.  names: NULL, or to be filled. */
typedef struct {
  MoaSubject subjects[MOA_MAX_SUBJECTS];
  guint64 seed;
  MoaGenerateParams drawing;
  MoaReplaceParams replacement;
} Params;

static void
set_params (const Frame *frame, gboolean made, Params *params, char **names)
{
  GenerateSettings *settings = frame->settings;

  sequence_get_subjects (frame, made, params->subjects, names);
  if (frame->task)
    {
      replace_task_get_params (frame->task, &params->replacement);
      params->replacement.subjects = params->subjects;
      params->replacement.n_subjects = frame->n_people;
      return;
    }
  params->seed = settings->seed;
  params->drawing = settings->params;
  params->drawing.prompt = settings->prompt;
  params->drawing.negative = settings->negative;
  params->drawing.subjects = params->subjects;
  params->drawing.n_subjects = frame->n_people;
  params->drawing.seeds = &params->seed;
  params->drawing.n_seeds = 1;
}

static gboolean
estimate_frame (const Sequence *sequence, Frame *frame, const MoaRun *run, gboolean calibrate,
                MoaEstimate *estimate, GError **error)
{
  Params params;

  if (sequence->cost && !sequence_measure (sequence, frame, error))
    return FALSE;
  set_params (frame, FALSE, &params, NULL);
  return frame->task ? moa_replace_estimate (sequence->model, &params.replacement, run, calibrate, estimate,
                                             error)
                     : moa_generate_estimate (sequence->model, &params.drawing, run, calibrate, estimate,
                                              error);
}

gboolean
sequence_estimate (Sequence *sequence, const MoaRun *run, gboolean calibrate, MoaEstimate *estimate,
                   GError **error)
{
  MoaEstimate one = { 0 };

  *estimate = one;
  sequence_name_frames (sequence);
  for (guint i = 0; i < sequence->frames->len; i++)
    {
      Frame *frame = g_ptr_array_index (sequence->frames, i);

      if ((i == 0 || !frame->like_first)
          && !estimate_frame (sequence, frame, run, calibrate, &one, error))
        {
          if (frame->place)
            g_prefix_error (error, "%s: ", frame->place);
          return FALSE;
        }
      estimate->bytes_needed = MAX (estimate->bytes_needed, one.bytes_needed);
      estimate->bytes_free = one.bytes_free;
      if (one.seconds < 0 || estimate->seconds < 0)
        estimate->seconds = -1;
      else if (!sequence_has_drawn (sequence, frame))
        estimate->seconds += one.seconds;
    }
  return TRUE;
}

static char *
describe_replacement (const Frame *frame, const MoaReplaceResult *result, char *const *names)
{
  const ReplaceTask *task = frame->task;
  json_t *subjects = json_array ();
  json_t *object = made_replacement (task->settings, moa_model_get_info (task->model), result,
                                     result->variations[0].seed);

  for (int k = 0; k < frame->n_people; k++)
    json_array_append_new (subjects, options_text (names[k]));
  json_object_set_new (object, "prompt_used", json_string (result->prompt));
  json_object_set_new (object, "subjects", subjects);
  json_object_set_new (object, "replace", options_text (frame->replace));
  return options_print (object);
}

static gboolean
replace (Frame *frame, const MoaReplaceParams *params, char *const *names, const MoaRun *run, GError **error)
{
  ReplaceTask *task = frame->task;
  MoaReplaceResult *result = moa_replace (task->model, params, run, error);

  if (result)
    {
      frame->picture = g_steal_pointer (&frame->around);
      put_into (frame->picture, result->variations[0].composite, task->area.x, task->area.y);
      frame->json = describe_replacement (frame, result, names);
    }
  moa_replace_result_free (result);
  return frame->picture != NULL;
}

static gboolean
generate (Frame *frame, MoaModel *model, const MoaGenerateParams *params, char *const *names,
          const MoaRun *run, GError **error)
{
  MoaGenerateResult *result = moa_generate (model, params, run, error);

  if (result)
    {
      frame->json = options_print (made_picture (params, names, frame->settings->how,
                                                 moa_model_get_info (model), result, 0));
      frame->picture = g_steal_pointer (&result->images[0]);
    }
  moa_generate_result_free (result);
  return frame->picture != NULL;
}

static gboolean
draw (const Sequence *sequence, Frame *frame, const MoaRun *run, GError **error)
{
  Params params;
  char *names[MOA_MAX_SUBJECTS];
  gboolean success = sequence_make_people (sequence, frame, run, error);

  if (success)
    {
      set_params (frame, TRUE, &params, names);
      success = frame->task ? replace (frame, &params.replacement, names, run, error)
                            : generate (frame, sequence->model, &params.drawing, names, run, error);
    }
  sequence_drop_people (frame);
  return success && sequence_write_drawn (sequence, frame, error);
}

static gboolean
draw_all (Sequence *sequence, const MoaRun *run, GError **error)
{
  for (guint i = 0; i < sequence->frames->len; i++)
    {
      Frame *frame = g_ptr_array_index (sequence->frames, i);
      Part part = { run, i, sequence->frames->len, g_get_monotonic_time () };
      MoaRun own = *run;

      own.progress = run->progress ? tell : NULL;
      own.progress_data = &part;
      if (!frame->picture && !draw (sequence, frame, &own, error))
        return FALSE;
    }
  return TRUE;
}

/* What would fail, fails before the first picture is drawn. */
static gboolean
check_all (Sequence *sequence, const MoaRun *run, GError **error)
{
  MoaEstimate estimate;
  gboolean success = sequence_open_folder (sequence, error)
                     && sequence_estimate (sequence, run, FALSE, &estimate, error);

  for (guint i = 0; success && i < sequence->frames->len; i++)
    {
      Frame *frame = g_ptr_array_index (sequence->frames, i);

      success = sequence_make_people (sequence, frame, run, error);
      if (!success && frame->place)
        g_prefix_error (error, "%s: ", frame->place);
      sequence_drop_people (frame);
    }
  return success;
}

gboolean
sequence_draw (Sequence *sequence, const MoaRun *run, GError **error)
{
  if (!check_all (sequence, run, error))
    return FALSE;
  sequence_take_drawn (sequence);
  if (draw_all (sequence, run, error))
    return TRUE;
  sequence_keep_drawn (sequence);
  return FALSE;
}

/* ---- Writing ------------------------------------------------------------- */

int
sequence_add_picture (const Sequence *sequence, const Frame *frame, int image, int parent, const char *name)
{
  json_t *object = json_loads (frame->json, 0, NULL);

  /* Those of this run, also of a picture that an earlier one drew. */
  generate_settings_put_own (sequence->settings, object);

  g_autofree char *json = options_print (object);

  return generate_add_picture (image, parent, frame->picture, name, json);
}

int
sequence_write_frames (const Sequence *sequence, GError **error)
{
  const Frame *first = g_ptr_array_index (sequence->frames, 0);
  int image = generate_image_new (first->picture->width, first->picture->height,
                                  sequence->settings->how->mark, error);

  for (guint i = 0; image >= 0 && i < sequence->frames->len; i++)
    {
      const Frame *frame = g_ptr_array_index (sequence->frames, i);

      sequence_add_picture (sequence, frame, image, -1, frame->name);
    }
  if (image >= 0)
    gimp_image_undo_enable (image);
  return image;
}

/* ---- A call without a dialog --------------------------------------------- */

gboolean
sequence_run (const SequenceKind *kind, const GimpParam *param, GimpParam *values, GError **error)
{
  g_autoptr (Order) order = order_new (kind->name, kind->own, kind->number, param, error);
  g_autoptr (Sequence) sequence = NULL;
  MoaRun run;

  if (order)
    sequence = sequence_new (kind, order->settings, order->model, order->people->subjects,
                             order->people->names, order->people->n_subjects, FALSE, error);
  if (!sequence)
    return FALSE;
  order_get_run (order, &run);
  gimp_progress_init (_("Drawing"));

  gboolean drawn = sequence_draw (sequence, &run, error);

  gimp_progress_end ();

  int image = drawn ? kind->write (sequence, error) : -1;

  if (image >= 0)
    {
      values[0].data.d_string = gimp_image_get_name (image);
      values[1].data.d_image = image;
    }
  return image >= 0;
}
