/* A plug-in for the tests: looks at pixels in their own format, bit by bit, which Script-Fu
 * cannot do.
 *
 *   (moa-test-fill drawable seed)         fills with noise
 *   (moa-test-differ a b mask x y)        pixels of a and b (same size and format) that differ:
 *                                         (where the mask, at x, y, is 0; where it is not)
 *   (moa-test-range drawable)             smallest and largest value of a mask, times 1000
 *   (moa-test-profile image)              gives it the profile of Adobe RGB
 *   (moa-test-colours drawable)           how far what the plug-in reads is from what GIMP's colour
 *                                         management says is sRGB, and how far what it writes is from
 *                                         what was there; the largest differences, times 10000
 *   (moa-test-views a b)                  how far what the plug-in reads of a is from what it reads
 *                                         of b, times 10000
 *   (moa-test-seam drawable mask x y)     mean gradient of the picture across the mask's edge, and
 *                                         elsewhere around it, times 10000
 *   (moa-test-progress image drawable options file)
 *                                         makes the result there again by plug-in-moa-edit, with a progress
 *                                         bar that writes to the file what GIMP's would show: "start: TEXT",
 *                                         "text: TEXT", "end", and "back" where its value falls; there is
 *                                         none in a GIMP without an interface
 *   (moa-test-start image drawable subject options file)
 *                                         starts Replace Person and returns at once; when that is
 *                                         over the file says "done" or "failed" */
#include "plugin/drawable.h"

#include <gegl.h>
#include <libgimp/gimp.h>
#include <math.h>
#include <string.h>

#define INT(name) { GIMP_PDB_INT32, name, "" }
#define DRAWABLE(name) { GIMP_PDB_DRAWABLE, name, "" }

static const GimpParamDef fill_args[] = { DRAWABLE ("drawable"), INT ("seed") };
static const GimpParamDef differ_args[] = { DRAWABLE ("a"), DRAWABLE ("b"), DRAWABLE ("mask"),
                                            INT ("x"), INT ("y") };
static const GimpParamDef range_args[] = { DRAWABLE ("drawable") };
static const GimpParamDef profile_args[] = { { GIMP_PDB_IMAGE, "image", "" } };
static const GimpParamDef views_args[] = { DRAWABLE ("a"), DRAWABLE ("b") };
static const GimpParamDef seam_args[] = { DRAWABLE ("drawable"), DRAWABLE ("mask"), INT ("x"),
                                          INT ("y") };
static const GimpParamDef start_args[] = { { GIMP_PDB_IMAGE, "image", "" }, DRAWABLE ("drawable"),
                                           DRAWABLE ("subject"),
                                           { GIMP_PDB_STRING, "options", "" },
                                           { GIMP_PDB_STRING, "file", "" } };
static const GimpParamDef progress_args[] = { { GIMP_PDB_IMAGE, "image", "" }, DRAWABLE ("drawable"),
                                              { GIMP_PDB_STRING, "options", "" },
                                              { GIMP_PDB_STRING, "file", "" } };
static const GimpParamDef two_values[] = { INT ("first"), INT ("second") };

#define EXTENSION "extension-moa-test"

static void
install (const char *name, int n_args, const GimpParamDef *args, int n_values)
{
  gimp_install_procedure (name, "For tests", "", "", "", "", NULL, "", GIMP_PLUGIN, n_args,
                          n_values, args, n_values ? two_values : NULL);
}

static void
query (void)
{
  install ("moa-test-fill", G_N_ELEMENTS (fill_args), fill_args, 0);
  install ("moa-test-differ", G_N_ELEMENTS (differ_args), differ_args, 2);
  install ("moa-test-range", G_N_ELEMENTS (range_args), range_args, 2);
  install ("moa-test-profile", G_N_ELEMENTS (profile_args), profile_args, 0);
  install ("moa-test-colours", G_N_ELEMENTS (range_args), range_args, 2);
  install ("moa-test-views", G_N_ELEMENTS (views_args), views_args, 2);
  install ("moa-test-seam", G_N_ELEMENTS (seam_args), seam_args, 2);
  install ("moa-test-progress", G_N_ELEMENTS (progress_args), progress_args, 0);
  gimp_install_procedure (EXTENSION, "For tests", "", "", "", "", NULL, "", GIMP_EXTENSION, 0, 0,
                          NULL, NULL);
}

static void
fill (gint32 drawable, guint32 seed)
{
  int width = gimp_drawable_width (drawable), height = gimp_drawable_height (drawable);
  gsize n = (gsize) width * height * 4;
  g_autofree float *values = g_new (float, n);
  GRand *noise = g_rand_new_with_seed (seed);
  GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);

  for (gsize i = 0; i < n; i++)
    values[i] = g_rand_double (noise);
  gegl_buffer_set (buffer, NULL, 0, babl_format ("R'G'B'A float"), values, GEGL_AUTO_ROWSTRIDE);
  g_object_unref (buffer);
  g_rand_free (noise);
}

