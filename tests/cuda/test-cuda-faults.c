/* A card that fails: at each call that can fail in turn, in a small net and, here and there, in a whole
 * replacement.  The error must say what failed, nothing may be left on the card, and the next try must
 * work.  Needs the emulation, which fails on demand. */
#include <gmodule.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "emulation/emulation.h"
#include "ops/ops.h"

static EmulatedFailAt fail_at;
static EmulatedCalls calls;
static EmulatedLiving living;
static EmulatedRecover recover;

/* Memory short, or something on the card, and in whole sentences. */
static void
check_error (const GError *error)
{
  g_assert_nonnull (error);
  g_assert_true (error->domain == MOA_ERROR);
  g_assert_true (error->code == MOA_ERROR_DEVICE || error->code == MOA_ERROR_MEMORY);
  g_assert_cmpuint (strlen (error->message), >, 20);
}

/* ---- A small net ----------------------------------------------------- */

typedef struct {
  MoaDevice *device;
  MoaCpu *cpu;
  MoaParams *params;
  MoaWorkspace *workspace;
  MoaGraph *graph;
  MoaTensor *x, *y;
} Net;

#define N_RESULTS (5 * 6 * 8)

static MoaTensor *
param (Net *net, const char *name, MoaShape shape, MoaLayout layout)
{
  return moa_graph_param (net->graph, net->params, name, shape, layout);
}

static void
build (Net *net)
{
  MoaGraph *g = net->graph;
  net->x = moa_graph_input (g, "x", MOA_SHAPE (1, 5, 6, 3), MOA_EACH_RUN);
  MoaTensor *held = moa_graph_input (g, "held", MOA_SHAPE (1, 4, 8), MOA_HELD);
  MoaTensor *h = moa_conv2d (g, net->x, param (net, "conv", MOA_SHAPE (8, 3, 3, 3), MOA_PANELS),
                             param (net, "bias", MOA_SHAPE (8), MOA_PLAIN), NULL, 1, 1, 1);
  h = moa_group_norm (g, h, param (net, "gamma", MOA_SHAPE (8), MOA_PLAIN),
                      param (net, "beta", MOA_SHAPE (8), MOA_PLAIN), 2, 1e-5, TRUE);
  MoaTensor *keys = moa_linear (g, held, param (net, "k", MOA_SHAPE (8, 8), MOA_PANELS), NULL, NULL);
  net->y = moa_attention (g, moa_graph_reshape (g, h, MOA_SHAPE (1, 30, 8)), keys, keys, 2, FALSE);
  moa_graph_output (net->y);
}

