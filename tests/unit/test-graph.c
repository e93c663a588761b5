/* Graphs: building, the plan of memory, what is held, views, gradients' bookkeeping. */
#include <math.h>
#include <string.h>

#include "graph/gradient.h"
#include "io/safetensors.h"
#include "io-util.h"
#include "ops/op.h"
#include "ops/ops.h"

typedef struct {
  MoaCpu *cpu;
  MoaWorkspace *workspace;
  MoaGraph *graph;
} Bench;

static void
bench_init (Bench *b, MoaIsa isa)
{
  b->cpu = moa_cpu_new (isa, 2);
  b->workspace = moa_workspace_new ();
  b->graph = moa_graph_new (b->cpu);
}

static void
bench_clear (Bench *b)
{
  moa_graph_free (b->graph);
  moa_workspace_free (b->workspace);
  moa_cpu_free (b->cpu);
}

static void
prepare (MoaGraph *graph, MoaWorkspace *workspace)
{
  g_autoptr (GError) error = NULL;
  moa_graph_plan (graph, &error);
  g_assert_no_error (error);
  moa_graph_prepare (graph, workspace, &error);
  g_assert_no_error (error);
}

static void
run (MoaGraph *graph)
{
  g_autoptr (GError) error = NULL;
  moa_graph_run (graph, NULL, &error);
  g_assert_no_error (error);
}

/* ---- Memory ---------------------------------------------------------- */

#define N 1024

static void
test_in_place (void)
{
  Bench b;
  bench_init (&b, MOA_ISA_BASE);
  MoaTensor *x = moa_graph_input (b.graph, "x", MOA_SHAPE (N), MOA_EACH_RUN), *y = x;
  for (int i = 0; i < 5; i++)
    y = moa_scale (b.graph, y, 2, 0);
  MoaTensor *sum = moa_reduce (b.graph, y, MOA_SHAPE (1));
  moa_graph_output (sum);
  prepare (b.graph, b.workspace);
  /* All five lie in one place; the input keeps its own. */
  g_assert_cmpuint (moa_graph_work_bytes (b.graph), ==, N * sizeof (float));
  float ones[N], result;
  for (int i = 0; i < N; i++)
    ones[i] = 1;
  moa_graph_set (x, ones);
  for (int i = 0; i < 2; i++)
    {
      run (b.graph);
      moa_graph_get (sum, &result);
      g_assert_cmpfloat (result, ==, 32 * N);
    }
  bench_clear (&b);
}

static void
test_shared_workspace (void)
{
  Bench b;
  bench_init (&b, MOA_ISA_BASE);
  MoaGraph *large = moa_graph_new (b.cpu), *graphs[] = { b.graph, large };
  MoaTensor *x[2], *y[2];
  for (int i = 0; i < 2; i++)
    {
      MoaShape shape = MOA_SHAPE (i ? 50 * N : N);
      x[i] = moa_graph_input (graphs[i], "x", shape, MOA_EACH_RUN);
      y[i] = moa_reduce (graphs[i], moa_scale (graphs[i], x[i], 3, i), MOA_SHAPE (1));
      moa_graph_output (y[i]);
      prepare (graphs[i], b.workspace);
      g_autofree float *zeros = g_new0 (float, moa_shape_count (&shape));
      moa_graph_set (x[i], zeros);
      zeros[5] = 1;
      moa_graph_set (x[i], zeros);
      run (graphs[i]);
    }
  /* The small one was planned before the workspace grew and moved. */
  for (int i = 0; i < 4; i++)
    {
      float result;
      run (graphs[i % 2]);
      moa_graph_get (y[i % 2], &result);
      g_assert_cmpfloat (result, ==, i % 2 ? 3 + 50 * N : 3);
    }
  moa_graph_free (large);
  bench_clear (&b);
}

/* Random graphs of elementwise ops and views, against the same without any plan. */
enum { SIZE = 24, NODES = 120 };

typedef struct {
  Bench *bench;
  MoaTensor *t[NODES];
  double value[NODES][SIZE];
  int kind[NODES], a[NODES], b[NODES];
} Dag;

