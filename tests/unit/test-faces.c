/* Small heads once more: on pictures of the drawn world with people further away than it has them, against
 * the picture drawn with the new people.  Where heads are, what changes, what is refused, how far it is. */
#include "job-util.h"

#include "base/image.h"
#include "base/mask.h"
#include "evaluate/metrics.h"
#include "jobs/replace.h"
#include "train/world/world.h"

#include <stdlib.h>

enum { SIDE = 512, PHOTO = 128 };

/* People far away, and other people in the same places. */
typedef struct {
  MoaImage *source, *truth, *selection;
  MoaImage *face[MOA_WORLD_PEOPLE];     /* 1 in a box around the head */
  MoaImage *photo[MOA_WORLD_PEOPLE];
  MoaRect head[MOA_WORLD_PEOPLE];
  MoaSubject subjects[MOA_WORLD_PEOPLE];
  MoaReplaceParams params;
} Far;

static MoaImage *
from_bytes (const guint8 *bytes, int side, int channels)
{
  MoaImage *image = moa_image_new (side, side, channels);
  for (gsize i = 0; i < image_count (image); i++)
    image->data[i] = bytes[i] / 255.0f;
  return image;
}

static MoaImage *
draw (const MoaWorld *world, const MoaScene *scene, MoaImage *seen)
{
  gsize n = (gsize) SIDE * SIDE;
  g_autofree guint8 *rgb = g_new (guint8, 3 * n), *masks = g_new0 (guint8, MOA_WORLD_PEOPLE * n);
  guint8 *visible[MOA_WORLD_PEOPLE];
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    visible[k] = masks + k * n;
  moa_world_draw (world, scene, rgb, visible, NULL);
  for (gsize i = 0; i < MOA_WORLD_PEOPLE * n; i++)
    seen->data[i % n] = MAX (seen->data[i % n], masks[i] / 255.0f);
  return from_bytes (rgb, SIDE, 3);
}

static void
far_init (Far *far, int number, int n_people, double r)
{
  MoaWorld *world = moa_world_new (7, SIDE, PHOTO);
  guint64 index = ((guint64) 1 << 41) + number;
  MoaScene scene, other;
  *far = (Far){ NULL };
  moa_world_scene (world, index, n_people, &scene);
  scene.context.front = MOA_FRONT_NONE;
  for (int k = 0; k < n_people; k++)
    {
      MoaPlacement *p = &scene.context.people[k];
      p->x = 128.0 * (k + 1) / (n_people + 1);
      p->y = 74;
      p->r = r;
    }
  moa_world_swap (world, index, 0, (1 << n_people) - 1, &scene, &other);
  far->selection = moa_image_new (SIDE, SIDE, 1);
  far->source = draw (world, &scene, far->selection);
  far->truth = draw (world, &other, far->selection);
  moa_mask_dilate (far->selection, SIDE / 64.0);
  moa_replace_params_init (&far->params);
  for (int k = 0; k < n_people; k++)
    {
      g_autofree guint8 *photo = g_new (guint8, 3 * PHOTO * PHOTO);
      double scale = SIDE / 128.0, x = scene.context.people[k].x * scale, y = 74 * scale, a = 1.2 * r * scale;
      moa_world_photo (world, &other.people[k], index, k, 0, photo);
      far->photo[k] = from_bytes (photo, PHOTO, 3);
      far->subjects[k] = (MoaSubject){ (const MoaImage *const *) &far->photo[k], 1 };
      far->head[k] = (MoaRect){ x - a, y - a, 2 * a, 2 * a };
      far->face[k] = moa_image_new (SIDE, SIDE, 1);
      for (int i = 0; i < SIDE * SIDE; i++)
        far->face[k]->data[i] = ABS (i % SIDE - x) < a && ABS (i / SIDE - y) < a;
    }
  far->params.source = far->source;
  far->params.selection = far->selection;
  far->params.subjects = far->subjects;
  far->params.n_subjects = n_people;
  moa_world_free (world);
}

static void
far_clear (Far *far)
{
  moa_image_free (far->source);
  moa_image_free (far->truth);
  moa_image_free (far->selection);
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    {
      moa_image_free (far->face[k]);
      moa_image_free (far->photo[k]);
    }
}

