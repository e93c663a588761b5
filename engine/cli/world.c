/* moa world: pictures of the drawn world, as folders to train on, as a contact
 * sheet, and its tokenizer. */
#include "cli/world.h"

#include "base/error.h"
#include "train/data.h"

#include <string.h>

typedef struct {
  char *seed_text, *first_text, *layout, *folder, *sheet, *tokenizer;
  guint64 seed, first;
  int count, size, photo_size, window;
} World;

static const char after_world[]
    = "The same seed and numbers give the same bytes. With --layout fastcomposer, DIR gets\n"
      "00000/NAME.jpg, .json and .npy and the lists image_ids_train.txt and image_ids_test.txt;\n"
      "with --layout plain, images/, masks/, captions.txt, conditioning/ with how people stand, and\n"
      "photos/ and swaps/, which hold each person in another pose and the same scene with the first\n"
      "person exchanged;\n"
      "with --layout swaps, pictures that no training draws, as moa evaluate takes them: one-NUMBER\n"
      "with one person, two-NUMBER with two, and for each a photo of the new person (-subject), where\n"
      "the old one is (-selection) and what a swap without fault gives (-truth).\n"
      "In the sheet each scene is a block of four: the picture, the same with the first person\n"
      "exchanged, where each person is seen, and photos: of who came, of who was there before,\n"
      "and cut out of both pictures.";

/* ---- Contact sheet --------------------------------------------------- */

typedef struct {
  GdkPixbuf *pixbuf;
  const MoaWorld *world;
  int size, photo_size;
  guint8 *rgb, *swapped_rgb, *photo;
  guint8 *visible[MOA_WORLD_PEOPLE], *swapped_visible[MOA_WORLD_PEOPLE];
} Sheet;

/* Pixels of side n at x, y, each one `zoom` times. */
static void
put (Sheet *sheet, const guint8 *rgb, int n, int x, int y, int zoom)
{
  int stride = gdk_pixbuf_get_rowstride (sheet->pixbuf);
  guint8 *pixels = gdk_pixbuf_get_pixels (sheet->pixbuf);
  for (int j = 0; j < n * zoom; j++)
    for (int i = 0; i < n * zoom; i++)
      memcpy (pixels + (gsize) (y + j) * stride + 3 * (x + i),
              rgb + 3 * ((gsize) (j / zoom) * n + i / zoom), 3);
}

/* Masks over the dimmed picture: the first person orange, the second blue. */
static void
put_masks (Sheet *sheet, int n_people, int x, int y)
{
  static const int tints[MOA_WORLD_PEOPLE][3] = { { 255, 150, 40 }, { 60, 140, 255 } };
  gsize n = (gsize) sheet->size * sheet->size;
  g_autofree guint8 *shown = g_new (guint8, 3 * n);
  for (gsize i = 0; i < n; i++)
    for (int c = 0; c < 3; c++)
      {
        int value = sheet->rgb[3 * i + c] / 3;
        for (int k = 0; k < n_people; k++)
          value += (tints[k][c] - value) * sheet->visible[k][i] * 3 / (4 * 255);
        shown[3 * i + c] = value;
      }
  put (sheet, shown, sheet->size, x, y, 1);
}