static void
dag_node (Dag *d, GRand *rand, int i)
{
  static const MoaShape shapes[] = { { 1, { SIZE } }, { 2, { 4, 6 } }, { 3, { 2, 2, 6 } } };
  MoaGraph *g = d->bench->graph;
  int a = d->a[i] = g_rand_int_range (rand, MAX (0, i - 12), i);
  int b = d->b[i] = g_rand_int_range (rand, MAX (0, i - 30), i);
  MoaTensor *x = d->t[a], *y = moa_graph_reshape (g, d->t[b], x->shape), *half;
  switch (d->kind[i] = g_rand_int_range (rand, 0, 5))
    {
    case 0:
      d->t[i] = moa_scale (g, x, -0.5, 1);
      break;
    case 1:
      d->t[i] = moa_add (g, moa_scale (g, x, 0.5, 0), y);
      break;
    case 2:
      d->t[i] = moa_activation (g, moa_mul (g, x, y), MOA_ACT_SILU);
      break;
    case 3:
      d->t[i] = moa_graph_reshape (g, x, shapes[g_rand_int_range (rand, 0, 3)]);
      break;
    default:
      half = moa_graph_slice (g, x, 3, MOA_SHAPE (SIZE / 2));
      d->t[i] = moa_concat (g, half, moa_graph_slice (g, y, 8, MOA_SHAPE (SIZE / 2)), 0);
      break;
    }
}

static void
dag_evaluate (Dag *d, int i)
{
  const double *a = d->value[d->a[i]], *b = d->value[d->b[i]];
  for (int k = 0; k < SIZE; k++)
    {
      double m = a[k] * b[k];
      double results[] = { -0.5 * a[k] + 1, 0.5 * a[k] + b[k], m / (1 + exp (-m)), a[k],
                           k < SIZE / 2 ? a[3 + k] : b[8 + k - SIZE / 2] };
      d->value[i][k] = results[d->kind[i]];
    }
}

static void
check_dag (guint32 seed)
{
  Bench b;
  bench_init (&b, MOA_ISA_F64);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  g_autofree Dag *d = g_new0 (Dag, 1);
  d->bench = &b;
  const int n_inputs = 3;
  for (int i = 0; i < n_inputs; i++)
    d->t[i] = moa_graph_input (b.graph, "x", MOA_SHAPE (SIZE), i ? MOA_EACH_RUN : MOA_HELD);
  for (int i = n_inputs; i < NODES; i++)
    dag_node (d, rand, i);
  gboolean is_output[NODES] = { FALSE };
  for (int i = n_inputs; i < NODES; i++)
    if (i == NODES - 1 || g_rand_int_range (rand, 0, 8) == 0)
      {
        is_output[i] = TRUE;
        moa_graph_output (d->t[i]);
      }
  prepare (b.graph, b.workspace);
  for (int round = 0; round < 4; round++)
    {
      for (int i = 0; i < n_inputs; i++)
        {
          float values[SIZE];
          if (i == 0 && round % 2 == 1)
            continue; /* held from the round before */
          for (int k = 0; k < SIZE; k++)
            d->value[i][k] = values[k] = g_rand_double_range (rand, -1, 1);
          moa_graph_set (d->t[i], values);
        }
      run (b.graph);
      for (int i = n_inputs; i < NODES; i++)
        dag_evaluate (d, i);
      for (int i = n_inputs; i < NODES; i++)
        for (int k = 0; is_output[i] && k < SIZE; k++)
          g_assert_cmpfloat_with_epsilon (((const double *) d->t[i]->data)[k], d->value[i][k],
                                          1e-9 * (1 + fabs (d->value[i][k])));
    }
  bench_clear (&b);
}

static void
test_random_graphs (void)
{
  for (guint32 seed = 0; seed < 60; seed++)
    check_dag (seed);
}

/* ---- What is held ---------------------------------------------------- */

static void
count_op (const MoaTensor *t, double seconds, gpointer data)
{
  ++*(int *) data;
}

static int
ops_of_a_run (MoaGraph *graph, int *counter)
{
  *counter = 0;
  run (graph);
  return *counter;
}

/* A file of one weight: w = 1, 2, 3, 4. */
static MoaParams *
one_weight (char **path)
{
  g_autoptr (GError) error = NULL;
  *path = scratch_file ("w.safetensors", "", 0);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  moa_safetensors_writer_add (writer, "w", MOA_DTYPE_F32, 1, (gint64[]){ 4 },
                              (float[]){ 1, 2, 3, 4 });
  moa_safetensors_writer_save (writer, *path, &error);
  g_assert_no_error (error);
  moa_safetensors_writer_free (writer);
  MoaWeights *weights = moa_weights_open (*path, "test", &error);
  g_assert_no_error (error);
  MoaParams *params = moa_params_new (weights, MOA_ISA_BASE);
  moa_weights_unref (weights);
  return params;
}

