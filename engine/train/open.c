/* The opening of a training: its folder and model, its data, the stage's graphs, the memory that
 * all of it takes, then the parameters' numbers, those of the last checkpoint where there is one. */
#include "train/training.h"

#include "base/error.h"
#include "nets/unet.h"
#include "train/folder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELD_OUT_SCENES ((guint64) 1 << 40) /* far from those of training */

static const MoaStage *const stages[MOA_N_STAGES] = { &moa_stage_vae, &moa_stage_encoders,
                                                      &moa_stage_prior, &moa_stage_moa,
                                                      &moa_stage_judge };

void
moa_training_tell (MoaTraining *training, const char *format, ...)
{
  if (!training->run->tell || moa_group_rank (training->t.group) != 0)
    return;
  va_list args;
  va_start (args, format);
  g_autofree char *line = g_strdup_vprintf (format, args);
  va_end (args);
  training->run->tell (line, training->run->data);
}

/* ---- Folder and data -------------------------------------------------- */

static guint
fresh_parts (const MoaTrainConfig *config, GError **error)
{
  guint fresh = 0;
  for (int i = 0; config->fresh[i]; i++)
    {
      int part = 0;
      while (part < MOA_PART_HEADS && strcmp (config->fresh[i], moa_part_name (part)))
        part++;
      if (part == MOA_PART_HEADS)
        {
          moa_fail (error, MOA_ERROR_ARGUMENT,
                    "\"fresh\": a model has no part \"%s\"; its parts are unet, vae, text_encoder, "
                    "image_encoder, moa and controlnet", config->fresh[i]);
          return G_MAXUINT;
        }
      fresh |= 1u << part;
    }
  return fresh;
}

/* FOLDER/model from the configuration's, with what is fresh started. */
static gboolean
make_model (MoaTrainer *t, GError **error)
{
  const MoaTrainConfig *config = t->config;
  guint fresh = fresh_parts (config, error);
  if (!*config->model)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "Which model to start from? Say it as \"model\" in the configuration, or with "
                     "--model; a folder of configurations alone will do");
  if (fresh == G_MAXUINT || !moa_folder_copy_model (config->model, t->model, error)
      || (!config->moa.space_time && !moa_folder_set_vanilla_fuser (t->model, error))
      || (config->prior.controlnet && !moa_folder_add_controlnet (config->model, t->model, error)))
    return FALSE;
  MoaParts parts;
  gboolean ok = moa_parts_open (&parts, t->model, fresh, moa_device_host (), error)
                && moa_parts_need (&parts, moa_trainer_parts (t), config->model, error)
                && moa_folder_start_parts (&parts, t->model, config->seed, error);
  moa_parts_clear (&parts);
  return ok;
}

/* FOLDER/config.json: every value. */
static gboolean
write_config (const MoaTrainer *t, GError **error)
{
  g_autofree char *path = g_build_filename (t->folder, "config.json", NULL);
  char *text = json_dumps (t->config->json, JSON_INDENT (2) | JSON_REAL_PRECISION (9));
  gboolean ok = g_file_set_contents (path, text, -1, error);
  free (text);
  return ok;
}

/* A training that is there goes on, if it is of this stage. */
static gboolean
check_going_on (const MoaTraining *training, const char *config, GError **error)
{
  const MoaTrainer *t = &training->t;
  if (!training->run->resume)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "%s: holds a training already; go on with --resume, or name another folder",
                     t->folder);
  json_t *before = moa_json_read (config, error);
  if (!before)
    return FALSE;
  const char *stage = json_string_value (json_object_get (before, "stage"));
  gboolean same = !stage || !strcmp (stage, moa_stage_name (t->config->stage));
  if (!same)
    moa_fail (error, MOA_ERROR_ARGUMENT,
              "%s: holds a training of the stage \"%s\", not \"%s\"; name another folder", t->folder,
              stage, moa_stage_name (t->config->stage));
  json_decref (before);
  return same;
}

