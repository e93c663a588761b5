/* An evaluation: cases one after another, for the model and for each variant
 * of it that was asked for. */
#include "evaluate/evaluate.h"

#include "base/error.h"
#include "evaluate/evaluator.h"
#include "jobs/model.h"

#include <string.h>

enum { MOST_CASES = 100000, SMALLEST = 16, LARGEST = 4096 /* the world's sides */ };

typedef struct {
  const MoaEvaluateParams *params;
  const MoaRun *run;
  MoaWorld *world;
  MoaJudge *judge;
  GPtrArray *results;     /* of MoaResults */
  MoaUsedSettings used;
  GArray *rows;           /* of MoaSheetRow */
  GPtrArray *warnings;
} Evaluation;

void
moa_evaluate_params_init (MoaEvaluateParams *params)
{
  *params = (MoaEvaluateParams){ .count = 100, .pairs = -1, .words = TRUE, .guidance = -1,
                                 .guidance_max_timestep = -1, .guidance_rescale = -1, .freedom = -1 };
}

static void
tell (const Evaluation *ev, const char *name, const char *what, int done, int n)
{
  g_autofree char *text = g_strdup_printf ("%s, %s", name, what);
  if (ev->params->tell)
    ev->params->tell (text, done, n, ev->params->data);
}

/* ---- Cases ------------------------------------------------------------ */

typedef gboolean (*CaseFunc) (Evaluation *ev, const MoaEvaluator *e, const MoaCase *c,
                              gpointer data, GError **error);

/* Calls func with each of n cases. */
static gboolean
for_cases (Evaluation *ev, const MoaEvaluator *e, const char *name, const char *what, int n,
           int n_people, guint who, CaseFunc func, gpointer data, GError **error)
{
  for (int i = 0; i < n; i++)
    {
      g_autoptr (MoaCase) c = moa_case_new (e->world, i, n_people, who);
      if (!c)
        return moa_fail (error, MOA_ERROR_MEMORY, "No memory for a picture");
      if (!func (ev, e, c, data, error))
        return FALSE;
      tell (ev, name, what, i + 1, n);
    }
  return TRUE;
}

/* data: the scores. */
static gboolean
swap_case (Evaluation *ev, const MoaEvaluator *e, const MoaCase *c, gpointer data, GError **error)
{
  return moa_evaluate_swap (e, c, data, NULL, NULL, error);
}

/* The model's own swaps of one person: with settings and rows of the sheet. */
static gboolean
main_case (Evaluation *ev, const MoaEvaluator *e, const MoaCase *c, gpointer data, GError **error)
{
  MoaSheetRow row = { NULL };
  gboolean shown = (int) ev->rows->len < ev->params->sheet_rows;
  gboolean ok = moa_evaluate_swap (e, c, data, shown ? &row : NULL, &ev->used, error);
  if (shown && ok)
    g_array_append_val (ev->rows, row);
  else
    moa_sheet_row_clear (&row);
  return ok;
}

static gboolean
words_case (Evaluation *ev, const MoaEvaluator *e, const MoaCase *c, gpointer data, GError **error)
{
  return moa_evaluate_words (e, c, FALSE, data, error);
}

static gboolean
prior_case (Evaluation *ev, const MoaEvaluator *e, const MoaCase *c, gpointer data, GError **error)
{
  return moa_evaluate_words (e, c, TRUE, data, error);
}

/* ---- Models ----------------------------------------------------------- */

/* All swaps, and all that is drawn from words.  The inversion matters to swaps alone. */
static gboolean
run_cases (Evaluation *ev, const MoaEvaluator *e, MoaResults *r, GError **error)
{
  const MoaEvaluateParams *p = ev->params;
  gboolean own = e->vae != NULL; /* the model itself, whole */
  guint both = (1u << MOA_WORLD_PEOPLE) - 1;
  if (!for_cases (ev, e, r->name, "one person", p->count, 1, 0, own ? main_case : swap_case,
                  r->single, error)
      || !for_cases (ev, e, r->name, "one of two", p->pairs, 2, 0, swap_case, r->one, error)
      || !for_cases (ev, e, r->name, "two", p->pairs, 2, both, swap_case, r->both, error))
    return FALSE;
  if (!p->words || !e->judge || e->fresh_noise)
    return TRUE;
  return for_cases (ev, e, r->name, "words, one person", p->count, 1, 0, words_case, r->words,
                    error)
         && for_cases (ev, e, r->name, "words, two", p->pairs, 2, both, words_case, r->pair_words,
                       error)
         && (!own
             || for_cases (ev, e, r->name, "words, prior alone", p->count, 1, 0, prior_case,
                           r->prior_words, error));
}

static gboolean
run_model (Evaluation *ev, const char *name, MoaModel *model, gboolean whole, gboolean fresh_noise,
           GError **error)
{
  MoaEvaluator e = { ev->params, model, *ev->run, ev->world, ev->judge, NULL, fresh_noise };
  MoaResults *r = moa_results_new (name);
  g_ptr_array_add (ev->results, r);
  e.run.progress = NULL;
  if (whole
      && !(e.vae = moa_round_trip_new (model, moa_world_size (ev->world), &e.run, error)))
    return FALSE;
  gboolean ok = run_cases (ev, &e, r, error);
  moa_round_trip_free (e.vae);
  return ok;
}

