/* Kept inversions: the same pictures with them, what they depend on, damage, the limit, a shared folder. */
#include "job-util.h"

#include <utime.h>

/* The only file of the folder; (transfer full). */
static char *
only_file (const char *folder)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  char *path = g_build_filename (folder, g_dir_read_name (dir), NULL);
  g_assert_null (g_dir_read_name (dir));
  g_dir_close (dir);
  return path;
}

static void
test_cache (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_autofree char *cache = g_build_filename (folder, "a", "b", NULL);
  MoaModel *model = open_model (mini_path ());
  MoaRun run = { .cache = cache };
  Swap swap;
  swap_init (&swap, "lake", 8);
  MoaReplaceResult *plain = replace_with (model, &swap.params, NULL);
  MoaReplaceResult *first = replace_with (model, &swap.params, &run);
  MoaReplaceResult *second = replace_with (model, &swap.params, &run);
  g_assert_false (plain->cached_inversion);
  g_assert_false (first->cached_inversion);
  g_assert_true (second->cached_inversion);
  check_same (plain->variations->image, first->variations->image);
  check_same (plain->variations->image, second->variations->image);
  g_assert_cmpfloat (second->seconds[MOA_PHASE_INVERT], <, first->seconds[MOA_PHASE_INVERT] / 2);

  /* What the inversion does not depend on. */
  swap.params.guidance = 2;
  swap.params.freedom = 0.3;
  swap.params.seed = 5;
  swap.params.selection = NULL;
  swap.params.want_reconstruction = TRUE;
  MoaReplaceResult *other = replace_with (model, &swap.params, &run);
  MoaReplaceResult *other_plain = replace_with (model, &swap.params, NULL);
  g_assert_true (other->cached_inversion);
  check_same (other->variations->image, other_plain->variations->image);
  check_same (other->reconstruction, other_plain->reconstruction);

  /* What it does. */
  g_autofree char *kept = only_file (cache);
  swap.params.steps = 9;
  MoaReplaceResult *longer = replace_with (model, &swap.params, &run);
  g_assert_false (longer->cached_inversion);
  swap.params.steps = 8;
  swap.source->data[7] += 0.01f;
  MoaReplaceResult *changed = replace_with (model, &swap.params, &run);
  g_assert_false (changed->cached_inversion);
  swap.source->data[7] -= 0.01f;

  MoaReplaceResult *all[] = { plain, first, second, other, other_plain, longer, changed };
  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    moa_replace_result_free (all[i]);
  g_assert_cmpint (remove_files (cache), ==, 3);
  swap_clear (&swap);
  moa_model_unref (model);
  g_rmdir (cache);
}

/* A model of other weights must not be given this one's inversion. */
static void
test_cache_of_other_weights (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  char *copy = link_model (mini_path ());
  edit_weights (copy, "unet/diffusion_pytorch_model.safetensors", scale_first, "conv_in.weight");
  MoaModel *model = open_model (mini_path ()), *other = open_model (copy);
  MoaRun run = { .cache = folder };
  Swap swap;
  swap_init (&swap, "lake", 2);
  moa_replace_result_free (replace_with (model, &swap.params, &run));
  MoaReplaceResult *result = replace_with (other, &swap.params, &run);
  g_assert_false (result->cached_inversion);
  moa_replace_result_free (result);
  swap_clear (&swap);
  remove_files (folder);
  g_rmdir (folder);
  remove_model (copy);
  moa_model_unref (model);
  moa_model_unref (other);
}

