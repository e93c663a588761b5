/* Buckets of gradients: see reduce.h.  A bucket is a run of the slab; all ranks
 * run the same graph, so buckets are done in the same order on all of them. */
#include "train/reduce.h"

#define BUCKET (1 << 18) /* numbers: 1 MiB, large enough for a network's latency not to matter */

typedef struct {
  gsize first, n;  /* in the slab */
  int left;        /* gradients that are still to come */
} Bucket;

typedef struct {
  MoaTrainedSet *set;
  MoaGroup *group;
  MoaCollective *cards;
  MoaTensor *const *gradients;
  GArray *buckets;         /* of Bucket */
  int *bucket_of;          /* by parameter */
  GHashTable *makers;      /* node -> GArray of the parameters whose gradient it makes */
} Reduce;

static void
add_parameter (Reduce *r, int k)
{
  const MoaTrained *t = &r->set->list[k];
  Bucket *last = r->buckets->len ? &g_array_index (r->buckets, Bucket, r->buckets->len - 1) : NULL;
  if (!last || last->n >= BUCKET)
    {
      Bucket bucket = { t->sum - r->set->slab };
      g_array_append_val (r->buckets, bucket);
      last = &g_array_index (r->buckets, Bucket, r->buckets->len - 1);
    }
  last->n += t->n;
  r->bucket_of[k] = r->buckets->len - 1;
  MoaTensor *gradient = r->gradients[k];
  if (!gradient)
    return;
  last->left++;
  MoaTensor *maker = gradient->view_of ? gradient->view_of : gradient;
  GArray *made = g_hash_table_lookup (r->makers, maker);
  if (!made)
    {
      made = g_array_new (FALSE, FALSE, sizeof (int));
      g_hash_table_insert (r->makers, maker, made);
    }
  g_array_append_val (made, k);
}

static void
sum_up (const Reduce *r, const Bucket *bucket)
{
  float *numbers = r->set->slab + bucket->first;
  if (r->cards)
    r->cards->methods->sum (r->cards, numbers, bucket->n);
  else
    moa_group_sum (r->group, numbers, bucket->n);
}

/* After each node of the run. */
static void
node_done (const MoaTensor *node, gpointer data)
{
  Reduce *r = data;
  const GArray *made = g_hash_table_lookup (r->makers, node);
  for (guint i = 0; made && i < made->len; i++)
    {
      int k = g_array_index (made, int, i);
      Bucket *bucket = &g_array_index (r->buckets, Bucket, r->bucket_of[k]);
      moa_trained_collect (r->set, k, r->gradients[k]);
      if (--bucket->left == 0)
        sum_up (r, bucket);
    }
  moa_group_progress (r->group);
}

static gboolean
run_in_buckets (Reduce *r, MoaGraph *graph, GError **error)
{
  for (int k = 0; k < r->set->n; k++)
    add_parameter (r, k);
  /* What this graph does not reach was summed in earlier micro batches, if at all. */
  for (guint i = 0; i < r->buckets->len; i++)
    {
      const Bucket *bucket = &g_array_index (r->buckets, Bucket, i);
      if (bucket->left == 0)
        sum_up (r, bucket);
    }
  moa_graph_set_node_func (graph, node_done, r);
  gboolean ok = moa_graph_run (graph, NULL, error);
  moa_graph_set_node_func (graph, NULL, NULL);
  if (r->cards)
    r->cards->methods->wait (r->cards);
  moa_group_finish (r->group);
  return ok;
}

gboolean
moa_reduce_run (MoaTrainedSet *set, MoaGroup *group, MoaCollective *cards, MoaGraph *graph,
                MoaTensor *const *gradients, gboolean last, GError **error)
{
  if (last && moa_group_size (group) > 1)
    {
      g_autofree int *bucket_of = g_new (int, set->n);
      g_autoptr (GArray) buckets = g_array_new (FALSE, FALSE, sizeof (Bucket));
      g_autoptr (GHashTable) makers
        = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
      Reduce r = { set, group, cards, gradients, buckets, bucket_of, makers };
      return run_in_buckets (&r, graph, error);
    }
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  for (int k = 0; k < set->n; k++)
    if (gradients[k])
      moa_trained_collect (set, k, gradients[k]);
  return TRUE;
}
