/* moa evaluate: what a model can do, in numbers, tables and a sheet; or how
 * alike photographs are to an image encoder. */
#include "cli/cli.h"

#include "base/error.h"
#include "evaluate/encoder.h"
#include "evaluate/evaluate.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { SHEET_ROWS = 10 };

typedef struct {
  MoaCli cli;
  MoaEvaluateParams params;
  char *seed, *json, *sheet, *markdown, *judge, *ablate, **others;
  gboolean no_words;
  char *photos, *encoder, *list;
  MoaEvaluation *evaluation;
} Evaluate;

static const char after_evaluate[]
    = "Pictures come from the drawn world by the seed alone, from scenes that no training uses;\n"
      "the same seed gives the same numbers. The selection is the person, a little wider, and all\n"
      "settings are the plug-in's. --ablate takes of: router (the personalised experts alone),\n"
      "fuser (it does not know timestep and layer), inversion (fresh noise); joined by commas, or\n"
      "all. A model trained without something stands beside with --other NAME=FOLDER.\n\n"
      "With --photos FOLDER no model is run: the pairs in --list, a CSV file of lines\n"
      "RESULT,SUBJECT[,REPLACED] or a JSON array of objects with these keys, are compared by the\n"
      "CLIP image encoder in --encoder, a folder with config.json, model.safetensors and\n"
      "preprocessor_config.json.";

/* ---- Options ---------------------------------------------------------- */

static gboolean
read_ablations (Evaluate *ev)
{
  g_auto (GStrv) names = g_strsplit (ev->ablate ? ev->ablate : "", ",", -1);
  for (char **name = names; *name; name++)
    {
      int i = 0;
      while (i < MOA_N_ABLATIONS && strcmp (*name, moa_ablation_name (i)))
        i++;
      if (i < MOA_N_ABLATIONS)
        ev->params.ablations |= 1u << i;
      else if (!strcmp (*name, "all"))
        ev->params.ablations = (1u << MOA_N_ABLATIONS) - 1;
      else
        {
          moa_cli_usage ("evaluate", "--ablate: there is no \"%s\"; there are router, fuser, "
                                     "inversion and all", *name);
          return FALSE;
        }
    }
  return TRUE;
}

/* FALSE after saying what is wrong. */
static gboolean
read_options (Evaluate *ev)
{
  MoaEvaluateParams *p = &ev->params;
  p->words = !ev->no_words;
  p->judge = ev->judge;
  p->others = (const char *const *) ev->others;
  p->sheet_rows = ev->sheet ? SHEET_ROWS : 0;
  if (ev->seed && !g_ascii_string_to_unsigned (ev->seed, 10, 0, G_MAXUINT64, &p->seed, NULL))
    moa_cli_usage ("evaluate", "--seed is \"%s\"; it must be a whole number, 0 or more", ev->seed);
  else if (ev->cli.n_threads < 0)
    moa_cli_usage ("evaluate", "--threads is %d; it must be 0 or more", ev->cli.n_threads);
  else if (ev->photos && (!ev->encoder || !ev->list))
    moa_cli_usage ("evaluate", "--photos needs --encoder FOLDER and --list FILE");
  else if (!ev->photos && (ev->encoder || ev->list))
    moa_cli_usage ("evaluate", "--encoder and --list go with --photos FOLDER");
  else
    return read_ablations (ev);
  return FALSE;
}

/* Before a long job. */
static gboolean
can_write (const Evaluate *ev, GError **error)
{
  return (!ev->sheet || moa_cli_check_png (ev->sheet, error))
         && (!ev->json || moa_cli_check_folder_of (ev->json, error))
         && (!ev->markdown || moa_cli_check_folder_of (ev->markdown, error));
}

/* ---- Output ----------------------------------------------------------- */

static gboolean
save_text (const char *path, const char *text, GError **error)
{
  g_autoptr (GError) fault = NULL;
  return g_file_set_contents (path, text, -1, &fault)
         || moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: %s", path, fault->message);
}

static gboolean
save_json (const char *path, json_t *json, GError **error)
{
  char *text = json_dumps (json, JSON_INDENT (2) | JSON_REAL_PRECISION (9));
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  free (text);
  return save_text (path, line, error);
}

static gboolean
save (Evaluate *ev, GError **error)
{
  const MoaEvaluation *e = ev->evaluation;
  g_print ("%s", e->markdown);
  return (!ev->json || save_json (ev->json, e->json, error))
         && (!ev->markdown || save_text (ev->markdown, e->markdown, error))
         && (!ev->sheet || moa_cli_save_image (e->sheet, ev->sheet, error));
}