static guint8 *
read_pixels (gint32 drawable, const Babl *format)
{
  GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);
  guint8 *pixels = g_malloc ((gsize) gegl_buffer_get_width (buffer)
                             * gegl_buffer_get_height (buffer)
                             * babl_format_get_bytes_per_pixel (format));

  gegl_buffer_get (buffer, NULL, 1.0, format, pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  g_object_unref (buffer);
  return pixels;
}

static gboolean
differ (gint32 a, gint32 b, gint32 mask, int x, int y, int *outside, int *inside)
{
  int width = gimp_drawable_width (a), height = gimp_drawable_height (a);
  int mask_width = gimp_drawable_width (mask), mask_height = gimp_drawable_height (mask);
  const Babl *format = gimp_drawable_get_format (a);
  int size = babl_format_get_bytes_per_pixel (format);

  if (format != gimp_drawable_get_format (b) || width != gimp_drawable_width (b)
      || height != gimp_drawable_height (b))
    return FALSE;

  g_autofree guint8 *first = read_pixels (a, format);
  g_autofree guint8 *second = read_pixels (b, format);
  g_autofree guint8 *values = read_pixels (mask, babl_format ("Y float"));

  *outside = *inside = 0;
  for (int i = 0; i < width * height; i++)
    if (memcmp (first + (gsize) i * size, second + (gsize) i * size, size))
      {
        int u = i % width - x, v = i / width - y;

        if (u >= 0 && v >= 0 && u < mask_width && v < mask_height
            && ((float *) values)[v * mask_width + u] > 0)
          ++*inside;
        else
          ++*outside;
      }
  return TRUE;
}

static void
range (gint32 drawable, int *lowest, int *highest)
{
  g_autofree guint8 *pixels = read_pixels (drawable, babl_format ("Y float"));
  int n = gimp_drawable_width (drawable) * gimp_drawable_height (drawable);
  float low = 1e30, high = -1e30;

  for (int i = 0; i < n; i++)
    {
      low = MIN (low, ((float *) pixels)[i]);
      high = MAX (high, ((float *) pixels)[i]);
    }
  *lowest = low * 1000;
  *highest = high * 1000;
}

/* ---- Colours ------------------------------------------------------------- */

static void
set_profile (gint32 image)
{
  GimpColorProfile *profile = gimp_color_profile_new_rgb_adobe ();

  gimp_image_set_color_profile (image, profile);
  g_object_unref (profile);
}

static int
largest (const float *a, const float *b, gsize n)
{
  double most = 0;

  for (gsize i = 0; i < n; i++)
    most = MAX (most, ABS (a[i] - b[i]));
  return most * 10000 + 0.5;
}

/* The reference is lcms, by way of GIMP's colour transforms. */
static void
compare_colours (gint32 drawable, int *read, int *written)
{
  MoaRect area = { 0, 0, gimp_drawable_width (drawable), gimp_drawable_height (drawable) };
  gsize n = (gsize) area.width * area.height;
  gint32 image = gimp_item_get_image (drawable);
  const Babl *plain = babl_format ("R'G'B' float");
  GimpColorProfile *from = gimp_image_get_effective_color_profile (image);
  GimpColorProfile *to = gimp_color_profile_new_rgb_srgb ();
  GimpColorTransform *transform
    = gimp_color_transform_new (from, plain, to, plain,
                                GIMP_COLOR_RENDERING_INTENT_RELATIVE_COLORIMETRIC, 0);
  g_autofree guint8 *native = read_pixels (drawable, gimp_drawable_get_format (drawable));
  g_autofree float *values = g_new (float, 3 * n);
  MoaImage *seen = drawable_read_rgb (drawable, &area, NULL, NULL);

  for (gsize i = 0; i < 3 * n; i++)
    values[i] = native[i] / 255.0f; /* the tests' image is 8 bit RGB */
  g_autofree float *expected = g_memdup2 (values, 3 * n * sizeof (float));
  if (transform)
    gimp_color_transform_process_pixels (transform, plain, values, plain, expected, n);
  for (gsize i = 0; i < 3 * n; i++)
    expected[i] = CLAMP (expected[i], 0, 1);
  *read = largest (seen->data, expected, 3 * n);

  gint32 copy = gimp_layer_new (image, "copy", area.width, area.height, GIMP_RGB_IMAGE, 100,
                                GIMP_LAYER_MODE_NORMAL);

  gimp_image_insert_layer (image, copy, -1, 0);
  drawable_write (copy, seen, NULL);
  g_autofree guint8 *again = read_pixels (copy, gimp_drawable_get_format (copy));
  int most = 0;

  /* What is outside sRGB cannot come back: only colours inside it count. */
  for (gsize i = 0; i < n; i++)
    {
      const float *e = expected + 3 * i;

      if (MIN (MIN (e[0], e[1]), e[2]) > 0.001 && MAX (MAX (e[0], e[1]), e[2]) < 0.999)
        for (int c = 0; c < 3; c++)
          most = MAX (most, ABS (native[3 * i + c] - again[3 * i + c]));
    }
  *written = most * 10000 / 255;
  gimp_image_remove_layer (image, copy);
  moa_image_free (seen);
  g_clear_object (&transform);
  g_object_unref (from);
  g_object_unref (to);
}

