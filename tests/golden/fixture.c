/* Reading fixtures and keeping their results; see fixture.h. */
#include "fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One line of the report: the tensors whose names agree up to their first number. */
typedef struct {
  char *name;
  int n_tensors, n_checked;
  double worst;         /* largest error in tolerances */
  double error, tolerance;
  char *worst_name;
  char *fault;          /* a failure that is not a distance */
  char *note;           /* what a passed result says instead of a distance */
  char *skip;
} Group;

static void
group_free (gpointer data)
{
  Group *group = data;
  g_free (group->name);
  g_free (group->worst_name);
  g_free (group->fault);
  g_free (group->note);
  g_free (group->skip);
  g_free (group);
}

void
golden_bail_out (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  printf ("Bail out! %s\n", message);
  exit (1);
}

/* "router.full.3.attn1" is of "router.full", "hidden.0" of "hidden". */
static char *
group_name (const char *tensor)
{
  const char *end = strchr (tensor, '.');
  while (end && !g_ascii_isdigit (end[1]))
    end = strchr (end + 1, '.');
  return end ? g_strndup (tensor, end - tensor) : g_strdup (tensor);
}

static Group *
find_group (Fixture *f, const char *name)
{
  for (guint i = 0; i < f->groups->len; i++)
    {
      Group *group = g_ptr_array_index (f->groups, i);
      if (strcmp (group->name, name) == 0)
        return group;
    }
  Group *group = g_new0 (Group, 1);
  group->name = g_strdup (name);
  g_ptr_array_add (f->groups, group);
  return group;
}

static Group *
group_of (Fixture *f, const char *tensor)
{
  g_autofree char *name = group_name (tensor);
  return find_group (f, name);
}

Fixture *
fixture_new (const char *folder, const char *name, const char *label, json_t *entry)
{
  Fixture *f = g_new0 (Fixture, 1);
  f->name = g_strdup (name);
  f->label = g_strdup (label);
  f->entry = entry;
  f->groups = g_ptr_array_new_with_free_func (group_free);
  if (!entry)
    return f;

  const char *file = json_string_value (json_object_get (entry, "file"));
  g_autofree char *path = g_build_filename (folder, file ? file : "", NULL);
  g_autoptr (GError) error = NULL;
  f->file = moa_safetensors_open (path, &error);
  if (!f->file)
    golden_bail_out ("%s", error->message);
  g_auto (GStrv) outputs = fixture_outputs (f, "");
  for (int i = 0; outputs[i]; i++)
    group_of (f, outputs[i])->n_tensors++;
  return f;
}

void
fixture_free (Fixture *f)
{
  g_clear_pointer (&f->file, moa_safetensors_close);
  g_ptr_array_unref (f->groups);
  g_free (f->name);
  g_free (f->label);
  g_free (f);
}

static json_t *
meta (const Fixture *f, const char *key)
{
  return json_object_get (json_object_get (f->entry, "meta"), key);
}

const char *
fixture_meta_string (const Fixture *f, const char *key)
{
  if (!json_is_string (meta (f, key)))
    golden_bail_out ("manifest.json: %s: meta has no string \"%s\"", f->name, key);
  return json_string_value (meta (f, key));
}

double
fixture_meta_number (const Fixture *f, const char *key)
{
  if (!json_is_number (meta (f, key)))
    golden_bail_out ("manifest.json: %s: meta has no number \"%s\"", f->name, key);
  return json_number_value (meta (f, key));
}

