/* A plug-in for the tests: looks at pixels in their own format, bit by bit, which Script-Fu
 * cannot do.
 *
 *   (moa-test-fill drawable seed)         fills with noise
 *   (moa-test-differ a b mask x y)        pixels of a and b (same size and format) that differ:
 *                                         (where the mask, at x, y, is 0; where it is not)
 *   (moa-test-range drawable)             smallest and largest value of a mask, times 1000 */
#include <gegl.h>
#include <libgimp/gimp.h>
#include <string.h>

#define INT(name) { GIMP_PDB_INT32, name, "" }
#define DRAWABLE(name) { GIMP_PDB_DRAWABLE, name, "" }

static const GimpParamDef fill_args[] = { DRAWABLE ("drawable"), INT ("seed") };
static const GimpParamDef differ_args[] = { DRAWABLE ("a"), DRAWABLE ("b"), DRAWABLE ("mask"),
                                            INT ("x"), INT ("y") };
static const GimpParamDef range_args[] = { DRAWABLE ("drawable") };
static const GimpParamDef two_values[] = { INT ("first"), INT ("second") };

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

  if (!strcmp (name, "moa-test-fill"))
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