static gboolean
open_folder_as_first (MoaTraining *training, GError **error)
{
  MoaTrainer *t = &training->t;
  g_autofree char *config = g_build_filename (t->folder, "config.json", NULL);
  if ((training->lock = moa_folder_take (t->folder, error)) < 0)
    return FALSE;
  if (g_file_test (config, G_FILE_TEST_EXISTS))
    return check_going_on (training, config, error);
  if (training->run->resume)
    moa_training_tell (training, "%s: nothing to go on from; starting", t->folder);
  return make_model (t, error) && write_config (t, error);
}

/* The first rank alone looks what is there: to the others it may have changed already. */
static gboolean
open_folder (MoaTraining *training, GError **error)
{
  gint64 open = TRUE;
  if (moa_group_rank (training->t.group) == 0 && !open_folder_as_first (training, error))
    return FALSE; /* the others end with this rank */
  moa_group_share (training->t.group, &open);
  g_autofree char *config = g_build_filename (training->t.folder, "config.json", NULL);
  return g_file_test (config, G_FILE_TEST_EXISTS)
         || moa_fail (error, MOA_ERROR_ARGUMENT,
                      "%s: this rank does not see what the first has written there; name a folder that all "
                      "machines share", training->t.folder);
}

static gboolean
open_data (MoaTrainer *t, GError **error)
{
  const MoaTrainConfig *config = t->config;
  MoaDataOptions options;
  moa_trainer_data_options (t, &options);
  options.seed = config->data.seed;
  options.n_scenes = config->data.pictures;
  options.augment = config->data.augment;
  options.others = config->data.others;
  options.alone = config->data.alone;
  t->stage->options (t, &options);
  MoaDataOptions other = options;
  other.first_scene = HELD_OUT_SCENES;
  other.n_scenes = config->data.held_out;
  other.test_split = TRUE;
  other.augment = FALSE;
  other.truth = options.truth > 0;
  switch ((MoaTrainSource) config->data.source)
    {
    case MOA_SOURCE_WORLD:
      t->source = moa_data_world (&options);
      t->held_out = moa_data_world (&other);
      break;
    case MOA_SOURCE_FASTCOMPOSER:
      t->source = moa_data_fastcomposer (config->data.path, &options, error);
      t->held_out = t->source ? moa_data_fastcomposer (config->data.path, &other, error) : NULL;
      break;
    case MOA_SOURCE_PLAIN:
      t->source = moa_data_plain (config->data.path, &options, error);
      t->held_out = t->source ? moa_data_plain (config->data.path, &other, error) : NULL;
      break;
    }
  return t->held_out != NULL;
}

static gboolean
check_numbers (const MoaTrainer *t, GError **error)
{
  static const char *const names[] = { "float32", "float64", "float16", "bfloat16" };
  static const MoaNumber weights[] = { MOA_F32, MOA_BF16, MOA_F16 }; /* by MoaTrainWeights */
  const MoaDevice *device = moa_cpu_device (t->cpu);
  MoaNumber wanted = weights[t->config->weights];
  if (device->number == MOA_F32)
    return TRUE;
  /* What changes averages as the parameters hold them; of the prior only a described one does. */
  if (t->stage->finish && (t->config->stage != MOA_STAGE_PRIOR || t->config->prior.described > 0))
    return moa_fail (error, MOA_ERROR_DEVICE,
                     "The stage \"%s\" trains in float32; write --device %s:f32",
                     moa_stage_name (t->config->stage), device->name);
  return wanted == MOA_F32 || wanted == device->number
         || moa_fail (error, MOA_ERROR_DEVICE,
                      "%s holds weights as %s, and \"weights\" says %s; make them the same, or "
                      "write --device %s:f32", device->name, names[device->number], names[wanted],
                      device->name);
}

/* Declares what there is, and what of it is trained. */
static gboolean
declare_parameters (MoaTrainer *t, GError **error)
{
  if (!check_numbers (t, error)
      || !moa_parts_open (&t->parts, t->model, 0, moa_cpu_device (t->cpu), error)
      || (t->stage->declare && !t->stage->declare (t, error))
      || !moa_trained_init (&t->set, &t->parts, t->config, t->cpu, error))
    return FALSE;
  if (t->config->checkpointing && t->config->stage != MOA_STAGE_PRIOR
      && t->config->stage != MOA_STAGE_MOA)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "\"checkpointing\" is of the U-Net, which the stage \"%s\" does not train; "
                     "leave it \"none\"", moa_stage_name (t->config->stage));
  if (t->set.which & ~moa_trainer_parts (t))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "\"train\": the stage \"%s\" does not compute with all of these parts",
                     moa_stage_name (t->config->stage));
  return TRUE;
}