static int
compare_views (gint32 a, gint32 b)
{
  MoaRect area = { 0, 0, gimp_drawable_width (a), gimp_drawable_height (a) };
  MoaImage *first = drawable_read_rgb (a, &area, NULL, NULL);
  MoaImage *second = drawable_read_rgb (b, &area, NULL, NULL);
  int most = largest (first->data, second->data, (gsize) area.width * area.height * 3);

  moa_image_free (first);
  moa_image_free (second);
  return most;
}

/* ---- Seams --------------------------------------------------------------- */

/* The picture's gradient along the mask's, where the mask rises from 0 (its outermost pixels), and
 * the source's own elsewhere near: a pasted edge is a ridge there. */
static void
measure_seam (gint32 drawable, gint32 mask, int x, int y, int *across, int *around)
{
  int w = gimp_drawable_width (mask), h = gimp_drawable_height (mask);
  MoaRect area = { x, y, w, h };
  MoaImage *picture = drawable_read_rgb (drawable, &area, NULL, NULL);
  g_autofree guint8 *bytes = read_pixels (mask, babl_format ("Y float"));
  const float *m = (float *) bytes;
  double sum[2] = { 0 }, n[2] = { 0 };

  for (int v = 1; v < h - 1; v++)
    for (int u = 1; u < w - 1; u++)
      {
        gsize i = (gsize) v * w + u;
        const float *p = picture->data + 3 * i;
        double du = 0, dv = 0;

        for (int c = 0; c < 3; c++)
          {
            du += (p[3 + c] - p[c - 3]) / 6;
            dv += (p[3 * w + c] - p[c - 3 * w]) / 6;
          }

        gboolean edge = m[i] > 0 && (m[i - 1] <= 0 || m[i + 1] <= 0 || m[i - w] <= 0
                                     || m[i + w] <= 0);

        if (edge || m[i] <= 0)
          {
            sum[edge ? 0 : 1] += hypot (du, dv);
            n[edge ? 0 : 1]++;
          }
      }
  *across = n[0] ? sum[0] / n[0] * 10000 : -1;
  *around = n[1] ? sum[1] / n[1] * 10000 : -1;
  moa_image_free (picture);
}

/* ---- Runs that do not wait ----------------------------------------------- */

static struct
{
  gboolean waiting;
  gint32 image, drawable, subject;
  char *options, *file;
} start;

static void
note_start (const gchar *name, gint n_params, const GimpParam *param, gint *n_values,
            GimpParam **return_values)
{
  static GimpParam values[1] = { { GIMP_PDB_STATUS } };

  start.waiting = TRUE;
  start.image = param[0].data.d_image;
  start.drawable = param[1].data.d_drawable;
  start.subject = param[2].data.d_drawable;
  start.options = g_strdup (param[3].data.d_string);
  start.file = g_strdup (param[4].data.d_string);
  values[0].data.d_status = GIMP_PDB_SUCCESS;
  *n_values = 1;
  *return_values = values;
}

static void
run_started (void)
{
  int n_values;
  gint32 subjects[] = { start.subject };
  GimpParam *values = gimp_run_procedure (
    "plug-in-moa-replace-person", &n_values, GIMP_PDB_INT32, GIMP_RUN_NONINTERACTIVE,
    GIMP_PDB_IMAGE, start.image, GIMP_PDB_DRAWABLE, start.drawable, GIMP_PDB_INT32, 1,
    GIMP_PDB_INT32ARRAY, subjects, GIMP_PDB_STRING, "", GIMP_PDB_INT32, 0, GIMP_PDB_FLOAT, -1.0,
    GIMP_PDB_INT32, 1, GIMP_PDB_STRING, "", GIMP_PDB_STRING, start.options, GIMP_PDB_END);

  g_file_set_contents (start.file, values[0].data.d_status == GIMP_PDB_SUCCESS ? "done" : "failed",
                       -1, NULL);
  gimp_destroy_params (values, n_values);
  start.waiting = FALSE;
}