char **
fixture_outputs (const Fixture *f, const char *prefix)
{
  GPtrArray *names = g_ptr_array_new ();
  const char *name;
  json_t *tensor;
  json_object_foreach (json_object_get (f->entry, "tensors"), name, tensor)
    {
      const char *role = json_string_value (json_object_get (tensor, "role"));
      if (g_strcmp0 (role, "output") == 0 && g_str_has_prefix (name, prefix))
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

gboolean
fixture_has (const Fixture *f, const char *name)
{
  return moa_safetensors_find (f->file, name) != NULL;
}

static const MoaFileTensor *
find (const Fixture *f, const char *name)
{
  const MoaFileTensor *tensor = moa_safetensors_find (f->file, name);
  if (!tensor || tensor->rank > MOA_MAX_DIMS)
    golden_bail_out ("%s: no tensor \"%s\" that this program could use",
                     moa_safetensors_path (f->file), name);
  return tensor;
}

/* B, L and C of a tensor in the file. */
static void
sizes (const MoaFileTensor *tensor, gint64 *b, gint64 *l, gint64 *c)
{
  const gint64 *dim = tensor->dim;
  int rank = tensor->rank;
  *b = rank > 1 ? dim[0] : 1;
  *l = rank == 4 ? dim[2] * dim[3] : rank == 3 ? dim[1] : 1;
  *c = rank == 4 ? dim[1] : rank > 0 ? dim[rank - 1] : 1;
}

MoaShape
fixture_shape (const Fixture *f, const char *name)
{
  const MoaFileTensor *tensor = find (f, name);
  MoaShape shape = { .rank = tensor->rank };
  memcpy (shape.dim, tensor->dim, tensor->rank * sizeof (gint64));
  if (tensor->rank == 4)
    shape = MOA_SHAPE (tensor->dim[0], tensor->dim[2], tensor->dim[3], tensor->dim[1]);
  return shape;
}

/* As in the file. */
static float *
read_raw (const Fixture *f, const MoaFileTensor *tensor)
{
  g_autoptr (GError) error = NULL;
  float *values = g_new (float, tensor->n + 1);
  gboolean ok;
  if (tensor->dtype == MOA_DTYPE_BOOL)
    {
      g_autofree gint64 *ints = g_new (gint64, tensor->n + 1);
      ok = moa_safetensors_read_int (f->file, tensor, 0, tensor->n, ints, &error);
      for (guint64 i = 0; ok && i < tensor->n; i++)
        values[i] = ints[i];
    }
  else
    ok = moa_safetensors_read_float (f->file, tensor, 0, tensor->n, values, &error);
  if (!ok)
    golden_bail_out ("%s", error->message);
  return values;
}

float *
fixture_read (const Fixture *f, const char *name)
{
  const MoaFileTensor *tensor = find (f, name);
  float *raw = read_raw (f, tensor);
  if (tensor->rank < 4)
    return raw;
  gint64 b, l, c;
  sizes (tensor, &b, &l, &c);
  float *out = g_new (float, tensor->n + 1);
  for (gint64 i = 0; i < b; i++)
    for (gint64 k = 0; k < c; k++)
      for (gint64 p = 0; p < l; p++)
        out[(i * l + p) * c + k] = raw[(i * c + k) * l + p];
  g_free (raw);
  return out;
}

static void
fail (Group *group, char *fault)
{
  if (group->fault)
    g_free (fault);
  else
    group->fault = fault;
}

static void
compare (Group *group, const Fixture *f, const char *name, const float *values, gint64 b, gint64 l,
         gint64 c, double tolerance, gboolean silu)
{
  const MoaFileTensor *tensor = find (f, name);
  gint64 b0, l0, c0;
  sizes (tensor, &b0, &l0, &c0);
  group->n_checked++;
  if (b0 > b || c0 > c || (l0 != l && !(tensor->rank == 2 && l0 == 1)))
    {
      fail (group, g_strdup_printf ("%s is %d items x %d x %d channels here", name, (int) b,
                                    (int) l, (int) c));
      return;
    }
  g_autofree float *expected = fixture_read (f, name);
  for (guint64 i = 0; silu && i < tensor->n; i++)
    expected[i] /= 1 + exp (-expected[i]);
  double error = 0;
  for (gint64 i = 0; i < b0; i++)
    for (gint64 p = 0; p < l0; p++)
      for (gint64 k = 0; k < c0; k++)
        {
          double d = fabs ((double) values[(i * l + p) * c + k] - expected[(i * l0 + p) * c0 + k]);
          if (d > error || isnan (d)) /* NaN stays: nothing is greater */
            error = d;
        }
  double ratio = tolerance > 0 ? error / tolerance : error > 0 ? INFINITY : 0;
  if (!(error <= tolerance))
    fail (group, g_strdup_printf ("%s is off by %.3g, allowed are %.3g", name, error, tolerance));
  if (!group->worst_name || !(ratio <= group->worst))
    {
      group->worst = ratio;
      group->error = error;
      group->tolerance = tolerance;
      g_free (group->worst_name);
      group->worst_name = g_strdup (name);
    }
}

static void
check (Fixture *f, const char *name, const float *values, gint64 b, gint64 l, gint64 c,
       gboolean silu, double share)
{
  json_t *entry = json_object_get (json_object_get (f->entry, "tensors"), name);
  const char *dtype = json_string_value (json_object_get (entry, "dtype"));
  json_t *atol = json_object_get (entry, "atol");
  if (!dtype)
    golden_bail_out ("manifest.json: %s has no tensor \"%s\"", f->name, name);
  /* Integers have no tolerance: pictures may differ by one level, other numbers not at all. */
  double tolerance = json_is_number (atol) ? json_number_value (atol)
                                           : strcmp (dtype, "uint8") == 0 ? 1 : 0;
  tolerance = MAX (tolerance, share * json_number_value (json_object_get (entry, "absmax")));
  compare (group_of (f, name), f, name, values, b, l, c, tolerance, silu);
}

void
fixture_check (Fixture *f, const char *name, const float *values, gint64 b, gint64 l, gint64 c)
{
  check (f, name, values, b, l, c, FALSE, 0);
}

void
fixture_check_rounding (Fixture *f, const char *name, const float *values, gint64 b, gint64 l,
                        gint64 c, double share)
{
  check (f, name, values, b, l, c, FALSE, share);
}

void
fixture_check_silu (Fixture *f, const char *name, const float *values, gint64 b, gint64 l, gint64 c)
{
  check (f, name, values, b, l, c, TRUE, 0);
}

void
fixture_check_input (Fixture *f, const char *name, const float *values, gint64 b, gint64 l,
                     gint64 c, double tolerance)
{
  Group *group = group_of (f, name);
  group->n_tensors++;
  compare (group, f, name, values, b, l, c, tolerance, FALSE);
}

void
fixture_skip (Fixture *f, const char *name, const char *why)
{
  Group *group = group_of (f, name);
  g_free (group->skip);
  group->skip = g_strdup (why);
}

void
fixture_result (Fixture *f, const char *name, gboolean ok, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  char *text = g_strdup_vprintf (format, args);
  va_end (args);
  Group *group = find_group (f, name);
  if (ok)
    {
      g_free (group->note);
      group->note = text;
    }
  else
    fail (group, text);
}

gboolean
fixture_report (Fixture *f, const GError *error, int *n)
{
  gboolean all = TRUE;
  for (guint i = 0; i < f->groups->len; i++)
    {
      Group *group = g_ptr_array_index (f->groups, i);
      if (!group->fault && !group->skip && group->n_checked < group->n_tensors)
        group->fault = error ? g_strdup (error->message)
                             : g_strdup_printf ("%d of %d tensors were not compared",
                                                group->n_tensors - group->n_checked,
                                                group->n_tensors);
      gboolean ok = group->fault == NULL;
      all = all && ok;
      printf ("%s %d - %s %s", ok ? "ok" : "not ok", ++*n, f->label, group->name);
      if (group->worst_name)
        printf (": %.2g of %.2g allowed (%s)", group->error, group->tolerance, group->worst_name);
      if (group->note)
        printf (": %s", group->note);
      if (ok && group->skip)
        printf (" # SKIP %s", group->skip);
      printf ("\n");
      if (!ok)
        printf ("# %s %s: %s\n", f->label, group->name, group->fault);
    }
  fflush (stdout);
  return all;
}