/* ---- Memory ----------------------------------------------------------- */

typedef enum { WEIGHTS, TRAINED, RESULTS, LATENTS, ITEMS, CHECKPOINT, N_NEEDS } Need;

static const struct {
  const char *name, *cure;
  gboolean card;       /* on a card, where it computes; everything else is the host's */
} needs[N_NEEDS] = {
  { "of weights", "start from a smaller model", TRUE },
  { "of moments, averages and gradients", "train fewer parameters", TRUE },
  { "of results", "make micro_batch smaller, or set \"checkpointing\" to \"block\" or \"layer\"",
    TRUE },
  { "of kept latents", "make data.pictures smaller", FALSE },
  { "of pictures", "make micro_batch smaller", FALSE },
  { "to save", "train fewer parameters", FALSE },
};

static void
count_needs (const MoaTrainer *t, double bytes[N_NEEDS])
{
  gsize work = 0, weights = 0, held = 0;
  for (guint i = 0; i < t->graphs->len; i++)
    {
      work = MAX (work, moa_graph_work_bytes (t->graphs->pdata[i]));
      held += moa_graph_held_bytes (t->graphs->pdata[i]);
    }
  for (int part = 0; part < MOA_N_TRAIN_PARTS; part++)
    if (moa_trainer_parts (t) >> part & 1)
      weights += moa_params_missing_bytes (t->parts.params[part]);
  bytes[WEIGHTS] = weights;
  bytes[TRAINED] = moa_trained_bytes (&t->set);
  bytes[RESULTS] = work + held;
  bytes[LATENTS] = t->kept_bytes;
  bytes[ITEMS] = (double) (2 * t->config->micro_batch + t->config->data.threads)
                 * moa_data_item_bytes (t->source);
  bytes[CHECKPOINT] = moa_checkpoint_bytes (&t->set);
}

/* Those of `which` by bits, of n ranks that share `available` bytes. */
static gboolean
check_place (MoaTraining *training, const double bytes[N_NEEDS], guint which, const char *place,
             int n, double available, GError **error)
{
  double total = 0;
  g_autoptr (GString) line = g_string_new ("memory:");
  int most = -1;
  for (int i = 0; i < N_NEEDS; i++)
    if (which >> i & 1)
      {
        g_string_append_printf (line, "%s %.0f MiB %s", most >= 0 ? "," : "", bytes[i] / 1048576,
                                needs[i].name);
        total += bytes[i];
        most = most < 0 || bytes[i] > bytes[most] ? i : most;
      }
  moa_training_tell (training, "%s; together %.0f MiB, on %s %d time%s, and %.0f are free",
                     line->str, total / 1048576, place, n, n == 1 ? "" : "s", available / 1048576);
  if (n > 1)
    moa_group_sum_machine (training->t.group, &total, 1);
  if (total > available)
    return moa_fail (error, MOA_ERROR_MEMORY,
                     "The training needs %.1f GiB on %s, and %.1f are free; the most, %.1f "
                     "GiB for each rank, are %s: %s", total / 1073741824, place,
                     available / 1073741824, bytes[most] / 1073741824, needs[most].name,
                     needs[most].cure);
  return TRUE;
}

/* The memory of everything, of all ranks on this machine, before any of it is taken. */
static gboolean
check_memory (MoaTraining *training, GError **error)
{
  const MoaTrainer *t = &training->t;
  MoaDevice *device = moa_cpu_device (t->cpu);
  double bytes[N_NEEDS];
  guint card = 0, all = (1u << N_NEEDS) - 1;
  count_needs (t, bytes);
  for (int i = 0; i < N_NEEDS && device != moa_device_host (); i++)
    card |= (guint) needs[i].card << i;
  return (!card || check_place (training, bytes, card, device->name, 1,
                                device->methods->free_memory (device), error))
         && check_place (training, bytes, all & ~card, "this machine",
                         moa_group_neighbours (t->group), moa_cpu_free_memory (), error);
}

