/* What an evaluation found, as JSON for programs and as tables for people. */
#include "evaluate/evaluator.h"

#include <math.h>
#include <string.h>

MoaResults *
moa_results_new (const char *name)
{
  MoaResults *r = g_new (MoaResults, 1);
  *r = (MoaResults){ g_strdup (name),   moa_scores_new (), moa_scores_new (), moa_scores_new (),
                     moa_scores_new (), moa_scores_new (), moa_scores_new () };
  return r;
}

void
moa_results_free (gpointer results)
{
  MoaResults *r = results;
  if (!r)
    return;
  moa_scores_free (r->single);
  moa_scores_free (r->one);
  moa_scores_free (r->both);
  moa_scores_free (r->words);
  moa_scores_free (r->pair_words);
  moa_scores_free (r->prior_words);
  g_free (r->name);
  g_free (r);
}

/* ---- JSON ------------------------------------------------------------- */

static json_t *
number (double value)
{
  return isfinite (value) ? json_real (value) : json_null ();
}

/* NAME and NAME_ci95; null where there is no number. */
static void
set_score (json_t *object, const MoaScores *scores, const char *name)
{
  int n;
  const double *values = moa_scores_values (scores, name, &n);
  double low, high;
  moa_bootstrap (values, n, &low, &high);
  g_autofree char *interval = g_strconcat (name, "_ci95", NULL);
  json_object_set_new (object, name, number (moa_scores_mean (scores, name)));
  json_object_set_new (object, interval,
                       n ? json_pack ("[o, o]", number (low), number (high)) : json_null ());
}

/* Columns named "result/hair style" and "truth/hair style" go to their own table. */
static void
set_scores (json_t *object, const MoaScores *scores)
{
  for (int i = 0; i < moa_scores_n (scores); i++)
    if (!strchr (moa_scores_name (scores, i), '/'))
      set_score (object, scores, moa_scores_name (scores, i));
}

static json_t *
scores_json (const MoaScores *scores)
{
  json_t *object = json_object ();
  set_scores (object, scores);
  return object;
}

static json_t *
attributes_json (const MoaScores *scores)
{
  json_t *object = json_object ();
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    {
      const char *name = moa_attribute_name (i);
      g_autofree char *result = g_strconcat ("result/", name, NULL);
      g_autofree char *truth = g_strconcat ("truth/", name, NULL);
      json_object_set_new (object, name,
                           json_pack ("{s:o, s:o}", "result",
                                      number (moa_scores_mean (scores, result)), "truth",
                                      number (moa_scores_mean (scores, truth))));
    }
  return object;
}

/* The numbers behind the means, picture by picture. */
static json_t *
values_json (const MoaScores *scores)
{
  json_t *object = json_object ();
  for (int i = 0; i < moa_scores_n (scores); i++)
    {
      int n;
      const char *name = moa_scores_name (scores, i);
      const double *values = moa_scores_values (scores, name, &n);
      json_t *list = json_array ();
      for (int k = 0; k < n; k++)
        json_array_append_new (list, number (values[k]));
      if (strchr (name, '/'))
        json_decref (list);
      else
        json_object_set_new (object, name, list);
    }
  return object;
}

static json_t *
pair_json (const MoaResults *r)
{
  return json_pack ("{s:o, s:o, s:o}", "one", scores_json (r->one), "both", scores_json (r->both),
                    "words", scores_json (r->pair_words));
}

/* What every report has at its top, whatever was measured. */
static const char *const always[] = {
  "vae_psnr", "inversion_psnr", "source_person_psnr", "person_psnr", "background_psnr",
  "attribute_accuracy", "attribute_accuracy_truth", "router_iou", "found_iou",
};
static const char *const always_words[] = { "prompt_consistency", "prompt_consistency_truth" };

