/* The record of a training: see log.h.  The drawing has a small panel for each
 * name of a number, with its last value. */
#include "train/log.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PANEL_W = 360, PANEL_H = 160, COLUMNS = 3, PAD = 34, MOST_POINTS = 400 };

struct _MoaTrainLog {
  char *lines, *drawing; /* paths */
  GPtrArray *rows;       /* (element-type json_t) */
};

typedef struct {
  double step, value;
} Point;

/* ---- Lines ------------------------------------------------------------ */

static double
step_of (json_t *row)
{
  return json_number_value (json_object_get (row, "step"));
}

static void
row_free (gpointer row)
{
  json_decref (row);
}

/* Lines that are whole, up to the step; a killed process may have left half of one. */
static void
read_rows (MoaTrainLog *log, guint64 step)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents (log->lines, &text, NULL, NULL))
    return;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++)
    {
      json_t *row = json_loads (*line, 0, NULL);
      if (row && step_of (row) <= step)
        g_ptr_array_add (log->rows, row);
      else
        json_decref (row);
    }
}

static void
append_line (GString *out, json_t *row)
{
  char *text = json_dumps (row, JSON_COMPACT | JSON_REAL_PRECISION (7));
  g_string_append (out, text);
  g_string_append_c (out, '\n');
  free (text);
}

MoaTrainLog *
moa_train_log_open (const char *folder, guint64 step, GError **error)
{
  MoaTrainLog *log = g_new0 (MoaTrainLog, 1);
  log->lines = g_build_filename (folder, "log.jsonl", NULL);
  log->drawing = g_build_filename (folder, "log.svg", NULL);
  log->rows = g_ptr_array_new_with_free_func (row_free);
  read_rows (log, step);
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < log->rows->len; i++)
    append_line (text, log->rows->pdata[i]);
  if (g_file_set_contents (log->lines, text->str, text->len, error))
    return log;
  moa_train_log_close (log);
  return NULL;
}

void
moa_train_log_close (MoaTrainLog *log)
{
  if (!log)
    return;
  g_ptr_array_unref (log->rows);
  g_free (log->lines);
  g_free (log->drawing);
  g_free (log);
}

/* ---- Drawing ---------------------------------------------------------- */

/* Adds each number of an object to its curve, "held_out.psnr". */
static void
collect (GHashTable *curves, GPtrArray *names, json_t *object, const char *prefix, double step)
{
  const char *key;
  json_t *value;
  json_object_foreach (object, key, value)
    {
      g_autofree char *name = g_strconcat (prefix, key, NULL);
      if (json_is_object (value))
        {
          g_autofree char *inner = g_strconcat (name, ".", NULL);
          collect (curves, names, value, inner, step);
        }
      if (!json_is_number (value) || !strcmp (name, "step") || !strcmp (name, "seconds"))
        continue;
      GArray *curve = g_hash_table_lookup (curves, name);
      if (!curve)
        {
          curve = g_array_new (FALSE, FALSE, sizeof (Point));
          g_ptr_array_add (names, g_strdup (name));
          g_hash_table_insert (curves, names->pdata[names->len - 1], curve);
        }
      Point p = { step, json_number_value (value) };
      g_array_append_val (curve, p);
    }
}

static void
draw_curve (GString *svg, const GArray *curve, double low, double high, double steps)
{
  guint stride = MAX (1, curve->len / MOST_POINTS);
  g_string_append (svg, "<polyline fill='none' stroke='#1f5fa8' stroke-width='1.3' points='");
  for (guint i = 0; i < curve->len; i++)
    {
      if (i % stride != 0 && i != curve->len - 1)
        continue;
      const Point *p = &g_array_index (curve, Point, i);
      g_string_append_printf (svg, "%.1f,%.1f ", PAD + p->step / steps * (PANEL_W - 2 * PAD),
                              PANEL_H - PAD + 8
                                - (p->value - low) / (high - low) * (PANEL_H - 2 * PAD));
    }
  g_string_append (svg, "'/>\n");
}

static void
draw_panel (GString *svg, int place, const char *name, const GArray *curve, double steps)
{
  double low = INFINITY, high = -INFINITY;
  for (guint i = 0; i < curve->len; i++)
    {
      double value = g_array_index (curve, Point, i).value;
      low = MIN (low, value);
      high = MAX (high, value);
    }
  if (!(high > low))
    high = low + 1;
  g_string_append_printf (
    svg, "<g transform='translate(%d,%d)'><text x='%d' y='18' font-weight='bold'>%s</text>"
         "<text x='%d' y='18' text-anchor='end'>%.5g</text>"
         "<rect x='%d' y='%d' width='%d' height='%d' fill='none' stroke='#ccc'/>"
         "<text x='%d' y='%d' fill='#666'>%.4g to %.4g, step %.0f</text>\n",
    place % COLUMNS * PANEL_W, place / COLUMNS * PANEL_H, PAD, name, PANEL_W - PAD,
    g_array_index (curve, Point, curve->len - 1).value, PAD, PAD - 8, PANEL_W - 2 * PAD,
    PANEL_H - 2 * PAD + 16, PAD, PANEL_H - 6, low, high, steps);
  draw_curve (svg, curve, low, high, MAX (steps, 1));
  g_string_append (svg, "</g>\n");
}

static gboolean
draw (MoaTrainLog *log, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) curves
    = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_array_unref);
  double steps = 0;
  for (guint i = 0; i < log->rows->len; i++)
    {
      steps = MAX (steps, step_of (log->rows->pdata[i]));
      collect (curves, names, log->rows->pdata[i], "", step_of (log->rows->pdata[i]));
    }
  g_autoptr (GString) svg = g_string_new (NULL);
  g_string_append_printf (svg, "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
                               "font-family='sans-serif' font-size='11'>\n"
                               "<rect width='100%%' height='100%%' fill='white'/>\n",
                          COLUMNS * PANEL_W, (int) (names->len + COLUMNS - 1) / COLUMNS * PANEL_H);
  for (guint i = 0; i < names->len; i++)
    draw_panel (svg, i, names->pdata[i], g_hash_table_lookup (curves, names->pdata[i]), steps);
  g_string_append (svg, "</svg>\n");
  return g_file_set_contents_full (log->drawing, svg->str, svg->len, G_FILE_SET_CONTENTS_CONSISTENT,
                                   0666, error);
}

gboolean
moa_train_log_add (MoaTrainLog *log, json_t *row, GError **error)
{
  g_ptr_array_add (log->rows, json_incref (row));
  g_autoptr (GString) line = g_string_new (NULL);
  append_line (line, row);
  FILE *file = fopen (log->lines, "ae");
  gboolean ok = file && fwrite (line->str, 1, line->len, file) == line->len;
  ok = file && fclose (file) == 0 && ok;
  if (!ok)
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written; is the disk full?", log->lines);
  return draw (log, error);
}