static void
show_progress (const char *what, int done, int n, gpointer data)
{
  if (isatty (STDERR_FILENO))
    g_printerr ("\r\033[K%s: %d of %d", what, done, n);
  else if (done == n)
    g_printerr ("%s: %d\n", what, n);
}

/* ---- Photographs ------------------------------------------------------ */

static gboolean
embed_file (const Evaluate *ev, MoaEncoder *encoder, const char *name, float *feature,
            GError **error)
{
  g_autofree char *path = g_path_is_absolute (name) ? g_strdup (name)
                                                    : g_build_filename (ev->photos, name, NULL);
  g_autoptr (GdkPixbuf) pixbuf = moa_cli_load (path, error);
  MoaImage *picture = pixbuf ? moa_cli_image (pixbuf, NULL) : NULL;
  if (pixbuf && !picture)
    moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture", path);
  gboolean ok = picture && moa_encoder_embed (encoder, picture, feature, error);
  moa_image_free (picture);
  return ok;
}

static gboolean
compare_pair (const Evaluate *ev, MoaEncoder *encoder, const MoaPhotoPair *pair, MoaScores *scores,
              json_t *list, GError **error)
{
  int dim = moa_encoder_dim (encoder);
  g_autofree float *result = g_new (float, dim), *other = g_new (float, dim);
  if (!embed_file (ev, encoder, pair->result, result, error)
      || !embed_file (ev, encoder, pair->subject, other, error))
    return FALSE;
  double cosine = moa_encoder_cosine (encoder, result, other);
  json_t *row = json_pack ("{s:o, s:o, s:f}", "result", moa_cli_json_string (pair->result), "subject",
                           moa_cli_json_string (pair->subject), "subject_cosine", cosine);
  json_array_append_new (list, row);
  moa_scores_add (scores, "subject_cosine", cosine);
  if (!pair->replaced)
    return TRUE;
  if (!embed_file (ev, encoder, pair->replaced, other, error))
    return FALSE;
  cosine = moa_encoder_cosine (encoder, result, other);
  json_object_set_new (row, "replaced", moa_cli_json_string (pair->replaced));
  json_object_set_new (row, "replaced_cosine", json_real (cosine));
  moa_scores_add (scores, "replaced_cosine", cosine);
  return TRUE;
}

/* The means, with their intervals, as JSON and as lines. */
static void
report_photos (const MoaScores *scores, json_t *json)
{
  for (int i = 0; i < moa_scores_n (scores); i++)
    {
      int n;
      const char *name = moa_scores_name (scores, i);
      const double *values = moa_scores_values (scores, name, &n);
      double low, high, mean = moa_scores_mean (scores, name);
      moa_bootstrap (values, n, &low, &high);
      g_autofree char *interval = g_strconcat (name, "_ci95", NULL);
      json_object_set_new (json, name, json_real (mean));
      json_object_set_new (json, interval, json_pack ("[f, f]", low, high));
      g_print ("%s %.4f (%.4f to %.4f) of %d pairs\n", name, mean, low, high, n);
    }
}

static gboolean
evaluate_photos (Evaluate *ev, GError **error)
{
  MoaRun run = { .n_threads = ev->cli.n_threads };
  MoaEncoder *encoder = NULL;
  GPtrArray *pairs = moa_photo_pairs_read (ev->list, error);
  g_autoptr (MoaScores) scores = moa_scores_new ();
  json_t *json = json_pack ("{s:o, s:[]}", "encoder", moa_cli_json_string (ev->encoder), "pairs");
  gboolean ok = pairs && (encoder = moa_encoder_open (ev->encoder, &run, error));
  for (guint i = 0; ok && i < pairs->len; i++)
    {
      ok = compare_pair (ev, encoder, pairs->pdata[i], scores, json_object_get (json, "pairs"),
                         error);
      show_progress ("photographs", i + 1, pairs->len, NULL);
    }
  moa_cli_end_progress ();
  if (ok)
    report_photos (scores, json);
  ok = ok && (!ev->json || save_json (ev->json, json, error));
  json_decref (json);
  moa_encoder_free (encoder);
  g_clear_pointer (&pairs, g_ptr_array_unref);
  return ok;
}

/* ---- The command ------------------------------------------------------ */

