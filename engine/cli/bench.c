/* moa bench: how fast a model's networks run on this machine.
 *
 * Every network is timed as the jobs run it (float32, batch 1), then the
 * U-Net's ops by class or size, with GFLOP/s and the share of the peak that the same
 * processor reaches on multiply-adds in registers.  Convolutions count as if
 * they were computed directly, so Winograd may pass the peak.  Steps of training: bench-train.c. */
#include "cli/bench.h"

#include "base/error.h"
#include "jobs/job.h"
#include "ops/op.h"
#include "ops/peak.h"

#include <string.h>

typedef struct {
  MoaCli cli;
  int runs, latent, picture, steps;
  gboolean unet;   /* the U-Nets alone */
  gboolean sizes;  /* ops by size */
  MoaJob *job;
  double peak;
  json_t *nets, *ops;
} Bench;

/* ---- Timing a planned graph ---- */

/* "conv2d 3x3 64x64x320 to 64", "linear 4096x320 to 320", "attention 8 heads of 40, 4096x77" */
static void
name_class (const MoaTensor *t, gboolean by_size, char name[64])
{
  const gint64 *x = t->in[0] ? t->in[0]->shape.dim : NULL, *y = t->shape.dim;
  int last = t->shape.rank - 1;
  if (by_size && !strcmp (t->op->name, "conv2d"))
    {
      int kernel = t->in[1]->shape.rank == 4 ? t->in[1]->shape.dim[2] : 1;
      g_snprintf (name, 64, "conv2d %dx%d %dx%dx%d to %d", kernel, kernel, (int) x[1], (int) x[2], (int) x[3],
                  (int) y[3]);
    }
  else if (by_size && !strcmp (t->op->name, "linear"))
    g_snprintf (name, 64, "linear %dx%d to %d", (int) (moa_shape_count (&t->shape) / y[last]),
                (int) t->in[0]->shape.dim[t->in[0]->shape.rank - 1], (int) y[last]);
  else if (by_size && !strcmp (t->op->name, "attention"))
    g_snprintf (name, 64, "attention %d heads of %d, %dx%d", t->attr.i[0], (int) x[2] / t->attr.i[0],
                (int) x[1], (int) t->in[1]->shape.dim[1]);
  else
    g_strlcpy (name, t->op->name, 64);
}

void
moa_bench_count_op (const MoaTensor *t, double seconds, gpointer data)
{
  OpClasses *all = data;
  OpClass class = { .n = 0 };
  name_class (t, all->by_size, class.op);
  int i = 0;
  while (i < all->n && strcmp (all->classes[i].op, class.op) != 0)
    i++;
  if (i == (int) G_N_ELEMENTS (all->classes))
    return;
  if (i == all->n)
    all->classes[all->n++] = class;
  all->classes[i].n++;
  all->classes[i].seconds += seconds;
  all->classes[i].flops += t->op->flops ? t->op->flops (t) : 0;
}

static int
slower_first (gconstpointer a, gconstpointer b)
{
  const OpClass *x = a, *y = b;
  return x->seconds < y->seconds ? 1 : -1;
}

double
moa_bench_flops (const OpClasses *all)
{
  double flops = 0;
  for (int i = 0; i < all->n; i++)
    flops += all->classes[i].flops;
  return flops;
}

json_t *
moa_bench_classes_json (OpClasses *all, double peak)
{
  qsort (all->classes, all->n, sizeof (OpClass), slower_first);
  json_t *list = json_array ();
  for (int i = 0; i < all->n; i++)
    {
      const OpClass *c = &all->classes[i];
      json_array_append_new (list,
                             json_pack ("{s:s, s:i, s:f, s:f, s:f}", "op", c->op, "count", c->n,
                                        "seconds", c->seconds, "gflop_per_second",
                                        c->flops / c->seconds * 1e-9, "of_peak",
                                        c->flops / c->seconds / peak));
    }
  return list;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
}