static void
put_scene (Sheet *sheet, guint64 index, int x, int y)
{
  const MoaWorld *world = sheet->world;
  int size = sheet->size, small = sheet->photo_size, zoom = MAX (size / (2 * small), 1);
  int half = size / 2;
  MoaScene scene, swapped;
  moa_world_scene (world, index, 0, &scene);
  moa_world_swap (world, index, 0, 1, &scene, &swapped);
  moa_world_draw (world, &scene, sheet->rgb, sheet->visible, NULL);
  moa_world_draw (world, &swapped, sheet->swapped_rgb, sheet->swapped_visible, NULL);
  put (sheet, sheet->rgb, size, x, y, 1);
  put (sheet, sheet->swapped_rgb, size, x + size, y, 1);
  put_masks (sheet, scene.context.n_people, x, y + size);
  x += size;
  y += size;
  moa_world_photo (world, &swapped.people[0], index, 0, 1, sheet->photo);
  put (sheet, sheet->photo, small, x, y, zoom);
  moa_world_photo (world, &scene.people[0], index, 0, 0, sheet->photo);
  put (sheet, sheet->photo, small, x + half, y, zoom);
  moa_world_crop (world, &swapped, index, 0, sheet->swapped_rgb, sheet->swapped_visible[0],
                  sheet->photo);
  put (sheet, sheet->photo, small, x, y + half, zoom);
  moa_world_crop (world, &scene, index, 0, sheet->rgb, NULL, sheet->photo);
  put (sheet, sheet->photo, small, x + half, y + half, zoom);
}

static gboolean
save_sheet (const World *w, const MoaWorld *world, GError **error)
{
  int columns = 1;
  while (columns * columns < w->count)
    columns++;
  int rows = (w->count + columns - 1) / columns, gap = 4, block = 2 * w->size + gap;
  gsize n = (gsize) w->size * w->size;
  Sheet sheet = { .world = world, .size = w->size, .photo_size = w->photo_size };
  sheet.pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, columns * block, rows * block);
  if (!sheet.pixbuf)
    return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for the sheet", w->sheet);
  gdk_pixbuf_fill (sheet.pixbuf, 0xffffffff);
  sheet.rgb = g_new (guint8, 3 * n);
  sheet.swapped_rgb = g_new (guint8, 3 * n);
  sheet.photo = g_new (guint8, (gsize) 3 * w->photo_size * w->photo_size);
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    {
      sheet.visible[k] = g_new (guint8, n);
      sheet.swapped_visible[k] = g_new (guint8, n);
    }
  for (int i = 0; i < w->count; i++)
    put_scene (&sheet, w->first + i, i % columns * block, i / columns * block);
  gboolean good = moa_cli_save (sheet.pixbuf, w->sheet, error);
  g_object_unref (sheet.pixbuf);
  g_free (sheet.rgb);
  g_free (sheet.swapped_rgb);
  g_free (sheet.photo);
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    {
      g_free (sheet.visible[k]);
      g_free (sheet.swapped_visible[k]);
    }
  return good;
}

/* ---- The command ----------------------------------------------------- */

static const char *const layouts[] = { "plain", "fastcomposer", "swaps", NULL };

/* FALSE after saying what is wrong. */
static gboolean
check_options (World *w)
{
  if (w->seed_text
      && !g_ascii_string_to_unsigned (w->seed_text, 10, 0, G_MAXUINT64, &w->seed, NULL))
    moa_cli_usage ("world", "--seed is \"%s\"; it must be a whole number, 0 or more", w->seed_text);
  else if (w->first_text
           && !g_ascii_string_to_unsigned (w->first_text, 10, 0, G_MAXINT32 / 2, &w->first, NULL))
    moa_cli_usage ("world", "--first is \"%s\"; it must be a whole number, 0 or more",
                   w->first_text);
  else if (w->count < 1 || w->count > 1000000)
    moa_cli_usage ("world", "--count is %d; it must be from 1 to 1000000", w->count);
  else if (w->size < 16 || w->size > 1024 || w->photo_size < 16 || w->photo_size > 1024)
    moa_cli_usage ("world", "--size and --photo-size must be from 16 to 1024");
  else if (w->sheet && (w->count > 400 || w->photo_size > w->size / 2))
    moa_cli_usage ("world", "a sheet shows at most 400 scenes, and photos of at most half the "
                            "pictures' size; --count is %d, --photo-size %d, --size %d", w->count,
                   w->photo_size, w->size);
  else if (w->layout && !g_strv_contains (layouts, w->layout))
    moa_cli_usage ("world", "--layout is \"%s\"; it must be fastcomposer, plain or swaps", w->layout);
  else if (w->layout && !w->folder)
    moa_cli_usage ("world", "--layout needs --out DIR, the folder to write");
  else if (w->window < 3 || w->window > 1024)
    moa_cli_usage ("world", "--window is %d; it must be from 3 to 1024", w->window);
  else if (!w->folder && !w->sheet && !w->tokenizer)
    moa_cli_usage ("world", "say what to write: --out DIR, --sheet PNG or --tokenizer DIR");
  else
    return TRUE;
  return FALSE;
}