json_t *
moa_report_json (MoaModel *model, const MoaEvaluateParams *params, const MoaUsedSettings *used,
                 const GPtrArray *results)
{
  const MoaResults *r = results->pdata[0];
  const MoaModelInfo *info = moa_model_get_info (model);
  json_t *top = json_pack ("{s:s, s:s, s:i, s:i, s:i}", "model", info->path, "seed", "", "count",
                           params->count, "pairs", params->pairs, "side", info->side);
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, params->seed);
  json_object_set_new (top, "seed", params->seed <= G_MAXINT64 ? json_integer (params->seed)
                                                               : json_string (seed));
  json_object_set_new (top, "settings",
                       json_pack ("{s:i, s:f, s:f, s:f, s:i, s:i, s:i}", "steps", used->steps, "guidance",
                                  used->guidance, "guidance_rescale", used->guidance_rescale,
                                  "freedom", used->freedom, "fixed_point", used->fixed_point, "max_timestep", used->max_timestep,
                                  "guidance_max_timestep", used->guidance_max_timestep));
  for (gsize i = 0; i < G_N_ELEMENTS (always); i++)
    set_score (top, r->single, always[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (always_words); i++)
    set_score (top, r->words, always_words[i]);
  set_scores (top, r->single);
  json_object_set_new (top, "attributes", attributes_json (r->single));
  json_object_set_new (top, "words", scores_json (r->words));
  json_object_set_new (top, "prior_words", scores_json (r->prior_words));
  json_object_set_new (top, "pair", pair_json (r));
  json_t *others = json_object ();
  for (guint i = 1; i < results->len; i++)
    {
      const MoaResults *other = results->pdata[i];
      json_t *object = scores_json (other->single);
      json_object_set_new (object, "words", scores_json (other->words));
      json_object_set_new (object, "pair", pair_json (other));
      json_object_set_new (others, other->name, object);
    }
  json_object_set_new (top, "ablations", others);
  json_object_set_new (top, "values", values_json (r->single));
  return top;
}

/* ---- Markdown --------------------------------------------------------- */

/* "12.3 (11.9 to 12.8)", or "-" */
static char *
cell (const MoaScores *scores, const char *name, int digits)
{
  int n;
  double low, high;
  const double *values = moa_scores_values (scores, name, &n);
  if (!n)
    return g_strdup ("-");
  moa_bootstrap (values, n, &low, &high);
  return g_strdup_printf ("%.*f (%.*f to %.*f)", digits, moa_scores_mean (scores, name), digits,
                          low, digits, high);
}

typedef struct {
  const char *what, *name, *beside; /* beside: the judge on the truth, or a limit; or NULL */
  int digits;
} Line;

static const Line swap_lines[] = {
  { "person, dB to the truth", "person_psnr", "vae_person_psnr", 2 },
  { "the same, source unchanged", "source_person_psnr", NULL, 2 },
  { "the same, before compositing", "person_psnr_before", "vae_person_psnr", 2 },
  { "the truth, as far as it is inside the selection", "reachable_person_psnr", NULL, 2 },
  { "person, SSIM", "person_ssim", NULL, 3 },
  { "background, dB, before compositing", "background_psnr", "vae_background_psnr", 2 },
  { "background, dB, after", "background_psnr_after", NULL, 2 },
  { "background, SSIM, before and after", "background_ssim", "background_ssim_after", 3 },
  { "identity attributes", "attribute_accuracy", "attribute_accuracy_truth", 3 },
  { "the same, source unchanged", "attribute_accuracy_source", NULL, 3 },
  { "the replaced person's attributes left", "replaced_attributes_left",
    "replaced_attributes_left_truth", 3 },
  { "result to the replaced person, dB", "replaced_person_psnr", "source_person_psnr", 2 },
  { "who stays, dB to the truth", "kept_person_psnr", NULL, 2 },
  { "who stays, attributes", "kept_attribute_accuracy", "kept_attribute_accuracy_truth", 3 },
  { "persons found before the swap, overlap", "found_iou", NULL, 3 },
  { "router map with the person, overlap", "router_iou", NULL, 3 },
  { "the same, inside the selection", "router_iou_selected", NULL, 3 },
  { "autoencoder, dB", "vae_psnr", NULL, 2 },
  { "inversion and back, dB to the autoencoder's", "inversion_psnr", NULL, 2 },
};
static const Line word_lines[] = {
  { "prompt consistency", "prompt_consistency", "prompt_consistency_truth", 3 },
  { "- place", "place", "place_truth", 3 },
  { "- number of people", "people", "people_truth", 3 },
  { "- man, woman, boy, girl", "nouns", "nouns_truth", 3 },
  { "- pose", "pose", "pose_truth", 3 },
  { "- what stands in front", "occlusion", "occlusion_truth", 3 },
  { "subject accuracy", "subject_accuracy", "subject_accuracy_truth", 3 },
  { "body width, error", "body_width_error", "body_width_error_truth", 3 },
};