/* Only the heads' parts changed, and nothing outside the selection. */
static void
check_rest (const Far *far, const MoaVariation *first, const MoaVariation *again)
{
  g_assert_cmpfloat (image_difference (first->mask, again->mask), ==, 0);
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++)
      {
        gsize i = (gsize) y * SIDE + x, bytes = 3 * sizeof (float);
        gboolean near = FALSE;
        for (int k = 0; k < again->n_heads; k++)
          {
            const MoaRect *head = &again->heads[k];
            near |= x >= head->x && x < head->x + head->width && y >= head->y && y < head->y + head->height;
          }
        if (!near)
          g_assert_cmpmem (again->composite->data + 3 * i, bytes, first->composite->data + 3 * i, bytes);
        if (again->mask->data[i] == 0)
          g_assert_cmpmem (again->composite->data + 3 * i, bytes, far->source->data + 3 * i, bytes);
        for (int c = 0; c < 3; c++)
          {
            float old = far->source->data[3 * i + c], new = again->image->data[3 * i + c];
            float mixed = old + (new - old) * again->mask->data[i];
            g_assert_cmpfloat (fabsf (again->composite->data[3 * i + c] - mixed), <, 1e-6);
          }
      }
}

static gboolean
holds (const MoaRect *head, double x, double y)
{
  return x > head->x && x < head->x + head->width && y > head->y && y < head->y + head->height;
}

/* People so small that the first run leaves no face: the second one comes nearer to the truth. */
static void
test_nearer (void)
{
  static const int numbers[] = { 4, 6 };
  MoaModel *model = open_model (mini_path ());
  double gain = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      Far far;
      far_init (&far, numbers[i], 1, 8.5);
      far.params.steps = 14;
      MoaReplaceResult *first = replace_with (model, &far.params, NULL);
      far.params.faces = 0.6;
      MoaReplaceResult *again = replace_with (model, &far.params, NULL);
      const MoaVariation *a = first->variations, *b = again->variations;
      double before = moa_psnr (a->composite, far.truth, far.face[0]);
      double after = moa_psnr (b->composite, far.truth, far.face[0]);
      g_test_message ("scene %d: %.2f dB, again %.2f dB", numbers[i], before, after);
      gain += (after - before) / G_N_ELEMENTS (numbers);
      g_assert_cmpint (a->n_heads, ==, 0);
      g_assert_cmpint (b->n_heads, ==, 1);
      g_assert_null (again->warnings[0]);
      g_assert_true (holds (b->heads, SIDE / 2, 74 * SIDE / 128.0));
      g_assert_cmpint (b->heads[0].width, <, 3 * far.head[0].width / 2);
      check_rest (&far, a, b);
      moa_replace_result_free (first);
      moa_replace_result_free (again);
      far_clear (&far);
    }
  g_assert_cmpfloat (gain, >, 0.8);
  moa_model_unref (model);
}

/* Each head gets its own person, whatever the subjects' order; and all variations get theirs. */
static void
test_two (void)
{
  MoaModel *model = open_model (mini_path ());
  Far far;
  far_init (&far, 0, 2, 8.5);
  far.params.steps = 8;
  far.params.freedom = 0.4;
  far.params.variations = 2;
  MoaReplaceResult *first = replace_with (model, &far.params, NULL);
  far.params.faces = 0.6;
  MoaReplaceResult *again = replace_with (model, &far.params, NULL);
  for (int k = 0; k < 2; k++)
    {
      const MoaVariation *v = &again->variations[k];
      g_assert_cmpint (v->n_heads, ==, 2);
      g_assert_true (holds (&v->heads[0], SIDE / 3.0, 74 * SIDE / 128.0));
      g_assert_true (holds (&v->heads[1], SIDE * 2 / 3.0, 74 * SIDE / 128.0));
      check_rest (&far, &first->variations[k], v);
      g_assert_cmpfloat (image_difference (v->composite, first->variations[k].composite), >, 0.05);
    }
  moa_replace_result_free (first);
  const MoaSubject turned[] = { far.subjects[1], far.subjects[0] };
  static const int order[] = { 1, 0 };
  far.params.variations = 1;
  MoaImage *straight = composite_of (model, &far.params);
  g_assert_cmpfloat (image_difference (straight, again->variations->composite), <, 1e-3);
  far.params.subjects = turned;
  far.params.order = order;
  g_assert_cmpfloat (and_free (straight, composite_of (model, &far.params)), <, 2e-2);
  moa_replace_result_free (again);
  far_clear (&far);
  moa_model_unref (model);
}

static void
check_warned (MoaModel *model, Far *far, const char *text)
{
  MoaReplaceResult *result = replace_with (model, &far->params, NULL);
  g_assert_cmpint (result->variations->n_heads, ==, 0);
  g_assert_nonnull (result->warnings[0]);
  g_assert_nonnull (strstr (result->warnings[0], text));
  far->params.faces = 0;
  g_assert_cmpfloat (and_free (moa_image_copy (result->variations->composite),
                               composite_of (model, &far->params)), ==, 0);
  far->params.faces = 0.6;
  moa_replace_result_free (result);
}