static void
test_held (void)
{
  Bench b;
  bench_init (&b, MOA_ISA_BASE);
  char *path;
  MoaParams *params = one_weight (&path);
  int counter;
  MoaTensor *x = moa_graph_input (b.graph, "x", MOA_SHAPE (4), MOA_EACH_RUN);
  MoaTensor *h = moa_graph_input (b.graph, "h", MOA_SHAPE (4), MOA_HELD);
  MoaTensor *w = moa_graph_param (b.graph, params, "w", MOA_SHAPE (4), MOA_PLAIN);
  g_assert_true (w == moa_graph_param (b.graph, params, "w", MOA_SHAPE (4), MOA_PLAIN));
  g_assert_cmpuint (moa_graph_params (b.graph)->len, ==, 1);
  MoaTensor *hw = moa_scale (b.graph, moa_mul (b.graph, h, w), 2, 0);   /* held */
  MoaTensor *y = moa_reduce (b.graph, moa_mul (b.graph, hw, x), MOA_SHAPE (1));
  moa_graph_output (y);
  g_assert_true (moa_params_load (params, 0, NULL, NULL));
  prepare (b.graph, b.workspace);
  moa_graph_set_profile (b.graph, count_op, &counter);

  float ones[] = { 1, 1, 1, 1 }, result;
  moa_graph_set (x, ones);
  moa_graph_set (h, ones);
  g_assert_cmpint (ops_of_a_run (b.graph, &counter), ==, 4);
  g_assert_cmpint (ops_of_a_run (b.graph, &counter), ==, 2);
  moa_graph_set (x, ones);
  g_assert_cmpint (ops_of_a_run (b.graph, &counter), ==, 2);
  moa_graph_set (h, ones);
  g_assert_cmpint (ops_of_a_run (b.graph, &counter), ==, 4);
  moa_graph_get (y, &result);
  g_assert_cmpfloat (result, ==, 20);
  ((float *) w->param->data)[0] = 11;
  moa_graph_params_changed (b.graph);
  g_assert_cmpint (ops_of_a_run (b.graph, &counter), ==, 4);
  moa_graph_get (y, &result);
  g_assert_cmpfloat (result, ==, 40);

  bench_clear (&b);
  moa_params_free (params);
  scratch_free (path);
}

/* Weights of a large part lie in one piece, those of a small one each by itself; a load that ends early leaves
 * nothing of itself, and what was there before. */
static void
test_one_piece (void)
{
  const gint64 sizes[] = { 1 << 20, 3, 1 << 20, 12345 }; /* in floats; together 8 MiB and more */
  enum { ALL = G_N_ELEMENTS (sizes) };
  MoaParams *params = moa_params_new (NULL, MOA_ISA_BASE);
  MoaParam *small = moa_params_get (params, "small", 1, (gint64[]){ 5 }, MOA_PLAIN, NULL), *param[ALL];
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_assert_true (moa_params_load (params, 1, NULL, NULL));
  const void *place = small->data;
  for (guint i = 0; i < ALL; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);
      param[i] = moa_params_get (params, name, 1, &sizes[i], MOA_PLAIN, NULL);
    }
  g_cancellable_cancel (cancellable);
  g_assert_false (moa_params_load (params, 1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  for (guint i = 0; i < ALL; i++)
    g_assert_null (param[i]->data);
  g_assert_true (small->data == place);

  for (int again = 0; again < 2; again++)
    {
      g_assert_true (moa_params_load (params, 2, NULL, NULL));
      for (guint i = 1; i < ALL; i++)
        g_assert_cmpint ((char *) param[i]->data - (char *) param[i - 1]->data, ==,
                         (sizes[i - 1] * sizeof (float) + 255) / 256 * 256);
      for (guint i = 0; i < ALL; i++)
        for (gint64 k = 0; k < sizes[i]; k++)
          g_assert_cmpfloat (((float *) param[i]->data)[k], ==, 0);
      g_assert_cmpuint (moa_params_missing_bytes (params), ==, 0);
      if (!again)
        memset (param[0]->data, 1, param[0]->bytes);
      moa_params_unload (params);
      g_assert_null (param[0]->data);
    }
  moa_params_free (params);
}

/* A graph reads another's result where it lies, as the last run or clearing left it, and nothing that depends
 * on it is held. */
static void
test_link (void)
{
  Bench b;
  bench_init (&b, MOA_ISA_BASE);
  MoaTensor *x = moa_graph_input (b.graph, "x", MOA_SHAPE (4), MOA_EACH_RUN);
  MoaTensor *twice = moa_scale (b.graph, x, 2, 0);
  moa_graph_output (twice);
  prepare (b.graph, b.workspace);
  MoaGraph *other = moa_graph_new (b.cpu);
  MoaTensor *h = moa_graph_input (other, "h", MOA_SHAPE (4), MOA_HELD);
  MoaTensor *sum = moa_reduce (other, moa_add (other, moa_graph_link (other, twice), h), MOA_SHAPE (1));
  moa_graph_output (sum);
  prepare (other, b.workspace);

  const float ones[] = { 1, 1, 1, 1 }, numbers[] = { 1, 2, 3, 4 };
  const struct { const float *x; float sum; } steps[] = { { NULL, 4 }, { ones, 12 }, { numbers, 24 },
                                                          { NULL, 4 } };
  float result;
  moa_graph_set (h, ones);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      if (steps[i].x)
        {
          moa_graph_set (x, steps[i].x);
          run (b.graph);
        }
      else if (i > 0)
        moa_graph_clear (twice);
      run (other);
      moa_graph_get (sum, &result);
      g_assert_cmpfloat (result, ==, steps[i].sum);
    }
  moa_graph_free (other);
  bench_clear (&b);
}