static void
serve (void)
{
  gimp_install_temp_proc ("moa-test-start", "For tests", "", "", "", "", NULL, "", GIMP_TEMPORARY,
                          G_N_ELEMENTS (start_args), 0, start_args, NULL, note_start);
  gimp_extension_ack ();
  while (TRUE)
    {
      gimp_extension_process (0);
      if (start.waiting)
        run_started ();
    }
}

/* ---- Progress ------------------------------------------------------------ */

typedef struct {
  GString *seen;
  double value;
  int n_values; /* how often it rose */
} Bar;

static void
on_start (const gchar *text, gboolean cancelable, gpointer data)
{
  g_string_append_printf (((Bar *) data)->seen, "start: %s\n", text);
}

static void
on_end (gpointer data)
{
  const Bar *bar = data;

  g_string_append_printf (bar->seen, "end: at %.2f after %d values\n", bar->value, bar->n_values);
}

static void
on_text (const gchar *text, gpointer data)
{
  g_string_append_printf (((Bar *) data)->seen, "text: %s\n", text);
}

static void
on_value (gdouble value, gpointer data)
{
  Bar *bar = data;

  if (value < bar->value)
    g_string_append (bar->seen, "back\n");
  bar->n_values += value > bar->value;
  bar->value = value;
}

static void
watch_progress (gint32 image, gint32 drawable, const char *options, const char *file)
{
  Bar bar = { g_string_new (NULL) };
  GimpProgressVtable bar_calls = { .start = on_start, .end = on_end, .set_text = on_text,
                                   .set_value = on_value };
  const gchar *name = gimp_progress_install_vtable (&bar_calls, &bar);
  int n_values;
  GimpParam *values = gimp_run_procedure ("plug-in-moa-edit", &n_values, GIMP_PDB_INT32,
                                          GIMP_RUN_NONINTERACTIVE, GIMP_PDB_IMAGE, image, GIMP_PDB_DRAWABLE,
                                          drawable, GIMP_PDB_STRING, options, GIMP_PDB_END);

  gimp_progress_uninstall (name);
  if (values[0].data.d_status != GIMP_PDB_SUCCESS)
    g_string_append (bar.seen, "failed\n");
  g_file_set_contents (file, bar.seen->str, -1, NULL);
  gimp_destroy_params (values, n_values);
  g_string_free (bar.seen, TRUE);
}

static void
run (const gchar *name, gint n_params, const GimpParam *param, gint *n_values,
     GimpParam **return_values)
{
  static GimpParam values[3];

  gegl_init (NULL, NULL);
  *return_values = values;
  *n_values = 3;
  values[0].type = GIMP_PDB_STATUS;
  values[1].type = values[2].type = GIMP_PDB_INT32;
  values[0].data.d_status = GIMP_PDB_SUCCESS;

  if (!strcmp (name, EXTENSION))
    serve ();
  else if (!strcmp (name, "moa-test-profile"))
    {
      set_profile (param[0].data.d_image);
      *n_values = 1;
    }
  else if (!strcmp (name, "moa-test-colours"))
    compare_colours (param[0].data.d_drawable, &values[1].data.d_int32, &values[2].data.d_int32);
  else if (!strcmp (name, "moa-test-views"))
    values[1].data.d_int32 = compare_views (param[0].data.d_drawable, param[1].data.d_drawable);
  else if (!strcmp (name, "moa-test-seam"))
    measure_seam (param[0].data.d_drawable, param[1].data.d_drawable, param[2].data.d_int32,
                  param[3].data.d_int32, &values[1].data.d_int32, &values[2].data.d_int32);
  else if (!strcmp (name, "moa-test-progress"))
    {
      watch_progress (param[0].data.d_image, param[1].data.d_drawable, param[2].data.d_string,
                      param[3].data.d_string);
      *n_values = 1;
    }
  else if (!strcmp (name, "moa-test-fill"))
    {
      fill (param[0].data.d_drawable, param[1].data.d_int32);
      *n_values = 1;
    }
  else if (!strcmp (name, "moa-test-range"))
    range (param[0].data.d_drawable, &values[1].data.d_int32, &values[2].data.d_int32);
  else if (!differ (param[0].data.d_drawable, param[1].data.d_drawable, param[2].data.d_drawable,
                    param[3].data.d_int32, param[4].data.d_int32, &values[1].data.d_int32,
                    &values[2].data.d_int32))
    values[1].data.d_int32 = values[2].data.d_int32 = -1;
}

const GimpPlugInInfo PLUG_IN_INFO = { NULL, NULL, query, run };

MAIN ()