static void
test_boxes (void)
{
  static const MoaRect wrong[] = { { -1, 0, 50, 50 }, { 0, SIDE - 49, 50, 50 }, { 20, 20, 4, 50 },
                                   { 20, 20, 50, -50 }, { 20, 20, 0, 0 }, { SIDE - 9, 3, G_MAXINT, 9 } };
  MoaModel *model = open_model (mini_path ());
  Far far;
  far_init (&far, 2, 1, 8.5);
  far.params.steps = 3;
  far.params.faces = 0.6;
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      far.subjects[0].head = wrong[i];
      check_replace_refused (model, &far.params, "head of subject 1");
    }
  far.subjects[0].head = far.head[0];
  MoaReplaceResult *result = replace_with (model, &far.params, NULL);
  g_assert_cmpint (result->variations->n_heads, ==, 1);
  g_assert_cmpmem (result->variations->heads, sizeof (MoaRect), &far.head[0], sizeof (MoaRect));
  moa_replace_result_free (result);
  far.subjects[0].head = (MoaRect){ 4, 4, 60, 60 };
  check_warned (model, &far, "nobody");
  far.subjects[0].head = (MoaRect){ 100, 100, 300, 300 };
  check_warned (model, &far, "large already");
  far.params.faces = 1.5;
  check_replace_refused (model, &far.params, "faces");
  far_clear (&far);
  moa_model_unref (model);
}

/* The first head as faces.c draws it again, but with that prompt; (transfer full). */
static MoaReplaceResult *
draw_first (MoaModel *model, const Far *far, const MoaVariation *first, const MoaRect *part, const char *prompt)
{
  const MoaRect *head = &far->head[0];
  MoaReplaceParams own = far->params;
  MoaSubject subject = { (const MoaImage *const *) &far->photo[0], 1 };
  MoaImage *region = moa_image_new (part->width, part->height, 1);
  for (int y = head->y; y < head->y + head->height; y++)
    for (int x = head->x; x < head->x + head->width; x++)
      region->data[(y - part->y) * part->width + x - part->x] = first->mask->data[y * SIDE + x];
  MoaImage *source = moa_image_crop (first->composite, part->x, part->y, part->width, part->height);
  GError *error = NULL;
  own.source = source;
  own.selection = region;
  own.subjects = &subject;
  own.n_subjects = 1;
  own.prompt = prompt;
  own.color_match = TRUE;
  own.freedom = own.faces = 0;
  MoaReplaceResult *drawn = moa_replacement_run (model, &own, far->params.faces, NULL, NULL, &error);
  g_assert_no_error (error);
  moa_image_free (source);
  moa_image_free (region);
  return drawn;
}

/* Each of several heads is drawn from what the prompt says of it, and from nothing else. */
static void
test_words (void)
{
  static const char *const prompts[] = { "a boy with a red hat", "a person", "a woman in the snow",
                                         "a boy with a red hat and a woman in the snow" };
  MoaModel *model = open_model (mini_path ());
  Far far;
  far_init (&far, 0, 2, 8.5);
  far.params.steps = 6;
  far.params.prompt = prompts[3];
  far.subjects[0].head = far.head[0];
  far.subjects[1].head = far.head[1];
  MoaReplaceResult *first = replace_with (model, &far.params, NULL);
  far.params.faces = 0.6;
  MoaReplaceResult *again = replace_with (model, &far.params, NULL);
  MoaRect part;
  moa_work_area (SIDE, SIDE, &far.head[0], moa_model_get_info (model)->side / 8, &part);
  for (gsize i = 0; i < G_N_ELEMENTS (prompts); i++)
    {
      MoaReplaceResult *drawn = draw_first (model, &far, first->variations, &part, prompts[i]);
      const MoaVariation *v = drawn->variations;
      double far_off = 0;
      int n = 0;
      for (int y = 0; y < part.height; y++)
        for (int x = 0; x < part.width; x++)
          for (int c = 0; c < 3 && v->mask->data[y * part.width + x] == 1; c++, n++)
            far_off = MAX (far_off, fabs (v->image->data[3 * (y * part.width + x) + c]
                                          - again->variations->image->data[3 * ((part.y + y) * SIDE + part.x + x) + c]));
      g_test_message ("\"%s\": %g in %d", prompts[i], far_off, n);
      g_assert_cmpint (n, >, 100);
      if (i == 0)
        g_assert_cmpfloat (far_off, <, 1e-6);
      else
        g_assert_cmpfloat (far_off, >, 1e-3);
      moa_replace_result_free (drawn);
    }
  moa_replace_result_free (first);
  moa_replace_result_free (again);
  far_clear (&far);
  moa_model_unref (model);
}