static gboolean
write_scenes (const World *w, const MoaWorld *world, GError **error)
{
  if (!g_strcmp0 (w->layout, "swaps"))
    return moa_cli_write_cases (world, w->first, w->count, w->folder, error);
  MoaDataLayout layout = g_strcmp0 (w->layout, "fastcomposer") ? MOA_DATA_LAYOUT_PLAIN
                                                               : MOA_DATA_LAYOUT_FASTCOMPOSER;
  return moa_data_write_world (world, w->first, w->count, layout, w->folder, NULL, error);
}

static gboolean
write_all (const World *w, GError **error)
{
  MoaWorld *world = moa_world_new (w->seed, w->size, w->photo_size);
  gboolean good = (!w->sheet || moa_cli_check_png (w->sheet, error))
                  && (!w->sheet || save_sheet (w, world, error))
                  && (!w->folder || write_scenes (w, world, error))
                  && (!w->tokenizer || moa_world_write_tokenizer (w->tokenizer, w->window, error));
  moa_world_free (world);
  return good;
}

int
moa_cli_world (int argc, char **argv)
{
  World w = { .count = 16, .size = 128, .photo_size = 64, .window = 32 };
  const GOptionEntry entries[] = {
    { "seed", 's', 0, G_OPTION_ARG_STRING, &w.seed_text, "Which world; 0", "S" },
    { "first", 0, 0, G_OPTION_ARG_STRING, &w.first_text, "Number of the first scene; 0", "N" },
    { "count", 'n', 0, G_OPTION_ARG_INT, &w.count, "How many scenes; 16", "N" },
    { "size", 0, 0, G_OPTION_ARG_INT, &w.size, "Side of the pictures; 128", "PIXELS" },
    { "photo-size", 0, 0, G_OPTION_ARG_INT, &w.photo_size, "Side of the photos; 64", "PIXELS" },
    { "layout", 0, 0, G_OPTION_ARG_STRING, &w.layout, "fastcomposer, plain or swaps; plain", "NAME" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &w.folder, "Write the scenes there", "DIR" },
    { "sheet", 0, 0, G_OPTION_ARG_FILENAME, &w.sheet, "Write a contact sheet", "PNG" },
    { "tokenizer", 0, 0, G_OPTION_ARG_FILENAME, &w.tokenizer,
      "Write a tokenizer in which each word of the captions is one token", "DIR" },
    { "window", 0, 0, G_OPTION_ARG_INT, &w.window, "Tokens of a prompt for it; 32", "N" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  int code = CLI_USAGE;
  g_set_prgname ("moa world");
  g_option_context_set_summary (context, "Draws pictures of people to train on.");
  g_option_context_set_description (context, after_world);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    moa_cli_usage ("world", "%s", error->message);
  else if (argc > 1)
    moa_cli_usage ("world", "what is \"%s\"? All arguments are options", argv[1]);
  else if (check_options (&w))
    {
      code = write_all (&w, &error) ? CLI_OK : CLI_FAILED;
      if (error)
        g_printerr ("moa world: %s\n", error->message);
    }
  g_free (w.seed_text);
  g_free (w.first_text);
  g_free (w.layout);
  g_free (w.folder);
  g_free (w.sheet);
  g_free (w.tokenizer);
  return code;
}