static gboolean
load (Net *net, GError **error)
{
  if (!moa_params_load (net->params, 0, NULL, error))
    return FALSE;
  for (guint i = 0; i < moa_params_count (net->params); i++)
    {
      MoaParam *p = moa_params_nth (net->params, i);
      g_autofree float *numbers = g_new (float, moa_param_numbers (p));
      moa_rng_normal (3, i, 0, numbers, moa_param_numbers (p));
      if (!moa_params_set_numbers (net->params, p, numbers, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
net_new (Net *net, MoaDevice *device, GError **error)
{
  net->device = moa_device_ref (device);
  net->cpu = moa_cpu_new_on (device, 1);
  net->params = moa_params_new_on (NULL, device);
  net->workspace = moa_workspace_new ();
  net->graph = moa_graph_new (net->cpu);
  build (net);
  return moa_graph_plan (net->graph, error) && load (net, error)
         && moa_graph_prepare (net->graph, net->workspace, error);
}

/* What the graph reads, of which the held part once is enough. */
static void
set (Net *net, gboolean also_held)
{
  float x[90], held[32];
  moa_rng_normal (1, 0, 0, x, G_N_ELEMENTS (x));
  moa_rng_normal (2, 0, 0, held, G_N_ELEMENTS (held));
  moa_graph_set (net->x, x);
  if (also_held)
    moa_graph_set (moa_graph_find (net->graph, "held"), held);
}

static void
net_clear (Net *net)
{
  moa_graph_free (net->graph);
  moa_workspace_free (net->workspace);
  moa_params_free (net->params);
  moa_cpu_free (net->cpu);
  moa_device_unref (net->device);
}

/* Opens the card, runs the net three times, the third time from the recording, and lets all go. */
static gboolean
run_net (float *y, GError **error)
{
  Net net;
  MoaDevice *device = moa_device_open ("cuda", NULL, error);
  if (!device)
    return FALSE;
  gboolean ok = net_new (&net, device, error);
  for (int run = 0; ok && run < 3; run++)
    {
      set (&net, run == 0);
      ok = moa_graph_run (net.graph, NULL, error);
    }
  if (ok)
    moa_graph_get (net.y, y);
  net_clear (&net);
  moa_device_unref (device);
  return ok;
}

/* Memory that is short is no fault of the card: the error says what to do, and the card goes on. */
static void
check_short (const GError *short_of)
{
  float y[N_RESULTS];
  GError *error = NULL;
  g_assert_true (short_of->code == MOA_ERROR_DEVICE /* while the card was opened */
                 || strstr (short_of->message, "close other programs, or use a smaller model"));
  run_net (y, &error);
  g_assert_no_error (error);
  g_assert_true (isfinite (y[0]));
}

static void
test_net (void)
{
  float y[N_RESULTS], again[N_RESULTS];
  GError *error = NULL;
  size_t before = living ();
  unsigned long first = calls ();
  run_net (y, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (living (), ==, before);
  unsigned long n = calls () - first;
  g_assert_cmpuint (n, >, 40);
  guint n_short = 0, n_unstaged = 0;
  for (unsigned long i = 1; i <= n; i++)
    {
      fail_at (i);
      gboolean ok = run_net (again, &error);
      /* The last call is the download of the result, which is then NaN; and transfers go on without stages,
       * if there is no memory for those. */
      if (ok && !isnan (again[0]))
        {
          g_assert_cmpmem (y, sizeof (y), again, sizeof (again));
          n_unstaged++;
        }
      if (!ok)
        check_error (error);
      g_assert_cmpuint (living (), ==, before);
      if (g_error_matches (error, MOA_ERROR, MOA_ERROR_MEMORY)
          || (error && strstr (error->message, "out of memory")))
        {
          check_short (error);
          n_short++;
        }
      g_clear_error (&error);
      recover ();
    }
  g_assert_cmpuint (n_short, >=, 4); /* cuBLAS' memory, weights, work, results */
  g_assert_cmpuint (n_unstaged, ==, 2);
  run_net (again, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (y, sizeof (y), again, sizeof (again));
}

/* ---- Several cards, several threads ----------------------------------- */

/* No memory while the second card is opened is nothing that the first one did. */
static void
open_short (Net *first)
{
  GError *error = NULL;
  int n_short = 0;
  for (unsigned long i = 1; n_short == 0; i++)
    {
      fail_at (i);
      MoaDevice *device = moa_device_open ("cuda:1", NULL, &error);
      moa_device_unref (device); /* it goes on without stages */
      n_short += error && strstr (error->message, "cudaMalloc: out of memory");
      g_clear_error (&error);
      if (n_short == 0)
        recover ();
    }
  moa_graph_run (first->graph, NULL, &error);
  g_assert_no_error (error);
  recover ();
}

/* Two cards of one thread by turns: it is each call's business to choose its card. */
static void
test_two_cards (void)
{
  float y[2][N_RESULTS];
  GError *error = NULL;
  Net nets[2];
  size_t before = living ();
  g_setenv ("MOA_EMULATED_CARDS", "2", TRUE);
  for (int i = 0; i < 2; i++)
    {
      MoaDevice *device = moa_device_open (i ? "cuda:1" : "cuda:0", NULL, &error);
      g_assert_no_error (error);
      net_new (&nets[i], device, &error);
      g_assert_no_error (error);
      moa_device_unref (device);
    }
  set (&nets[0], TRUE);
  open_short (&nets[0]);
  for (int run = 0; run < 3; run++)
    {
      for (int i = 0; i < 2; i++)
        set (&nets[i], run == 0);
      for (int i = 0; i < 2; i++)
        {
          moa_graph_run (nets[i].graph, NULL, &error);
          g_assert_no_error (error);
        }
    }
  for (int i = 0; i < 2; i++)
    {
      moa_graph_get (nets[i].y, y[i]);
      net_clear (&nets[i]);
    }
  g_unsetenv ("MOA_EMULATED_CARDS");
  g_assert_cmpmem (y[0], sizeof (y[0]), y[1], sizeof (y[1]));
  g_assert_cmpuint (living (), ==, before);
}

/* data: the device, or NULL for another of the same card each round. */
static gpointer
record_own (gpointer data)
{
  enum { ROUNDS = 12 };
  float y[N_RESULTS], first[N_RESULTS];
  GError *error = NULL;
  for (int round = 0; round < ROUNDS; round++)
    {
      Net net;
      MoaDevice *device = data ? moa_device_ref (data) : moa_device_open ("cuda", NULL, &error);
      g_assert_no_error (error);
      net_new (&net, device, &error);
      g_assert_no_error (error);
      for (int run = 0; run < 4; run++)
        {
          set (&net, run == 0);
          moa_graph_run (net.graph, NULL, &error);
          g_assert_no_error (error);
          moa_graph_get (net.y, y);
          if (round == 0 && run == 0)
            memcpy (first, y, sizeof (y));
          g_assert_cmpmem (y, sizeof (y), first, sizeof (first));
        }
      net_clear (&net);
      moa_device_unref (device);
      for (int i = 0; !data && i < 20; i++)
        moa_device_unref (moa_device_open ("cuda", NULL, NULL));
    }
  return NULL;
}

/* Threads of one card, as jobs of one model are, and one whose model has a device of its own: each records
 * what it queues and nothing else. */
static void
test_recording (void)
{
  enum { N = 3 };
  GThread *threads[N];
  GError *error = NULL;
  size_t before = living ();
  MoaDevice *device = moa_device_open ("cuda", NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < N; i++)
    threads[i] = g_thread_new ("records", record_own, i < N - 1 ? device : NULL);
  for (int i = 0; i < N; i++)
    g_thread_join (threads[i]);
  moa_device_unref (device);
  g_assert_cmpuint (living (), ==, before);
}

/* ---- Transfers ------------------------------------------------------- */

/* Two stages and a bit more. */
#define N_BYTES ((9u << 20) + 4)

/* There and back, twice; FALSE: failed, and the last of it is NaN, or came before that. */
static gboolean
transfer (const guint8 *there, guint8 *back, GError **error)
{
  MoaDevice *device = moa_device_open ("cuda", NULL, error);
  if (!device)
    return FALSE;
  const MoaDeviceMethods *methods = device->methods;
  gpointer memory = methods->allocate (device, 2 * N_BYTES);
  g_autofree guint8 *own = g_malloc (N_BYTES);
  for (int i = 0; memory && i < 2; i++)
    {
      guint8 *at = (guint8 *) memory + i * N_BYTES;
      memcpy (own, there + i, N_BYTES);
      methods->upload (device, at, own, N_BYTES);
      memset (own, 0xaa, N_BYTES); /* it is free again */
    }
  for (int i = 0; memory && i < 2; i++)
    methods->download (device, back + i * N_BYTES, (guint8 *) memory + i * N_BYTES, N_BYTES);
  gboolean ok = methods->finish (device, error);
  if (!memory && ok)
    ok = moa_fail (error, MOA_ERROR_MEMORY, "no memory for what is transferred");
  else if (!ok && memory)
    {
      const guint8 *last = back + 2 * N_BYTES - 4;
      g_assert_true (memcmp (last, "\xff\xff\xff\xff", 4) == 0 || memcmp (last, there + N_BYTES - 3, 4) == 0);
    }
  if (memory)
    methods->release (device, memory);
  moa_device_unref (device);
  return ok;
}

static void
check_there (const guint8 *there, const guint8 *back)
{
  g_assert_cmpmem (back, N_BYTES, there, N_BYTES);
  g_assert_cmpmem (back + N_BYTES, N_BYTES, there + 1, N_BYTES);
}

static void
test_transfers (void)
{
  g_autofree guint8 *there = g_malloc (N_BYTES + 1), *back = g_malloc (2 * N_BYTES);
  GError *error = NULL;
  for (guint i = 0; i <= N_BYTES; i++)
    there[i] = (i * 2654435761u) >> 24;
  size_t before = living ();
  unsigned long first = calls ();
  transfer (there, back, &error);
  g_assert_no_error (error);
  check_there (there, back);
  unsigned long n = calls () - first;
  g_assert_cmpuint (n, >, 40); /* three pieces each time */
  guint n_whole = 0;
  for (unsigned long i = 1; i <= n; i++)
    {
      fail_at (i);
      if (transfer (there, back, &error))
        {
          check_there (there, back);
          n_whole++;
        }
      else
        check_error (error);
      g_clear_error (&error);
      g_assert_cmpuint (living (), ==, before);
      recover ();
    }
  /* Without stages, either of which there may be no memory for. */
  g_assert_cmpuint (n_whole, ==, 2);
}

/* One thread's memory on a card that all share. */
typedef struct {
  MoaDevice *device;
  guint8 *memory;
  guint8 number;
} Sharer;

static gpointer
transfer_own (gpointer data)
{
  const Sharer *s = data;
  g_autofree guint8 *own = g_malloc (N_BYTES), *back = g_malloc (N_BYTES);
  for (int round = 0; round < 6; round++)
    {
      memset (own, s->number + 16 * round, N_BYTES);
      s->device->methods->upload (s->device, s->memory, own, N_BYTES);
      s->device->methods->download (s->device, back, s->memory, N_BYTES);
      g_assert_cmpmem (back, N_BYTES, own, N_BYTES);
    }
  return NULL;
}

/* Threads take turns with the two stages. */
static void
test_sharing (void)
{
  enum { N = 4 };
  GError *error = NULL;
  GThread *threads[N];
  Sharer sharers[N];
  MoaDevice *device = moa_device_open ("cuda", NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < N; i++)
    {
      sharers[i] = (Sharer){ device, device->methods->allocate (device, N_BYTES), i + 1 };
      threads[i] = g_thread_new ("transfers", transfer_own, &sharers[i]);
    }
  for (int i = 0; i < N; i++)
    g_thread_join (threads[i]);
  g_assert_true (device->methods->finish (device, &error));
  for (int i = 0; i < N; i++)
    device->methods->release (device, sharers[i].memory);
  moa_device_unref (device);
}

/* ---- A whole replacement --------------------------------------------- */

static MoaReplaceResult *
replace (MoaModel *model, const char *device, GError **error)
{
  MoaImage *picture = moa_image_new (64, 64, 3);
  for (int i = 0; i < 64 * 64 * 3; i++)
    picture->data[i] = (i * 37 % 101) / 101.f;
  const MoaImage *photos[] = { picture };
  MoaSubject subject = { photos, 1 };
  MoaReplaceParams params;
  moa_replace_params_init (&params);
  params.source = picture;
  params.subjects = &subject;
  params.n_subjects = 1;
  params.steps = 1;
  MoaRun run = { .n_threads = 1, .device = device };
  MoaReplaceResult *result = moa_replace (model, &params, &run, error);
  moa_image_free (picture);
  return result;
}

static void
test_replace (void)
{
  GError *error = NULL;
  size_t before = living ();
  for (int i = 0; i < 5; i++)
    {
      MoaModel *model = moa_model_open (g_getenv ("MOA_TEST_MODEL"), &error);
      g_assert_no_error (error);
      /* While opening, loading, encoding, inverting. */
      fail_at ((unsigned long[]){ 4, 60, 900, 2500, 4000 }[i]);
      g_assert_null (replace (model, "cuda", &error));
      check_error (error);
      gboolean lost = error->code == MOA_ERROR_DEVICE;
      g_clear_error (&error);
      if (lost && i == 4)
        { /* for good, and the program is not */
          g_assert_null (replace (model, "cuda", &error));
          check_error (error);
          g_clear_error (&error);
          MoaReplaceResult *result = replace (model, "cpu", &error);
          g_assert_no_error (error);
          moa_replace_result_free (result);
        }
      g_assert_true (lost || i < 4);
      recover ();
      if (i == 3)
        {
          MoaReplaceResult *result = replace (model, "cuda", &error);
          g_assert_no_error (error);
          moa_replace_result_free (result);
        }
      moa_model_unref (model);
      g_assert_cmpuint (living (), ==, before);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  GModule *module = g_module_open (g_getenv ("MOA_CUDA_MODULE"), G_MODULE_BIND_LOCAL);
  if (!module || !g_module_symbol (module, "emulated_fail_at", (gpointer *) &fail_at)
      || !g_module_symbol (module, "emulated_calls", (gpointer *) &calls)
      || !g_module_symbol (module, "emulated_living", (gpointer *) &living)
      || !g_module_symbol (module, "emulated_recover", (gpointer *) &recover))
    {
      g_print ("1..0 # SKIP no emulation\n");
      return 0;
    }
  g_test_add_func ("/cuda/faults/net", test_net);
  g_test_add_func ("/cuda/faults/two-cards", test_two_cards);
  g_test_add_func ("/cuda/faults/recording", test_recording);
  g_test_add_func ("/cuda/faults/transfers", test_transfers);
  g_test_add_func ("/cuda/faults/sharing", test_sharing);
  g_test_add_func ("/cuda/faults/replace", test_replace);
  return g_test_run ();
}