/* Where masks are routers, each subject's head is looked for in its own. */
static void
test_masks (void)
{
  g_autofree char *tiny = tiny_path ();
  g_autofree char *expert = g_build_filename (g_getenv ("MOA_FIXTURES"), "real", "ip-adapter-plus.safetensors",
                                              NULL);
  GError *error = NULL;
  MoaModel *model = moa_model_open_files (&(MoaModelFiles){ .model = tiny, .expert = expert }, &error);
  g_assert_no_error (error);
  Far far;
  far_init (&far, 1, 2, 8.5);
  MoaImage *half[2];
  for (int k = 0; k < 2; k++)
    {
      half[k] = moa_image_copy (far.selection);
      for (int i = 0; i < SIDE * SIDE; i++)
        half[k]->data[i] *= (i % SIDE < SIDE / 2) == (k == 1); /* the first one at the right */
      far.subjects[k].mask = half[k];
    }
  far.params.steps = 1;
  far.params.faces = 1;
  MoaReplaceResult *result = replace_with (model, &far.params, NULL);
  const MoaVariation *v = result->variations;
  g_assert_cmpint (v->n_heads, ==, 2);
  g_assert_true (holds (&v->heads[0], SIDE * 2 / 3.0, 74 * SIDE / 128.0));
  g_assert_true (holds (&v->heads[1], SIDE / 3.0, 74 * SIDE / 128.0));
  moa_replace_result_free (result);
  moa_image_free (half[0]);
  moa_image_free (half[1]);
  far_clear (&far);
  moa_model_unref (model);
}

/* ---- How far it is ---- */

typedef struct {
  GCancellable *cancellable; /* cancelled in the middle of the first head; or NULL */
  double fraction, in_faces; /* the last one, the first one of the phase */
  int reports, done, n;      /* of the phase */
} Watch;

static void
watch (const MoaProgress *progress, gpointer data)
{
  Watch *w = data;
  g_assert_cmpfloat (progress->fraction, >=, w->fraction);
  w->fraction = progress->fraction;
  if (progress->phase != MOA_PHASE_FACES)
    {
      g_assert_cmpint (w->n, ==, 0);
      return;
    }
  w->in_faces = w->n == 0 ? progress->fraction : w->in_faces;
  w->reports++;
  w->n = progress->n_steps;
  w->done = progress->step;
  g_assert_cmpfloat (progress->seconds_left, >=, 0);
  if (w->cancellable && w->reports == 12)
    g_cancellable_cancel (w->cancellable);
}

static void
test_progress (void)
{
  MoaModel *model = open_model (mini_path ());
  Far far;
  far_init (&far, 2, 1, 8.5);
  far.params.steps = 10;
  Watch w = { NULL };
  MoaRun run = { .progress = watch, .progress_data = &w };
  MoaEstimate without, with;
  g_assert_true (moa_replace_estimate (model, &far.params, &run, FALSE, &without, NULL));
  far.params.faces = 0.5;
  g_assert_true (moa_replace_estimate (model, &far.params, &run, FALSE, &with, NULL));
  /* Five steps with a refinement each, and back with guidance. */
  g_assert_cmpint (with.prior_passes, ==, without.prior_passes + 10 + 5);
  g_assert_cmpint (with.mixture_passes, ==, without.mixture_passes + 5);
  MoaReplaceResult *result = replace_with (model, &far.params, &run);
  g_assert_cmpfloat (w.fraction, ==, 1);
  g_assert_cmpfloat (w.in_faces, >, 0.5);
  g_assert_cmpfloat (w.in_faces, <, 0.8);
  g_assert_cmpint (w.done, ==, 1);
  g_assert_cmpint (w.n, ==, 1);
  g_assert_cmpint (w.reports, >, 15);
  g_assert_cmpfloat (result->seconds[MOA_PHASE_FACES], >, 0);
  moa_replace_result_free (result);

  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GError *error = NULL;
  w = (Watch){ cancellable };
  run.cancellable = cancellable;
  g_assert_null (moa_replace (model, &far.params, &run, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_error_free (error);
  g_assert_cmpint (w.reports, <=, 16);
  far_clear (&far);
  moa_model_unref (model);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/faces/nearer-to-the-truth", test_nearer);
  g_test_add_func ("/faces/two-persons", test_two);
  g_test_add_func ("/faces/boxes", test_boxes);
  g_test_add_func ("/faces/words", test_words);
  g_test_add_func ("/faces/masks", test_masks);
  g_test_add_func ("/faces/progress", test_progress);
  return g_test_run ();
}