/* Runs a graph once to warm up, once by ops, and `runs` times for the clock. */
static gboolean
time_graph (Bench *bench, const char *name, MoaGraph *graph, MoaParams *params, OpClasses *classes,
            GError **error)
{
  MoaJob *job = bench->job;
  moa_job_count (job, graph, params);
  if (!moa_job_reserve (job, error) || !moa_job_load (job, error) ||
      !moa_graph_prepare (graph, job->workspace, error) ||
      !moa_graph_run (graph, job->run.cancellable, error))
    return FALSE;
  moa_graph_set_profile (graph, moa_bench_count_op, classes);
  if (!moa_graph_run (graph, job->run.cancellable, error))
    return FALSE;
  moa_graph_set_profile (graph, NULL, NULL);
  g_autofree double *seconds = g_new (double, bench->runs);
  for (int i = 0; i < bench->runs; i++)
    {
      gint64 start = g_get_monotonic_time ();
      if (!moa_graph_run (graph, job->run.cancellable, error))
        return FALSE;
      seconds[i] = (g_get_monotonic_time () - start) * 1e-6;
    }
  qsort (seconds, bench->runs, sizeof (double), compare_doubles);
  double flops = moa_bench_flops (classes), median = seconds[bench->runs / 2];
  json_object_set_new (
    bench->nets, name,
    json_pack ("{s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "seconds", median, "best_seconds", seconds[0],
               "gflop", flops * 1e-9, "gflop_per_second", flops / median * 1e-9, "of_peak",
               flops / median / bench->peak, "work_bytes",
               (json_int_t) (moa_graph_work_bytes (graph) + moa_graph_held_bytes (graph)),
               "weight_bytes", (json_int_t) moa_params_bytes (params)));
  return TRUE;
}

/* ---- The networks ---- */

static gboolean
time_coder (Bench *bench, const char *name, gboolean built, MoaCoder *coder, MoaParams *params,
            GError **error)
{
  OpClasses classes = { .n = 0 };
  gboolean ok = built && time_graph (bench, name, coder->graph, params, &classes, error);
  moa_coder_clear (coder);
  return ok;
}

/* rows: conditions at once, guidance's two.  share: of the picture's width that a selection covers, 0: there
 * is none. */
static gboolean
time_unet (Bench *bench, const char *name, gboolean mixture, int rows, double share, GError **error)
{
  MoaModel *model = bench->job->model;
  int side = bench->latent;
  g_autofree float *region = g_new0 (float, side * side);
  for (int i = 0; i < side * side; i++)
    region[i] = i % side < share * side;
  MoaDenoiserSpec spec = { .width = side, .height = side, .rows = rows,
                           .text_rows = moa_tokenizer_window (model->tokenizer), .mixture = mixture,
                           .n_slots = 1, .limit = share > 0 ? region : NULL };
  MoaDenoiser d = { NULL };
  g_mutex_lock (&model->lock);
  gboolean ok = moa_denoiser_init (&d, model, bench->job->cpu, &spec, error);
  g_mutex_unlock (&model->lock);
  if (ok && mixture)
    moa_job_count (bench->job, d.graph, model->moa_params);
  OpClasses classes = { .by_size = bench->sizes };
  ok = ok && time_graph (bench, name, d.graph, model->unet_params, &classes, error);
  if (ok)
    json_object_set_new (bench->ops, name, moa_bench_classes_json (&classes, bench->peak));
  moa_denoiser_clear (&d);
  return ok;
}

static gboolean
time_coders (Bench *bench, GError **error)
{
  MoaModel *model = bench->job->model;
  MoaCpu *cpu = bench->job->cpu;
  int side = bench->picture;
  MoaCoder coder = { NULL };
#define LOCKED(build)                           \
  ({                                            \
    g_mutex_lock (&model->lock);                \
    gboolean built = build;                     \
    g_mutex_unlock (&model->lock);              \
    built;                                      \
  })
  return time_coder (bench, "text", LOCKED (moa_coder_text (&coder, model, cpu, 1, 0, error)), &coder,
                     model->text_params, error) &&
         (!model->vision_params ||
          time_coder (bench, "vision", LOCKED (moa_coder_vision (&coder, model, cpu, error)), &coder,
                      model->vision_params, error)) &&
         time_coder (bench, "vae_encode",
                     LOCKED (moa_coder_encode (&coder, model, cpu, side, side, error)), &coder,
                     model->vae_params, error) &&
         time_coder (bench, "vae_decode",
                     LOCKED (moa_coder_decode (&coder, model, cpu, side, side, error)), &coder,
                     model->vae_params, error);
#undef LOCKED
}