static gboolean
run_ablations (Evaluation *ev, MoaModel *model, GError **error)
{
  static const char *const names[MOA_N_ABLATIONS] = { "without the router",
                                                      "fuser without time and layer",
                                                      "without inversion" };
  for (int i = 0; i < MOA_N_ABLATIONS; i++)
    {
      if (!(ev->params->ablations >> i & 1))
        continue;
      MoaModel *ablated = moa_model_open_ablated (model->path, i, error);
      gboolean ok = ablated && run_model (ev, names[i], ablated, FALSE,
                                          i == MOA_ABLATE_INVERSION, error);
      moa_model_unref (ablated);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

/* The model of "NAME=FOLDER".  *name: (transfer full) */
static MoaModel *
open_other (const Evaluation *ev, const char *other, char **name, GError **error)
{
  const char *sign = strchr (other, '=');
  if (!sign)
    {
      moa_fail (error, MOA_ERROR_ARGUMENT, "\"%s\" is not NAME=FOLDER", other);
      return NULL;
    }
  MoaModel *model = moa_model_open (sign + 1, error);
  int side = model ? moa_model_get_info (model)->side : 0;
  if (model && side != moa_world_size (ev->world))
    {
      moa_fail (error, MOA_ERROR_ARGUMENT,
                "%s: draws pictures of %d pixels, the model beside it of %d; their numbers could "
                "not be compared", sign + 1, side, moa_world_size (ev->world));
      g_clear_pointer (&model, moa_model_unref);
    }
  *name = g_strndup (other, sign - other);
  return model;
}

/* only_check: before the long work of the model itself. */
static gboolean
run_others (Evaluation *ev, gboolean only_check, GError **error)
{
  for (const char *const *other = ev->params->others; other && *other; other++)
    {
      g_autofree char *name = NULL;
      MoaModel *model = open_other (ev, *other, &name, error);
      gboolean ok = model && (only_check || run_model (ev, name, model, FALSE, FALSE, error));
      moa_model_unref (model);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

/* ---- All -------------------------------------------------------------- */

static gboolean
open_judge (Evaluation *ev, const MoaModel *model, GError **error)
{
  const char *given = ev->params->judge;
  g_autofree char *folder = given ? g_strdup (given)
                                   : g_build_filename (model->path, "judge", NULL);
  if (!given && !g_file_test (folder, G_FILE_TEST_IS_DIR))
    {
      g_ptr_array_add (ev->warnings,
                       g_strdup_printf ("%s: there is no judge, so attributes and prompts are not "
                                        "measured", folder));
      return TRUE;
    }
  ev->judge = moa_judge_open (folder, ev->run, error);
  return ev->judge != NULL;
}

static gboolean
check_params (const MoaEvaluateParams *p, GError **error)
{
  if (p->count < 1 || p->count > MOST_CASES || p->pairs > MOST_CASES)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "The number of swaps is %d and %d; the first must be from 1 to %d, the other "
                     "at most that many", p->count, p->pairs, MOST_CASES);
  return TRUE;
}

static gboolean
run_all (Evaluation *ev, MoaModel *model, GError **error)
{
  const MoaModelInfo *info = moa_model_get_info (model);
  int photo_side = model->vision.image_size;
  if (MIN (info->side, photo_side) < SMALLEST || MAX (info->side, photo_side) > LARGEST)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: pictures of %d and photos of %d pixels; the drawn world has %d to %d",
                     model->path, info->side, photo_side, SMALLEST, LARGEST);
  ev->world = moa_world_new (ev->params->seed, info->side, photo_side);
  return open_judge (ev, model, error) && run_others (ev, TRUE, error)
         && run_model (ev, "model", model, TRUE, FALSE, error)
         && run_ablations (ev, model, error) && run_others (ev, FALSE, error);
}

MoaEvaluation *
moa_evaluate (MoaModel *model, const MoaEvaluateParams *given, const MoaRun *run, GError **error)
{
  MoaEvaluateParams params = *given;
  if (!check_params (&params, error))
    return NULL;
  if (params.pairs < 0)
    params.pairs = (params.count + 1) / 2;
  Evaluation ev = { .params = &params, .run = run ? run : &(MoaRun){ 0 },
                    .results = g_ptr_array_new_with_free_func (moa_results_free),
                    .rows = g_array_new (FALSE, FALSE, sizeof (MoaSheetRow)),
                    .warnings = g_ptr_array_new () };
  g_array_set_clear_func (ev.rows, (GDestroyNotify) moa_sheet_row_clear);
  MoaEvaluation *out = NULL;
  if (run_all (&ev, model, error))
    {
      out = g_new0 (MoaEvaluation, 1);
      out->json = moa_report_json (model, &params, &ev.used, ev.results);
      out->markdown = moa_report_markdown (ev.results);
      out->sheet = ev.rows->len ? moa_sheet ((MoaSheetRow *) ev.rows->data, ev.rows->len) : NULL;
    }
  g_ptr_array_add (ev.warnings, NULL);
  char **warnings = (char **) g_ptr_array_free (ev.warnings, FALSE);
  if (out)
    out->warnings = warnings;
  else
    g_strfreev (warnings);
  g_ptr_array_unref (ev.results);
  g_array_unref (ev.rows);
  moa_judge_free (ev.judge);
  moa_world_free (ev.world);
  return out;
}

void
moa_evaluation_free (MoaEvaluation *evaluation)
{
  if (!evaluation)
    return;
  json_decref (evaluation->json);
  g_free (evaluation->markdown);
  moa_image_free (evaluation->sheet);
  g_strfreev (evaluation->warnings);
  g_free (evaluation);
}
