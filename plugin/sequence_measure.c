/* The sizes of the pictures that a replacement would work on: what it costs needs no more, and reading large
 * pictures takes seconds in GIMP's thread, which alone may read them as GIMP does. */
#include "sequence_private.h"

#include "options.h"

#include <gdk-pixbuf/gdk-pixbuf.h>

/* What is white in the picture; FALSE: it cannot be seen here. */
static gboolean
find_bounds (const char *path, MoaRect *bounds)
{
  GdkPixbuf *mask = gdk_pixbuf_new_from_file (path, NULL);
  int left = G_MAXINT, top = G_MAXINT, right = -1, bottom = -1;

  for (int y = 0; mask && y < gdk_pixbuf_get_height (mask); y++)
    {
      const guint8 *row = gdk_pixbuf_read_pixels (mask) + (gsize) y * gdk_pixbuf_get_rowstride (mask);
      int n = gdk_pixbuf_get_n_channels (mask);

      for (int x = 0; x < gdk_pixbuf_get_width (mask); x++)
        if (row[n * x] || row[n * x + 1] || row[n * x + 2])
          {
            left = MIN (left, x);
            right = MAX (right, x);
            top = MIN (top, y);
            bottom = y;
          }
    }
  g_clear_object (&mask);
  *bounds = (MoaRect) { left, top, right - left + 1, bottom - top + 1 };
  return right >= 0;
}

static gboolean
check_file (const char *path, GError **error)
{
  return !path || g_file_test (path, G_FILE_TEST_IS_REGULAR)
         || options_fail (error, "\"%s\" cannot be opened as a picture: there is no such file", path);
}

static MoaImage *
blank (const MoaRect *area, int channels, float value)
{
  MoaImage *image = moa_image_new (area->width, area->height, channels);

  for (gsize i = 0; image && value != 0 && i < (gsize) area->width * area->height * channels; i++)
    image->data[i] = value;
  return image;
}

static void
measure_replacement (Frame *frame, int side)
{
  ReplaceTask *task = frame->task;
  int width, height;
  MoaRect bounds;

  if (!gdk_pixbuf_get_file_info (frame->replace, &width, &height))
    width = height = side; /* a format of GIMP's own: a picture of the model's size stands for it */
  if (frame->select && find_bounds (frame->select, &bounds))
    moa_work_area (MAX (width, bounds.x + bounds.width), MAX (height, bounds.y + bounds.height), &bounds,
                   side, &task->area);
  else
    moa_work_area (width, height, NULL, side, &task->area);
  task->source = blank (&task->area, 3, 0);
  task->selection = frame->select ? blank (&task->area, 1, 1) : NULL;
  task->control = frame->follow ? blank (&task->area, 3, 0) : NULL;
}

gboolean
sequence_measure (const Sequence *sequence, Frame *frame, GError **error)
{
  int side = moa_model_get_info (sequence->model)->side;
  ReplaceTask *task = frame->task;

  if (!check_file (frame->replace, error) || !check_file (frame->select, error)
      || !check_file (frame->follow, error))
    return FALSE;
  if (task && !task->source)
    measure_replacement (frame, side);
  else if (!task && frame->follow && !frame->control)
    frame->settings->params.control.image = frame->control = blank (&(MoaRect) { 0, 0, side, side }, 3, 0);
  if (task ? task->source && !task->selection == !frame->select && !task->control == !frame->follow
           : !frame->follow || frame->control)
    return TRUE;
  g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, "no memory for the picture \"%s\"",
               task ? frame->replace : frame->follow);
  return FALSE;
}