/* Lines without a number are left out. */
static void
append_table (GString *text, const char *title, const MoaScores *scores, const Line *lines, gsize n)
{
  if (moa_scores_n (scores) == 0)
    return;
  g_string_append_printf (text, "\n%s (95 %% interval)\n\n| measure | model | truth or limit |\n"
                                "|---|---|---|\n", title);
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *value = cell (scores, lines[i].name, lines[i].digits);
      double beside = lines[i].beside ? moa_scores_mean (scores, lines[i].beside) : NAN;
      if (strcmp (value, "-"))
        g_string_append_printf (text, isnan (beside) ? "| %s | %s | |\n" : "| %s | %s | %.*f |\n",
                                lines[i].what, value, lines[i].digits, beside);
    }
}

static void
append_attributes (GString *text, const MoaScores *scores)
{
  if (isnan (moa_scores_mean (scores, "attribute_accuracy")))
    return;
  g_string_append (text, "\n| attribute | result | truth |\n|---|---|---|\n");
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    {
      g_autofree char *result = g_strconcat ("result/", moa_attribute_name (i), NULL);
      g_autofree char *truth = g_strconcat ("truth/", moa_attribute_name (i), NULL);
      if (!isnan (moa_scores_mean (scores, result)))
        g_string_append_printf (text, "| %s | %.2f | %.2f |\n", moa_attribute_name (i),
                                moa_scores_mean (scores, result), moa_scores_mean (scores, truth));
    }
}

/* The forms of the paper's Tables 2 (methods) and 3 (ablations). */
static void
append_paper_tables (GString *text, const GPtrArray *results)
{
  const MoaResults *first = results->pdata[0];
  if (moa_scores_n (first->words) > 0)
    {
      g_string_append (text, "\nText to image: IP subject accuracy, PC prompt consistency\n\n"
                             "| method | one subject: IP | PC | two subjects: IP | PC |\n"
                             "|---|---|---|---|---|\n");
      for (guint i = 0; i < results->len; i++)
        {
          const MoaResults *r = results->pdata[i];
          g_autofree char *ip = cell (r->words, "subject_accuracy", 3);
          g_autofree char *pc = cell (r->words, "prompt_consistency", 3);
          g_autofree char *ip2 = cell (r->pair_words, "subject_accuracy", 3);
          g_autofree char *pc2 = cell (r->pair_words, "prompt_consistency", 3);
          if (moa_scores_n (r->words) > 0)
            g_string_append_printf (text, "| %s | %s | %s | %s | %s |\n", r->name, ip, pc, ip2,
                                    pc2);
        }
      g_autofree char *pc = cell (first->prior_words, "prompt_consistency", 3);
      g_string_append_printf (text, "| the prior alone | - | %s | - | - |\n", pc);
    }
  if (results->len < 2)
    return;
  g_string_append (text, "\nSwaps of one person\n\n"
                         "| model | attributes | person, dB | background, dB |\n"
                         "|---|---|---|---|\n");
  for (guint i = 0; i < results->len; i++)
    {
      const MoaResults *r = results->pdata[i];
      g_autofree char *accuracy = cell (r->single, "attribute_accuracy", 3);
      g_autofree char *person = cell (r->single, "person_psnr", 2);
      g_autofree char *background = cell (r->single, "background_psnr", 2);
      g_string_append_printf (text, "| %s | %s | %s | %s |\n", r->name, accuracy, person,
                              background);
    }
}

char *
moa_report_markdown (const GPtrArray *results)
{
  const MoaResults *r = results->pdata[0];
  GString *text = g_string_new (NULL);
#define TABLE(title, scores, lines) \
  append_table (text, title, scores, lines, G_N_ELEMENTS (lines))
  TABLE ("Swaps of one person", r->single, swap_lines);
  append_attributes (text, r->single);
  TABLE ("One of two people replaced", r->one, swap_lines);
  TABLE ("Both of two people replaced", r->both, swap_lines);
  TABLE ("Drawn from words with a subject", r->words, word_lines);
  TABLE ("Drawn from words with two subjects", r->pair_words, word_lines);
#undef TABLE
  append_paper_tables (text, results);
  return g_string_free (text, FALSE);
}
