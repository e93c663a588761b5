/* moa bench --train: what a step of training takes on this machine, in time, arithmetic and memory.
 *
 * The stage's own graph, losses, clipping and AdamW are run on a batch of the drawn world, so that
 * the folder of the model needs configurations alone. */
#include "cli/bench.h"

#include "base/error.h"
#include "device/cpu.h"
#include "ops/op.h"
#include "ops/peak.h"
#include "train/timing.h"
#include "train/train.h"

#include <string.h>

/* The stage's defaults, or a file; with one micro batch a step. */
static gboolean
make_config (const TrainBench *bench, const char *stage, MoaTrainConfig *config, GError **error)
{
  gboolean ok;
  if (bench->config)
    ok = moa_train_config_read (bench->config, config, error);
  else
    {
      json_t *json = json_pack ("{s:s, s:i, s:i}", "stage", stage, "batch", 16, "micro_batch", 16);
      ok = moa_train_config_parse (json, "the defaults", config, error);
      json_decref (json);
    }
  if (ok && bench->batch)
    config->micro_batch = bench->batch;
  if (ok)
    config->batch = config->micro_batch;
  return ok;
}

static json_t *
report_json (const MoaStepTiming *t, double flops, double peak)
{
  double seconds = t->gradients + t->update;
  return json_pack ("{s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:f, s:f}",
                    "items", t->items, "seconds", seconds, "seconds_per_item", seconds / t->items,
                    "gradients_seconds", t->gradients, "update_seconds", t->update,
                    "processor_seconds", t->processor, "data_seconds", t->data, "gflop", flops * 1e-9, "gflop_per_second", flops / seconds * 1e-9,
                    "of_peak", flops / seconds / peak, "trained", (json_int_t) t->trained,
                    "work_bytes", (json_int_t) t->work_bytes, "weight_bytes",
                    (json_int_t) t->weight_bytes, "moment_bytes", (json_int_t) t->moment_bytes,
                    "first_loss", t->loss[0], "last_loss", t->loss[1]);
}

static void
print_row (const char *stage, const MoaStepTiming *t, double flops, double peak)
{
  double seconds = t->gradients + t->update, mib = 1048576;
  g_print ("stage \"%s\", %d items a step, %.2f M numbers trained\n"
           "  %.4f s a step, %.4f s an item (gradients %.4f s, update %.4f s a step)\n"
           "  %.4f s of processor time a step, all threads together\n"
           "  %.2f GFLOP a step, %.1f GFLOP/s, %.0f%% of the peak\n"
           "  %.0f MiB of results and gradients, %.0f of weights, %.0f of moments, %.0f in all\n"
           "  drawing the batch and encoding it: %.2f s, which workers and kept latents hide\n"
           "  loss on this batch: %.4g, %.4g after %d steps\n",
           stage, t->items, t->trained * 1e-6, seconds, seconds / t->items, t->gradients, t->update,
           t->processor, flops * 1e-9, flops / seconds * 1e-9, 100 * flops / seconds / peak, t->work_bytes / mib,
           t->weight_bytes / mib, t->moment_bytes / mib,
           (t->work_bytes + t->weight_bytes + t->moment_bytes) / mib, t->data, t->loss[0],
           t->loss[1], t->runs);
}

/* On the card, or the processor, that --device says. */
static MoaCpu *
open_cpu (const MoaCli *cli, GError **error)
{
  MoaDevice *device = moa_train_device (cli->device, error);
  MoaCpu *cpu = device ? moa_cpu_new_on (device, cli->n_threads) : NULL;
  moa_device_unref (device);
  return cpu;
}

static gboolean
time_stage (const MoaCli *cli, const TrainBench *bench, const char *name, const char *model,
            double peak, json_t *report, GError **error)
{
  MoaTrainConfig config;
  MoaCpu *cpu = open_cpu (cli, error);
  if (!cpu || !make_config (bench, name, &config, error))
    {
      moa_cpu_free (cpu);
      return FALSE;
    }
  const char *stage = moa_stage_name (config.stage);
  MoaStepTiming timing;
  OpClasses classes = { .n = 0 };
  gboolean ok = moa_train_time (&config, model ? model : config.model, cpu, bench->runs,
                                moa_bench_count_op, &classes, &timing, error);
  if (ok)
    {
      double flops = moa_bench_flops (&classes);
      json_t *ops = json_object_get (report, "ops");
      json_object_set_new (json_object_get (report, "stages"), stage,
                           report_json (&timing, flops, peak));
      json_object_set_new (ops, stage, moa_bench_classes_json (&classes, peak));
      if (!cli->json)
        print_row (stage, &timing, flops, peak);
    }
  moa_train_config_clear (&config);
  return ok;
}

gboolean
moa_bench_train (const MoaCli *cli, const TrainBench *bench, GError **error)
{
  if (bench->stage && strcmp (bench->stage, "prior") && strcmp (bench->stage, "moa"))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "--stage is prior or moa, not \"%s\"", bench->stage);
  g_autofree char *model = cli->model_path || bench->config ? g_strdup (cli->model_path)
                                                            : moa_cli_default_model ();
  MoaCpu *cpu = open_cpu (cli, error);
  if (!cpu)
    return FALSE;
  double peak = moa_measure_peak (cpu);
  json_t *report = json_pack ("{s:s, s:i, s:f, s:{}, s:{}}", "isa",
                              moa_isa_name (moa_cpu_isa (cpu)), "threads", moa_cpu_threads (cpu),
                              "peak_gflop_per_second", peak * 1e-9, "stages", "ops");
  if (!cli->json)
    g_print ("%s, %d threads, peak %.0f GFLOP/s\n\n", moa_isa_name (moa_cpu_isa (cpu)),
             moa_cpu_threads (cpu), peak * 1e-9);
  moa_cpu_free (cpu);
  gboolean ok = TRUE;
  const char *const stages[] = { "prior", "moa" };
  for (guint i = 0; i < G_N_ELEMENTS (stages) && ok; i++)
    if (bench->config ? i == 0 : !bench->stage || !strcmp (bench->stage, stages[i]))
      ok = time_stage (cli, bench, stages[i], model, peak, report, error);
  if (ok && !cli->json)
    moa_bench_print_ops (json_object_get (report, "ops"));
  if (ok && cli->json)
    moa_cli_print_json (json_incref (report));
  json_decref (report);
  return ok;
}