static void
test_cancelled (void)
{
  Bench b;
  bench_init (&b, MOA_ISA_BASE);
  MoaTensor *x = moa_graph_input (b.graph, "x", MOA_SHAPE (4), MOA_EACH_RUN);
  moa_graph_output (moa_scale (b.graph, x, 2, 0));
  prepare (b.graph, b.workspace);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_cancellable_cancel (cancellable);
  g_assert_false (moa_graph_run (b.graph, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  bench_clear (&b);
}

/* ---- Errors and gradients -------------------------------------------- */

static void
test_first_error (void)
{
  Bench b;
  bench_init (&b, MOA_ISA_BASE);
  g_autoptr (GError) error = NULL;
  MoaTensor *x = moa_graph_input (b.graph, "x", MOA_SHAPE (2, 3), MOA_EACH_RUN);
  MoaTensor *y = moa_add (b.graph, x, moa_graph_input (b.graph, "y", MOA_SHAPE (2), MOA_EACH_RUN));
  g_assert_null (y);
  g_assert_null (moa_concat (b.graph, x, y, 0));
  g_assert_false (moa_graph_plan (b.graph, &error));
  g_assert_nonnull (strstr (error->message, "add"));
  g_assert_nonnull (strstr (error->message, "2x3"));
  bench_clear (&b);
}

static void
test_no_gradient (void)
{
  Bench b;
  bench_init (&b, MOA_ISA_BASE);
  g_autoptr (GError) error = NULL;
  MoaTensor *t = moa_graph_input (b.graph, "t", MOA_SHAPE (2), MOA_EACH_RUN), *grad;
  MoaTensor *loss = moa_reduce (b.graph, moa_time_embedding (b.graph, t, 4), MOA_SHAPE (1));
  g_assert_false (moa_graph_gradients (b.graph, loss, &t, 1, &grad));
  g_assert_null (grad);
  g_assert_false (moa_graph_plan (b.graph, &error));
  g_assert_nonnull (strstr (error->message, "time_embedding"));
  bench_clear (&b);
}

static void
test_only_what_leads (void)
{
  Bench b;
  bench_init (&b, MOA_ISA_F64);
  MoaTensor *x = moa_graph_input (b.graph, "x", MOA_SHAPE (4), MOA_EACH_RUN);
  MoaTensor *t = moa_graph_input (b.graph, "t", MOA_SHAPE (1), MOA_EACH_RUN);
  MoaTensor *other = moa_graph_input (b.graph, "o", MOA_SHAPE (4), MOA_EACH_RUN);
  /* t's embedding has no gradient, which matters only to those who ask for t's. */
  MoaTensor *e = moa_graph_reshape (b.graph, moa_time_embedding (b.graph, t, 4), MOA_SHAPE (4));
  MoaTensor *y = moa_mul (b.graph, moa_mul (b.graph, x, e), x);
  MoaTensor *loss = moa_reduce (b.graph, y, MOA_SHAPE (1));
  MoaTensor *wrt[] = { x, other, y }, *grads[3];
  g_assert_true (moa_graph_gradients (b.graph, loss, wrt, 3, grads));
  g_assert_nonnull (grads[0]);
  g_assert_null (grads[1]);
  g_assert_nonnull (grads[2]);
  moa_graph_output (grads[0]);
  prepare (b.graph, b.workspace);
  moa_graph_set (x, (float[]){ 1, 2, 3, 4 });
  moa_graph_set (t, (float[]){ 0 });
  run (b.graph);
  const double *dx = grads[0]->data;
  for (int i = 0; i < 4; i++)
    g_assert_cmpfloat_with_epsilon (dx[i], i < 2 ? 2 * (i + 1) : 0, 1e-12);
  bench_clear (&b);
}

static void
test_add_once (void)
{
  Bench b;
  bench_init (&b, MOA_ISA_BASE);
  MoaTensor *x = moa_graph_input (b.graph, "x", MOA_SHAPE (4), MOA_EACH_RUN);
  MoaTensor *y = moa_scale (b.graph, x, 2, 0);
  g_assert_true (y == moa_graph_add_once (b.graph, y->op, &x, 1, &y->attr));
  MoaAttrs attrs = { .f = { 3, 0 } };
  g_assert_true (y != moa_graph_add_once (b.graph, y->op, &x, 1, &attrs));
  g_assert_true (y != moa_graph_add_once (b.graph, y->op, &y, 1, &y->attr));
  bench_clear (&b);
}

/* A chain of 16 steps with a path from each fourth over the next three, and its gradient. */
static gsize
chain (gboolean checkpoints, double *dx, double *dw)
{
  Bench b;
  bench_init (&b, MOA_ISA_F64);
  MoaTensor *x = moa_graph_input (b.graph, "x", MOA_SHAPE (4, N), MOA_EACH_RUN);
  MoaTensor *w = moa_graph_input (b.graph, "w", MOA_SHAPE (4, N), MOA_EACH_RUN);
  MoaTensor *h = x, *skip = x, *grads[2], *wrt[] = { x, w };
  for (int i = 0; i < 16; i++)
    {
      h = moa_activation (b.graph, moa_mul (b.graph, h, w), MOA_ACT_GELU);
      h = moa_graph_reshape (b.graph, h, i % 2 ? MOA_SHAPE (4, N) : MOA_SHAPE (2, 2 * N));
      w = moa_graph_reshape (b.graph, w, h->shape);
      if (i % 4 != 3)
        continue;
      skip = h = moa_add (b.graph, h, skip);
      if (checkpoints && i < 15)
        moa_graph_checkpoint (h);
    }
  MoaTensor *loss = moa_reduce (b.graph, moa_mul (b.graph, h, h), MOA_SHAPE (1));
  g_assert_true (moa_graph_gradients (b.graph, loss, wrt, 2, grads));
  moa_graph_output (grads[0]);
  moa_graph_output (grads[1]);
  prepare (b.graph, b.workspace);
  float values[4 * N];
  for (int i = 0; i < 4 * N; i++)
    values[i] = sin (i);
  moa_graph_set (wrt[0], values);
  moa_graph_set (wrt[1], values);
  run (b.graph);
  memcpy (dx, grads[0]->data, 4 * N * sizeof (double));
  memcpy (dw, grads[1]->data, 4 * N * sizeof (double));
  gsize bytes = moa_graph_work_bytes (b.graph);
  bench_clear (&b);
  return bytes;
}

static void
test_checkpoints (void)
{
  static double dx[2][4 * N], dw[2][4 * N];
  gsize bytes = chain (FALSE, dx[0], dw[0]), fewer = chain (TRUE, dx[1], dw[1]);
  g_assert_cmpmem (dx[0], sizeof (dx[0]), dx[1], sizeof (dx[1]));
  g_assert_cmpmem (dw[0], sizeof (dw[0]), dw[1], sizeof (dw[1]));
  g_test_message ("%d KiB, with checkpoints %d KiB", (int) (bytes >> 10), (int) (fewer >> 10));
  g_assert_cmpuint (fewer * 2, <, bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/graph/in-place", test_in_place);
  g_test_add_func ("/graph/shared-workspace", test_shared_workspace);
  g_test_add_func ("/graph/random-graphs", test_random_graphs);
  g_test_add_func ("/graph/held", test_held);
  g_test_add_func ("/graph/link", test_link);
  g_test_add_func ("/graph/one-piece", test_one_piece);
  g_test_add_func ("/graph/cancelled", test_cancelled);
  g_test_add_func ("/graph/first-error", test_first_error);
  g_test_add_func ("/graph/no-gradient", test_no_gradient);
  g_test_add_func ("/graph/only-what-leads", test_only_what_leads);
  g_test_add_func ("/graph/add-once", test_add_once);
  g_test_add_func ("/graph/checkpoints", test_checkpoints);
  return g_test_run ();
}