/* A model without an expert has the prior alone. */
static gboolean
time_nets (Bench *bench, GError **error)
{
  return (bench->unet || time_coders (bench, error)) &&
         time_unet (bench, "unet_prior", FALSE, 1, 0, error) &&
         time_unet (bench, "unet_prior_pair", FALSE, 2, 0, error) &&
         (!bench->job->model->info.expert ||
          (time_unet (bench, "unet_moa", TRUE, 1, 0, error) &&
           time_unet (bench, "unet_moa_pair", TRUE, 2, 0, error) &&
           time_unet (bench, "unet_moa_third", TRUE, 1, 1 / 3., error)));
}

/* ---- A whole replacement ---- */

static gboolean
time_replacement (Bench *bench, json_t **out, GError **error)
{
  int side = bench->picture;
  MoaImage *picture = moa_image_new (side, side, 3), *photo = moa_image_new (64, 64, 3);
  for (int i = 0; i < side * side * 3; i++)
    picture->data[i] = i % 251 / 250.f;
  const MoaImage *photos[] = { photo };
  MoaSubject subject = { photos, 1 };
  MoaReplaceParams params;
  moa_replace_params_init (&params);
  params.source = picture;
  params.subjects = &subject;
  params.n_subjects = 1;
  params.steps = bench->steps;
  gint64 start = g_get_monotonic_time ();
  MoaReplaceResult *result = moa_replace (bench->cli.model, &params, &bench->cli.run, error);
  if (result)
    *out = json_pack ("{s:i, s:f, s:f, s:I, s:o}", "steps", result->steps, "guidance",
                      result->guidance, "seconds", (g_get_monotonic_time () - start) * 1e-6,
                      "peak_bytes", (json_int_t) result->peak_bytes, "phases",
                      moa_cli_seconds_json (result->seconds));
  moa_replace_result_free (result);
  moa_image_free (picture);
  moa_image_free (photo);
  return *out != NULL;
}

/* ---- Telling ---- */

void
moa_bench_print_ops (const json_t *ops)
{
  const char *name;
  json_t *row;
  gsize i;
  json_t *list;
  json_object_foreach ((json_t *) ops, name, list)
    {
      g_print ("\nops of %-33s %6s %10s %10s %8s\n", name, "count", "ms", "GFLOP/s", "of peak");
      json_array_foreach (list, i, row)
        g_print ("  %-38s %6d %10.2f %10.1f %7.0f%%\n",
                 json_string_value (json_object_get (row, "op")),
                 (int) json_integer_value (json_object_get (row, "count")),
                 1e3 * json_number_value (json_object_get (row, "seconds")),
                 json_number_value (json_object_get (row, "gflop_per_second")),
                 100 * json_number_value (json_object_get (row, "of_peak")));
    }
}

static void
print_report (const json_t *report)
{
  const char *name;
  json_t *row;
  g_print ("%s, %d threads, peak %.0f GFLOP/s\n\n",
           json_string_value (json_object_get (report, "isa")),
           (int) json_integer_value (json_object_get (report, "threads")),
           json_number_value (json_object_get (report, "peak_gflop_per_second")));
  g_print ("%-12s %10s %10s %10s %8s %10s %10s\n", "network", "ms", "GFLOP", "GFLOP/s", "of peak",
           "work MiB", "weights");
  json_object_foreach (json_object_get (report, "nets"), name, row)
    g_print ("%-12s %10.2f %10.2f %10.1f %7.0f%% %10.1f %10.1f\n", name,
             1e3 * json_number_value (json_object_get (row, "seconds")),
             json_number_value (json_object_get (row, "gflop")),
             json_number_value (json_object_get (row, "gflop_per_second")),
             100 * json_number_value (json_object_get (row, "of_peak")),
             json_number_value (json_object_get (row, "work_bytes")) / 1048576,
             json_number_value (json_object_get (row, "weight_bytes")) / 1048576);
  moa_bench_print_ops (json_object_get (report, "ops"));
  row = json_object_get (report, "replacement");
  if (row)
    g_print ("\nA replacement of %d steps, guidance %g: %.2f s, at most %.0f MiB\n",
             (int) json_integer_value (json_object_get (row, "steps")),
             json_number_value (json_object_get (row, "guidance")),
             json_number_value (json_object_get (row, "seconds")),
             json_number_value (json_object_get (row, "peak_bytes")) / 1048576);
}