/* Damage of every kind: made anew, and the result the same. */
static void
test_cache_damaged (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  MoaModel *model = open_model (mini_path ());
  MoaRun run = { .cache = folder };
  Swap swap;
  swap_init (&swap, "lake", 3);
  MoaReplaceResult *good = replace_with (model, &swap.params, &run);
  g_autofree char *path = only_file (folder);
  g_autofree char *bytes = NULL;
  gsize n;
  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  for (int kind = 0; kind < 5; kind++)
    {
      g_autofree char *bad = g_memdup2 (bytes, n);
      gsize length = kind == 0 ? 0 : kind == 1 ? 5 : kind == 2 ? n - 1 : n;
      if (kind == 3)
        bad[n - 3] ^= 0x40; /* a number */
      if (kind == 4)
        bad[20] ^= 1; /* the header */
      g_assert_true (g_file_set_contents (path, bad, length, NULL));
      MoaReplaceResult *again = replace_with (model, &swap.params, &run);
      g_assert_false (again->cached_inversion);
      check_same (good->variations->image, again->variations->image);
      moa_replace_result_free (again);
      MoaReplaceResult *healed = replace_with (model, &swap.params, &run);
      g_assert_true (healed->cached_inversion);
      moa_replace_result_free (healed);
    }
  /* A folder that cannot be one is no error. */
  run.cache = path;
  MoaReplaceResult *nowhere = replace_with (model, &swap.params, &run);
  g_assert_false (nowhere->cached_inversion);
  moa_replace_result_free (nowhere);
  moa_replace_result_free (good);
  remove_files (folder);
  g_rmdir (folder);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* The longest unused go first; a stranger's file and a fresh temporary one stay. */
static void
test_cache_limit (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_autofree char *strange = g_build_filename (folder, "notes.txt", NULL);
  g_autofree char *fresh = g_build_filename (folder, "x.moa-inversion.ABCDEF", NULL);
  g_autofree char *stale = g_build_filename (folder, "y.moa-inversion.ABCDEF", NULL);
  MoaModel *model = open_model (mini_path ());
  MoaRun run = { .cache = folder, .cache_limit = 60000 };
  Swap swap;
  swap_init (&swap, "lake", 2);
  g_file_set_contents (strange, "x", 1, NULL);
  g_file_set_contents (fresh, "x", 1, NULL);
  g_file_set_contents (stale, "x", 1, NULL);
  utime (stale, &(struct utimbuf){ 1000, 1000 });
  /* 3 latents of 32 x 32 x 4 floats are 48 KiB and a header. */
  moa_replace_result_free (replace_with (model, &swap.params, &run));
  g_assert_true (g_file_test (strange, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (fresh, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (stale, G_FILE_TEST_EXISTS));
  swap.source->data[0] += 0.5f;
  moa_replace_result_free (replace_with (model, &swap.params, &run));
  MoaReplaceResult *newest = replace_with (model, &swap.params, &run);
  g_assert_true (newest->cached_inversion);
  moa_replace_result_free (newest);
  swap.source->data[0] -= 0.5f;
  MoaReplaceResult *oldest = replace_with (model, &swap.params, &run);
  g_assert_false (oldest->cached_inversion);
  moa_replace_result_free (oldest);
  /* One that is above the limit is not kept at all. */
  remove_files (folder);
  run.cache_limit = 1000;
  moa_replace_result_free (replace_with (model, &swap.params, &run));
  g_assert_cmpint (remove_files (folder), ==, 0);
  g_rmdir (folder);
  swap_clear (&swap);
  moa_model_unref (model);
}

static gpointer
run_shared (gpointer data)
{
  const Swap *swap = data;
  MoaModel *model = open_model (mini_path ());
  g_autofree char *folder = g_build_filename (g_get_tmp_dir (), "moa-test-shared", NULL);
  MoaRun run = { .n_threads = 1, .cache = folder, .cache_limit = 60000 };
  MoaReplaceResult *last = NULL;
  for (int i = 0; i < 4; i++)
    {
      moa_replace_result_free (last);
      last = replace_with (model, &swap->params, &run);
    }
  moa_model_unref (model);
  return last;
}

/* Several at once in one folder that holds only one of their two inversions. */
static void
test_cache_shared (void)
{
  Swap swap[2];
  GThread *threads[4];
  MoaReplaceResult *results[4];
  swap_init (&swap[0], "lake", 2);
  swap_init (&swap[1], "snow", 2);
  for (int i = 0; i < 4; i++)
    threads[i] = g_thread_new ("job", run_shared, &swap[i % 2]);
  for (int i = 0; i < 4; i++)
    results[i] = g_thread_join (threads[i]);
  check_same (results[0]->variations->image, results[2]->variations->image);
  check_same (results[1]->variations->image, results[3]->variations->image);
  for (int i = 0; i < 4; i++)
    moa_replace_result_free (results[i]);
  g_autofree char *folder = g_build_filename (g_get_tmp_dir (), "moa-test-shared", NULL);
  remove_files (folder);
  g_rmdir (folder);
  swap_clear (&swap[0]);
  swap_clear (&swap[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cache/kept", test_cache);
  g_test_add_func ("/cache/other-weights", test_cache_of_other_weights);
  g_test_add_func ("/cache/damaged", test_cache_damaged);
  g_test_add_func ("/cache/limit", test_cache_limit);
  g_test_add_func ("/cache/shared", test_cache_shared);
  return g_test_run ();
}