static int
evaluate (Evaluate *ev)
{
  GError *error = NULL;
  gboolean ok = can_write (ev, &error);
  if (ok && ev->photos)
    evaluate_photos (ev, &error);
  else if (ok && moa_cli_start (&ev->cli, &error))
    {
      ev->params.tell = show_progress;
      ev->evaluation = moa_evaluate (ev->cli.model, &ev->params, &ev->cli.run, &error);
      moa_cli_end_progress ();
      if (ev->evaluation)
        {
          moa_cli_print_warnings ("evaluate", (const char *const *) ev->evaluation->warnings);
          save (ev, &error);
        }
    }
  moa_evaluation_free (ev->evaluation);
  return moa_cli_finish (&ev->cli, "evaluate", error);
}

int
moa_cli_evaluate (int argc, char **argv)
{
  Evaluate ev = { .cli = { NULL } };
  MoaEvaluateParams *p = &ev.params;
  moa_evaluate_params_init (p);
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &ev.cli.model_path,
      "The model's folder; otherwise $MOA_MODEL, otherwise the bundled one", "FOLDER" },
    { "seed", 's', 0, G_OPTION_ARG_STRING, &ev.seed, "Which pictures; 0", "S" },
    { "count", 'n', 0, G_OPTION_ARG_INT, &p->count, "Swaps of one person; 100", "N" },
    { "pairs", 0, 0, G_OPTION_ARG_INT, &p->pairs, "Pictures of two people; half of that", "N" },
    { "json", 0, 0, G_OPTION_ARG_FILENAME, &ev.json, "Write all numbers there", "FILE" },
    { "markdown", 0, 0, G_OPTION_ARG_FILENAME, &ev.markdown, "Write the tables there", "FILE" },
    { "sheet", 0, 0, G_OPTION_ARG_FILENAME, &ev.sheet, "Write the first ten swaps there", "PNG" },
    { "freedom", 0, 0, G_OPTION_ARG_DOUBLE, &p->freedom, "As of moa replace; the model's own",
      "F" },
    { "steps", 0, 0, G_OPTION_ARG_INT, &p->steps, "As of moa replace; the model's own", "N" },
    { "guidance", 0, 0, G_OPTION_ARG_DOUBLE, &p->guidance, "As of moa replace; the model's own",
      "G" },
    { "guidance-max-timestep", 0, 0, G_OPTION_ARG_INT, &p->guidance_max_timestep,
      "As of moa replace; the model's own", "T" },
    { "guidance-rescale", 0, 0, G_OPTION_ARG_DOUBLE, &p->guidance_rescale,
      "As of moa replace; the model's own", "R" },
    { "no-words", 0, 0, G_OPTION_ARG_NONE, &ev.no_words, "Leave text to image out", NULL },
    { "judge", 0, 0, G_OPTION_ARG_FILENAME, &ev.judge, "The judge's folder; judge/ in the model's",
      "FOLDER" },
    { "ablate", 0, 0, G_OPTION_ARG_STRING, &ev.ablate, "Measure without these too", "LIST" },
    { "other", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &ev.others, "Measure another model too",
      "NAME=FOLDER" },
    { "photos", 0, 0, G_OPTION_ARG_FILENAME, &ev.photos, "Compare photographs instead", "FOLDER" },
    { "encoder", 0, 0, G_OPTION_ARG_FILENAME, &ev.encoder, "By this image encoder", "FOLDER" },
    { "list", 0, 0, G_OPTION_ARG_FILENAME, &ev.list, "Which with which", "FILE" },
    { "threads", 't', 0, G_OPTION_ARG_INT, &ev.cli.n_threads, "Threads; 0, the default: all cores",
      "N" },
    { "memory", 0, 0, G_OPTION_ARG_FILENAME, &ev.cli.memory,
      "Use at most so much memory, as 4G or 800M; otherwise what is free", "SIZE" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  int code = CLI_USAGE;
  g_set_prgname ("moa evaluate");
  g_option_context_set_summary (context, "Measures what a model can do.");
  g_option_context_set_description (context, after_evaluate);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    moa_cli_usage ("evaluate", "%s", error->message);
  else if (argc > 1)
    moa_cli_usage ("evaluate", "what is \"%s\"? All arguments are options", argv[1]);
  else if (read_options (&ev))
    code = evaluate (&ev);
  g_free (ev.seed);
  g_free (ev.json);
  g_free (ev.sheet);
  g_free (ev.markdown);
  g_free (ev.judge);
  g_free (ev.ablate);
  g_free (ev.photos);
  g_free (ev.encoder);
  g_free (ev.list);
  g_strfreev (ev.others);
  return code;
}
