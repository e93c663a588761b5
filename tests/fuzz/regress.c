/* A fuzz target as a test: the seeds, mutations of them (the same ones each
 * time), and any files named on the command line. */
#include "base/rng.h"
#include "fuzz.h"

#include <string.h>

#define MUTATIONS 4000 /* of each seed */

/* A stream of random numbers, one for each mutation. */
typedef struct {
  guint64 seed, block;
} Dice;

static guint
roll (Dice *dice, guint sides)
{
  guint32 words[4];
  moa_philox (dice->seed, 0, dice->block++, words);
  return words[0] % MAX (sides, 1);
}

/* Bits, bytes, numbers and pieces of syntax; removed and repeated stretches. */
static void
mutate (GByteArray *bytes, Dice *dice)
{
  static const char *const words[]
    = { "0", "-1", "18446744073709551615", "9223372036854775807", "1e999", "null", "true", "{}", "[]",
        "\"\"", ",", ":", "}", "]", "{\"a\":", "[[[[", "\\u0000", "\\ud800", "\"F16\"", "\xff" };
  guint at = roll (dice, bytes->len + 1), n = 1 + roll (dice, 8);
  const char *word = words[roll (dice, G_N_ELEMENTS (words))];
  switch (roll (dice, 6))
    {
    case 0:
      if (at < bytes->len)
        bytes->data[at] ^= 1 << roll (dice, 8);
      break;
    case 1:
      if (at < bytes->len)
        bytes->data[at] = roll (dice, 256);
      break;
    case 2:
      g_byte_array_remove_range (bytes, at, MIN (n, bytes->len - at));
      break;
    case 3:
      if (roll (dice, 2)) /* cut at any place, else near the end */
        n = at;
      g_byte_array_set_size (bytes, bytes->len - MIN (n, bytes->len));
      break;
    default:
      {
        guint tail_n = bytes->len - at;
        g_autofree guint8 *tail = g_malloc (tail_n + 1);
        if (tail_n > 0)
          memcpy (tail, bytes->data + at, tail_n);
        gboolean replace = roll (dice, 2) && tail_n > strlen (word);
        guint skip = replace ? strlen (word) : 0;
        g_byte_array_set_size (bytes, at);
        g_byte_array_append (bytes, (const guint8 *) word, strlen (word));
        g_byte_array_append (bytes, tail + skip, tail_n - skip);
      }
    }
}

static void
test_seeds (void)
{
  for (int i = 0; i < fuzz_n_seeds; i++)
    {
      g_autoptr (GBytes) seed = fuzz_seed (i);
      gsize n;
      const guint8 *data = g_bytes_get_data (seed, &n);
      for (gsize cut = 0; cut <= n; cut++)
        LLVMFuzzerTestOneInput (data, cut);
    }
}

static void
test_mutations (gconstpointer data)
{
  int i = GPOINTER_TO_INT (data);
  for (guint64 k = 0; k < MUTATIONS; k++)
    {
      Dice dice = { (guint64) i << 32 | k, 0 };
      GByteArray *bytes = g_bytes_unref_to_array (fuzz_seed (i));
      for (guint times = 1 + roll (&dice, 4); times > 0; times--)
        mutate (bytes, &dice);
      LLVMFuzzerTestOneInput (bytes->data, bytes->len);
      g_byte_array_unref (bytes);
    }
}

static void
test_file (gconstpointer path)
{
  GError *error = NULL;
  gsize n;
  g_autofree char *data = NULL;
  g_file_get_contents (path, &data, &n, &error);
  g_assert_no_error (error);
  LLVMFuzzerTestOneInput ((const guint8 *) data, n);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fuzz/seeds", test_seeds);
  for (int i = 0; i < fuzz_n_seeds; i++)
    {
      g_autofree char *name = g_strdup_printf ("/fuzz/mutations/%d", i);
      g_test_add_data_func (name, GINT_TO_POINTER (i), test_mutations);
    }
  for (int i = 1; i < argc; i++)
    {
      g_autofree char *name = g_strdup_printf ("/fuzz/file/%d", i);
      g_test_add_data_func (name, argv[i], test_file);
    }
  return g_test_run ();
}