static void
graph_costs (const MoaTrainer *t, double *bytes, double *flops)
{
  *bytes = *flops = 0;
  for (guint i = 0; i < t->graphs->len; i++)
    {
      *bytes = MAX (*bytes, moa_graph_work_bytes (t->graphs->pdata[i]));
      *flops = MAX (*flops, moa_graph_flops (t->graphs->pdata[i]));
    }
}

/* What activation checkpointing saves and costs: planned beside the same stage without it. */
static gboolean
tell_checkpointing (MoaTraining *training, GError **error)
{
  const MoaTrainer *t = &training->t;
  if (t->config->checkpointing == MOA_KEEP_ALL)
    return TRUE;
  MoaTrainConfig config = *t->config;
  MoaTrainer plain = *t;
  config.checkpointing = MOA_KEEP_ALL;
  plain.config = &config;
  plain.state = g_malloc0 (t->stage->state_size);
  plain.graphs = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_graph_free);
  double bytes[2], flops[2];
  gboolean ok = t->stage->build (&plain, error);
  if (ok)
    {
      graph_costs (&plain, &bytes[0], &flops[0]);
      graph_costs (t, &bytes[1], &flops[1]);
      moa_training_tell (training, "activation checkpointing: results take %.0f MiB in place of %.0f, "
                                   "a step %.0f %% more arithmetic", bytes[1] / 1048576,
                         bytes[0] / 1048576, 100 * (flops[1] / flops[0] - 1));
    }
  t->stage->clear (&plain);
  g_ptr_array_unref (plain.graphs);
  g_free (plain.state);
  return ok;
}

/* ---- Parameters ------------------------------------------------------- */

/* The configuration may change as long as it is the same training; each change is named. */
static gboolean
compare_config (MoaTraining *training, json_t *before, GError **error)
{
  const MoaTrainer *t = &training->t;
  g_auto (GStrv) changes = moa_train_config_changes (t->config, before);
  for (char **change = changes; *change; change++)
    moa_training_tell (training, "changed from here on: %s", *change);
  return moa_group_rank (t->group) != 0 || write_config (t, error);
}

static gboolean
restore_checkpoint (MoaTraining *training, GError **error)
{
  MoaTrainer *t = &training->t;
  GError *fault = NULL;
  g_autofree char *warning = NULL;
  json_t *before = NULL;
  gboolean found = moa_checkpoint_read (&t->set, t->folder, &t->mark, &before, &warning, &fault);
  if (fault)
    {
      g_propagate_error (error, fault);
      return FALSE;
    }
  if (warning && found)
    moa_training_tell (training, "passed by: %s", warning);
  if (found)
    moa_training_tell (training, "going on after step %" G_GUINT64_FORMAT, t->mark.step);
  gboolean ok = !before || compare_config (training, before, error);
  json_decref (before);
  gint64 first = t->mark.step;
  if (!ok)
    return FALSE;
  moa_group_share (t->group, &first);
  return first == (gint64) t->mark.step
         || moa_fail (error, MOA_ERROR_FILE,
                      "%s: the last checkpoint that is whole here is of step %" G_GUINT64_FORMAT
                      ", on the first rank of step %" G_GINT64_FORMAT "; give all ranks the same files",
                      t->folder, t->mark.step, first);
}

/* The numbers themselves: the model's, or the last checkpoint's. */
static gboolean
load_parameters (MoaTraining *training, GError **error)
{
  MoaTrainer *t = &training->t;
  if (!moa_parts_load (&t->parts, moa_trainer_parts (t), training->run->cancellable, error))
    return FALSE;
  for (int part = MOA_PART_HEADS; part < MOA_N_TRAIN_PARTS; part++)
    if (moa_trainer_parts (t) >> part & 1)
      moa_parts_start (&t->parts, part, t->config->seed);
  if (!moa_trained_allocate (&t->set, error)
      || (training->run->resume && !restore_checkpoint (training, error)))
    return FALSE;
  gboolean scales = moa_cpu_device (t->cpu)->number == MOA_F16;
  if (!scales || t->mark.loss_scale < 1)
    t->mark.loss_scale = scales ? t->config->optimizer.loss_scale : 1;
  for (guint i = 0; i < t->graphs->len; i++)
    if (!moa_graph_prepare (t->graphs->pdata[i], t->workspace, error))
      return FALSE;
  return TRUE;
}

