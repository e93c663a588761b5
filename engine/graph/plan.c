/* The plan: which nodes run, in which order, and where their results lie.
 *
 * Held memory is the graph's own: inputs, constants, outputs, and results that
 * depend on held inputs alone and that other nodes use.  Everything else lies
 * in work memory, where two tensors share a place unless both are alive at
 * once: largest first, each at the lowest offset that is free for its life. */
#include "graph/graph_private.h"

#define ALIGNMENT 64

static gsize
align (gsize n)
{
  return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Marks what outputs need: inputs come before what is made of them. */
static void
mark_needed (MoaGraph *graph, gboolean *needed)
{
  for (guint i = graph->nodes->len; i-- > 0;)
    {
      const MoaTensor *t = graph->nodes->pdata[i];
      if (t->is_output)
        needed[i] = TRUE;
      if (!needed[i])
        continue;
      if (t->view_of)
        needed[t->view_of->index] = TRUE;
      for (int k = 0; k < MOA_MAX_INPUTS; k++)
        if (t->in[k])
          needed[t->in[k]->index] = TRUE;
    }
}

static void
mark_held (MoaGraph *graph)
{
  for (guint i = 0; i < graph->nodes->len; i++)
    {
      MoaTensor *t = graph->nodes->pdata[i];
      if (t->view_of)
        t->is_held = t->view_of->is_held;
      if (!t->op)
        continue;
      t->is_held = TRUE;
      for (int k = 0; k < MOA_MAX_INPUTS; k++)
        if (t->in[k] && !t->in[k]->is_held)
          t->is_held = FALSE;
    }
}

/* The running order: held nodes first. */
static void
make_order (MoaGraph *graph, const gboolean *needed)
{
  graph->order = g_ptr_array_new ();
  for (int pass = 0; pass < 2; pass++)
    {
      for (guint i = 0; i < graph->nodes->len; i++)
        {
          MoaTensor *t = graph->nodes->pdata[i];
          if (t->op && needed[i] && t->is_held == (pass == 0))
            g_ptr_array_add (graph->order, t);
        }
      if (pass == 0)
        graph->n_held = graph->order->len;
    }
}

/* A tensor in work memory, alive from its node's place in the order to its last use. */
typedef struct {
  MoaTensor *t;
  int first, last;
} Life;

static int
compare_bytes (gconstpointer a, gconstpointer b)
{
  const Life *x = a, *y = b;
  if (x->t->bytes != y->t->bytes)
    return x->t->bytes < y->t->bytes ? 1 : -1;
  return x->first - y->first;
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  const MoaTensor *x = *(MoaTensor *const *) a, *y = *(MoaTensor *const *) b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static gsize
place (GArray *lives)
{
  gsize total = 0;
  g_array_sort (lives, compare_bytes);
  g_autoptr (GPtrArray) busy = g_ptr_array_new ();
  for (guint i = 0; i < lives->len; i++)
    {
      const Life *life = &g_array_index (lives, Life, i);
      g_ptr_array_set_size (busy, 0);
      for (guint k = 0; k < i; k++)
        {
          const Life *other = &g_array_index (lives, Life, k);
          if (other->first <= life->last && life->first <= other->last)
            g_ptr_array_add (busy, other->t);
        }
      g_ptr_array_sort (busy, compare_offsets);
      gsize offset = 0;
      for (guint k = 0; k < busy->len; k++)
        {
          const MoaTensor *other = busy->pdata[k];
          if (offset + life->t->bytes <= other->offset)
            break;
          offset = MAX (offset, align (other->offset + other->bytes));
        }
      life->t->offset = offset;
      total = MAX (total, align (offset + life->t->bytes));
    }
  return total;
}

/* The tensor that node may overwrite with its result, or NULL. */
static MoaTensor *
overwritten (MoaGraph *graph, MoaTensor *node, int place_in_order, const gboolean *in_held_memory)
{
  if (node->op->in_place < 0)
    return NULL;
  MoaTensor *in = node->in[node->op->in_place];
  if (!in)
    return NULL;
  MoaTensor *root = moa_tensor_root (in);
  if (!root->op || in_held_memory[root->index] || root->last_use != place_in_order ||
      root->bytes != node->bytes || in->bytes != node->bytes)
    return NULL;
  /* It must not be read as another input too. */
  for (int k = 0; k < MOA_MAX_INPUTS; k++)
    if (k != node->op->in_place && node->in[k] && moa_tensor_root (node->in[k]) == root)
      return NULL;
  return root;
}

static void
lay_out (MoaGraph *graph, const gboolean *needed)
{
  g_autofree gboolean *in_held_memory = g_new0 (gboolean, graph->nodes->len);
  g_autofree int *place_of = g_new0 (int, graph->nodes->len);

  for (guint i = 0; i < graph->nodes->len; i++)
    {
      MoaTensor *t = graph->nodes->pdata[i];
      t->last_use = -1;
      in_held_memory[i] = t->is_input || t->constant || t->is_output;
    }
  for (guint i = 0; i < graph->order->len; i++)
    {
      MoaTensor *node = graph->order->pdata[i];
      place_of[node->index] = i;
      for (int k = 0; k < MOA_MAX_INPUTS; k++)
        if (node->in[k])
          {
            MoaTensor *root = moa_tensor_root (node->in[k]);
            root->last_use = i;
            if (root->op && root->is_held && !node->is_held)
              in_held_memory[root->index] = TRUE;
          }
    }

  graph->held_bytes = 0;
  for (guint i = 0; i < graph->nodes->len; i++)
    {
      MoaTensor *t = graph->nodes->pdata[i];
      if (in_held_memory[i] && !t->view_of && (needed[i] || !t->op))
        {
          t->offset = graph->held_bytes;
          graph->held_bytes += align (t->bytes);
        }
    }

  /* A node that overwrites its input lives in that input's place. */
  g_autoptr (GArray) lives = g_array_new (FALSE, FALSE, sizeof (Life));
  g_autofree int *life_of = g_new (int, graph->nodes->len);
  for (guint i = 0; i < graph->order->len; i++)
    {
      MoaTensor *node = graph->order->pdata[i];
      if (in_held_memory[node->index])
        continue;
      MoaTensor *victim = overwritten (graph, node, i, in_held_memory);
      int last = MAX (node->last_use, (int) i);
      if (victim)
        {
          life_of[node->index] = life_of[victim->index];
          g_array_index (lives, Life, life_of[victim->index]).last = last;
          continue;
        }
      Life life = { node, i, last };
      life_of[node->index] = lives->len;
      g_array_append_val (lives, life);
    }
  g_autofree MoaTensor **owner = g_new (MoaTensor *, lives->len + 1);
  for (guint i = 0; i < lives->len; i++)
    owner[i] = g_array_index (lives, Life, i).t;
  graph->work_bytes = place (lives);
  for (guint i = 0; i < graph->order->len; i++)
    {
      MoaTensor *node = graph->order->pdata[i];
      if (!in_held_memory[node->index])
        node->offset = owner[life_of[node->index]]->offset;
      node->in_held_memory = in_held_memory[node->index];
    }
}

/* Each node's kernel on the graph's device, if that is not the host. */
static gboolean
find_kernels (MoaGraph *graph, GError **error)
{
  MoaDevice *device = moa_cpu_device (graph->cpu);
  if (!device->methods->find)
    return TRUE;
  graph->device_ops = g_new (const MoaDeviceOp *, graph->order->len + 1);
  for (guint i = 0; i < graph->order->len; i++)
    {
      const MoaTensor *t = graph->order->pdata[i];
      graph->device_ops[i] = device->methods->find (device, t->op->name);
      if (!graph->device_ops[i])
        return moa_fail (error, MOA_ERROR_DEVICE, "%s has no kernel for %s; use the CPU",
                         device->name, t->op->name);
    }
  return TRUE;
}

static gsize
node_scratch (const MoaGraph *graph, guint i)
{
  const MoaTensor *t = graph->order->pdata[i];
  if (graph->device_ops)
    return graph->device_ops[i]->scratch ? graph->device_ops[i]->scratch (t) : 0;
  return t->op->scratch ? t->op->scratch (t, graph->cpu) : 0;
}

gboolean
moa_graph_plan (MoaGraph *graph, GError **error)
{
  if (graph->error)
    {
      g_propagate_error (error, g_error_copy (graph->error));
      return FALSE;
    }
  g_assert (!graph->order);
  g_autofree gboolean *needed = g_new0 (gboolean, graph->nodes->len);
  mark_needed (graph, needed);
  mark_held (graph);
  make_order (graph, needed);
  if (!find_kernels (graph, error))
    return FALSE;
  lay_out (graph, needed);
  graph->scratch_bytes = 0;
  for (guint i = 0; i < graph->order->len; i++)
    graph->scratch_bytes = MAX (graph->scratch_bytes, align (node_scratch (graph, i)));
  return TRUE;
}

gsize
moa_graph_work_bytes (const MoaGraph *graph)
{
  return graph->work_bytes + graph->scratch_bytes;
}

gsize
moa_graph_held_bytes (const MoaGraph *graph)
{
  return graph->held_bytes;
}

double
moa_graph_flops (const MoaGraph *graph)
{
  double flops = 0;
  for (guint i = 0; i < graph->order->len; i++)
    {
      const MoaTensor *t = graph->order->pdata[i];
      flops += t->op->flops ? t->op->flops (t) : 0;
    }
  return flops;
}