static gboolean
run_bench (Bench *bench, GError **error)
{
  const MoaModelInfo *info = moa_model_get_info (bench->cli.model);
  int factor = moa_model_vae_factor (bench->cli.model);
  bench->picture = info->side;
  bench->latent = info->side / factor;
  bench->job = moa_job_new (bench->cli.model, &bench->cli.run, error);
  if (!bench->job)
    return FALSE;
  bench->peak = moa_measure_peak (bench->job->cpu);
  json_t *report = json_pack (
    "{s:o, s:s, s:i, s:f, s:i, s:O, s:O}", "model", moa_cli_json_string (info->path), "isa",
    moa_isa_name (moa_cpu_isa (bench->job->cpu)), "threads", moa_cpu_threads (bench->job->cpu),
    "peak_gflop_per_second", bench->peak * 1e-9, "latent", bench->latent, "nets", bench->nets, "ops",
    bench->ops);
  gboolean ok = time_nets (bench, error);
  json_t *replacement = NULL;
  if (ok && bench->steps >= 0)
    {
      ok = time_replacement (bench, &replacement, error);
      if (ok)
        json_object_set_new (report, "replacement", replacement);
    }
  moa_cli_end_progress ();
  if (!ok)
    json_decref (report);
  else if (bench->cli.json)
    moa_cli_print_json (report);
  else
    {
      print_report (report);
      json_decref (report);
    }
  return ok;
}

int
moa_cli_bench (int argc, char **argv)
{
  Bench bench = { .runs = 5, .steps = -1 };
  TrainBench train = { .runs = 5 };
  gboolean replacement = FALSE, steps_of_training = FALSE;
  const GOptionEntry entries[] = {
    { "runs", 'r', 0, G_OPTION_ARG_INT, &bench.runs, "Runs of each network; the median counts (5)",
      "N" },
    { "unet", 'u', 0, G_OPTION_ARG_NONE, &bench.unet, "The U-Nets alone", NULL },
    { "sizes", 0, 0, G_OPTION_ARG_NONE, &bench.sizes,
      "The U-Nets' convolutions, linear layers and attentions by size", NULL },
    { "replacement", 0, 0, G_OPTION_ARG_NONE, &replacement, "Also time a whole replacement", NULL },
    { "steps", 's', 0, G_OPTION_ARG_INT, &bench.steps,
      "Steps of the replacement (the model's default)", "N" },
    { "train", 0, 0, G_OPTION_ARG_NONE, &steps_of_training,
      "Instead: steps of training; MODEL's configurations are enough", NULL },
    { "stage", 0, 0, G_OPTION_ARG_STRING, &train.stage, "With --train: prior or moa alone", "STAGE" },
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &train.config,
      "With --train: the step that this training would make", "FILE" },
    { "batch", 0, 0, G_OPTION_ARG_INT, &train.batch, "With --train: items at once (16)", "N" },
    { NULL }
  };
  GError *error = NULL;
  if (!moa_cli_parse (&bench.cli, &argc, &argv, "[MODEL]", "Times a model's networks on this machine.",
                      entries,
                      "Convolutions count as if computed directly, so that Winograd's shortcut may\n"
                      "show more than the peak. A pair is guidance's two rows of one latent at once;\n"
                      "unet_moa_third: a third of the picture is selected."))
    return CLI_USAGE;
  if (argc > 2 || bench.runs < 1 || bench.runs > 1000)
    return moa_cli_usage ("bench", argc > 2 ? "one model at a time" : "--runs is 1 to 1000");
  if (train.batch < 0 || train.batch > 4096)
    return moa_cli_usage ("bench", "--batch is 1 to 4096");
  if (!steps_of_training && (train.stage || train.config || train.batch))
    return moa_cli_usage ("bench", "--stage, --config and --batch need --train");
  if (argc == 2)
    {
      g_free (bench.cli.model_path);
      bench.cli.model_path = g_strdup (argv[1]);
    }
  if (replacement)
    bench.steps = MAX (bench.steps, 0);
  train.runs = bench.runs;
  bench.nets = json_object ();
  bench.ops = json_object ();
  if (steps_of_training)
    moa_bench_train (&bench.cli, &train, &error);
  else if (moa_cli_start (&bench.cli, &error))
    run_bench (&bench, &error);
  g_clear_pointer (&bench.job, moa_job_free);
  json_decref (bench.nets);
  json_decref (bench.ops);
  g_free (train.stage);
  g_free (train.config);
  return moa_cli_finish (&bench.cli, "bench", error);
}