/* ---- All -------------------------------------------------------------- */

/* Items that all ranks together have taken before a step. */
static guint64
items_before (MoaTrainer *t, guint64 step)
{
  guint64 items = 0;
  for (guint64 i = 0; i < step; i++)
    {
      MoaStepPlan plan = t->stage->plan (t, i);
      items += (guint64) plan.items * plan.micros;
    }
  return items;
}

/* Processors divided among the ranks of this machine, if the launcher did not do so. */
static int
choose_threads (const MoaTraining *training)
{
  int own = g_get_num_processors (), all = sysconf (_SC_NPROCESSORS_ONLN);
  if (training->run->n_threads > 0 || own < all)
    return training->run->n_threads;
  return MAX (1, own / moa_group_neighbours (training->t.group));
}

/* Of several ranks on a machine each has the card of its place there, or the only one that it sees, as where
 * a launcher gives each task one: what is wished as that card's name.  NULL: as it is.  (transfer full) */
static char *
own_card (const MoaTrainer *t, const char *wished)
{
  int cards = moa_group_neighbours (t->group) > 1 ? moa_device_count () : 0;
  gboolean is_cuda = wished && g_str_has_prefix (wished, "cuda");
  if (cards == 0 || !(is_cuda || !wished || !*wished || !strcmp (wished, "auto")))
    return NULL;
  const char *rest = is_cuda ? wished + strlen ("cuda") : "";
  if (*rest == ':' && g_ascii_isdigit (rest[1]))
    rest += 1 + strspn (rest + 1, "0123456789");
  return g_strdup_printf ("cuda:%d%s", cards == 1 ? 0 : moa_group_place (t->group), rest);
}

MoaDevice *
moa_train_device (const char *name, GError **error)
{
  const char *wished = name && *name ? name : g_getenv ("MOA_DEVICE");
  MoaDevice *device = moa_device_open (wished, NULL, error);
  gboolean asked = wished && g_str_has_suffix (wished, "f16");
  if (!device || device->number == MOA_F32 || asked)
    return device;
  g_autofree char *wide = g_strdup_printf ("%s:f32", device->name);
  moa_device_unref (device);
  return moa_device_open (wide, NULL, error);
}

/* Two ranks with one card would wait for one another for ever, at best. */
static gboolean
cards_differ (const MoaTrainer *t, const MoaDevice *device, GError **error)
{
  int n = moa_group_neighbours (t->group), place = moa_group_place (t->group);
  g_autofree double *slots = g_new0 (double, n);
  slots[place] = device->slot;
  moa_group_sum_machine (t->group, slots, n);
  for (int i = 0; i < n; i++)
    if (i != place && slots[i] == slots[place])
      return moa_fail (error, MOA_ERROR_DEVICE,
                       "Ranks %d and %d of this machine have the same GPU; start as many ranks on a machine "
                       "as it has GPUs", MIN (i, place), MAX (i, place));
  return TRUE;
}

/* The cards of all ranks, where there are several. */
static gboolean
join_cards (MoaTrainer *t, GError **error)
{
  MoaDevice *device = moa_cpu_device (t->cpu);
  const MoaDeviceCollective *collective = NULL;
  MoaCollectiveName name = { .part = { 0 } };
  int rank = moa_group_rank (t->group), size = moa_group_size (t->group);
  double cards = device != moa_device_host ();
  moa_group_sum_doubles (t->group, &cards, 1);
  if (size == 1 || cards == 0)
    return TRUE;
  if (cards < size)
    return moa_fail (error, MOA_ERROR_DEVICE,
                     "%.0f of %d ranks have a card; give --device cpu, or machines that have one for "
                     "each rank", cards, size);
  if (!(collective = device->methods->find (device, MOA_DEVICE_COLLECTIVE)))
    return moa_fail (error, MOA_ERROR_DEVICE,
                     "This build does not join cards, for it was made without NCCL; give --device cpu, "
                     "or start one rank");
  if (!cards_differ (t, device, error)
      || (rank == 0 && !collective->make_name (device, &name, error)))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (name.part); i++)
    moa_group_share (t->group, &name.part[i]);
  return (t->cards = collective->join (device, &name, rank, size, error)) != NULL;
}

static gboolean
open_cpu (MoaTraining *training, GError **error)
{
  MoaTrainer *t = &training->t;
  const char *name = training->run->device, *wished = name && *name ? name : g_getenv ("MOA_DEVICE");
  g_autofree char *own = own_card (t, wished);
  MoaDevice *device = moa_train_device (own ? own : wished, error);
  if (!device)
    return FALSE;
  t->cpu = moa_cpu_new_on (device, choose_threads (training));
  moa_device_unref (device);
  return join_cards (t, error);
}

static gboolean
check_ranks (MoaTrainer *t, GError **error)
{
  int size = moa_group_size (t->group);
  for (guint64 i = 0; i < (guint64) t->config->steps; i++)
    if (t->stage->plan (t, i).micros % size != 0)
      return moa_fail (error, MOA_ERROR_ARGUMENT,
                       "The batch of a step has %d micro batches, which %d ranks cannot share; "
                       "change batch or micro_batch", t->stage->plan (t, i).micros, size);
  return TRUE;
}

static void
tell_beginning (MoaTraining *training)
{
  const MoaTrainer *t = &training->t;
  int size = moa_group_size (t->group);
  g_auto (GStrv) lines = moa_train_config_lines (t->config);
  for (char **line = lines; *line; line++)
    moa_training_tell (training, "%s", *line);
  moa_training_tell (
    training, "%s: %" G_GSIZE_FORMAT " parameters, %d steps, %d rank%s of %d threads on %s",
    moa_stage_name (t->config->stage), moa_trained_numbers (&t->set), t->config->steps, size,
    size == 1 ? "" : "s", moa_cpu_threads (t->cpu), moa_isa_name (moa_cpu_isa (t->cpu)));
}

gboolean
moa_training_open (MoaTraining *training, GError **error)
{
  MoaTrainer *t = &training->t;
  t->stage = stages[t->config->stage];
  t->state = g_malloc0 (t->stage->state_size);
  if (!open_cpu (training, error) || !open_folder (training, error)
      || !declare_parameters (t, error) || !open_data (t, error) || !t->stage->build (t, error)
      || !check_ranks (t, error))
    return FALSE;
  tell_beginning (training);
  if (!tell_checkpointing (training, error) || !check_memory (training, error)
      || !load_parameters (training, error) || (t->stage->begin && !t->stage->begin (t, error)))
    return FALSE;
  int rank = moa_group_rank (t->group);
  t->queue = moa_data_queue_new (t->source, items_before (t, t->mark.step) + rank,
                                 moa_group_size (t->group), t->config->data.threads,
                                 2 * t->config->micro_batch);
  if (rank == 0)
    training->log = moa_train_log_open (t->folder, t->mark.step, error);
  return rank != 0 || training->log;
}

void
moa_training_clear (MoaTraining *training)
{
  MoaTrainer *t = &training->t;
  if (t->cards) /* first: giving memory back waits for the card, and it for sums that may never come */
    t->cards->methods->leave (t->cards);
  moa_data_queue_free (t->queue);
  if (t->state)
    t->stage->clear (t);
  g_ptr_array_unref (t->graphs);
  moa_workspace_free (t->workspace);
  moa_trained_clear (&t->set);
  moa_data_source_free (t->source);
  moa_data_source_free (t->held_out);
  moa_parts_clear (&t->parts);
  moa_train_log_close (training->log);
  g_hash_table_unref (training->broken);
  moa_cpu_free (t->cpu);
  if (training->lock >= 0)
    close (training->lock);
  g_free (t->state);
  g_free (t->folder);
  g_free (t->model);
}
