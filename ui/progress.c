/* How far a job is, or what is missing before it can start. */
#include "progress.h"

#include "wrapped_label.h"

#include "plugin/intl.h"

static char *
name_phase (const MoaProgress *progress)
{
  switch (progress->phase)
    {
    case MOA_PHASE_LOAD:
      return g_strdup (_("Loading the model"));
    case MOA_PHASE_ENCODE:
      return g_strdup (_("Reading the pictures"));
    case MOA_PHASE_INVERT:
      return g_strdup_printf (_("Inverting, step %d of %d"),
                              MIN (progress->step + 1, progress->n_steps), progress->n_steps);
    case MOA_PHASE_GENERATE:
      return g_strdup_printf (_("Generating, step %d of %d"),
                              MIN (progress->step + 1, progress->n_steps), progress->n_steps);
    case MOA_PHASE_FACES:
      return g_strdup_printf (_("Faces again, %d of %d"),
                              MIN (progress->step + 1, progress->n_steps), progress->n_steps);
    default:
      return g_strdup (_("Drawing the result"));
    }
}

static char *
name_time (double seconds)
{
  if (seconds < 0)
    return g_strdup ("");
  if (seconds < 90)
    return g_strdup_printf (_(" (%d s left)"), (int) seconds + 1);
  if (seconds < 5400)
    return g_strdup_printf (_(" (%d min left)"), (int) (seconds / 60 + 0.5));
  return g_strdup_printf (_(" (%d h %d min left)"), (int) (seconds / 3600),
                          (int) (seconds / 60) % 60);
}

char *
progress_describe (const MoaProgress *progress)
{
  g_autofree char *phase = name_phase (progress);
  g_autofree char *left = name_time (progress->seconds_left);

  return g_strconcat (phase, left, NULL);
}

static char *
name_seconds (double seconds)
{
  if (seconds < 90)
    return g_strdup_printf (ngettext ("about %d second", "about %d seconds", (int) seconds + 1),
                            (int) seconds + 1);
  if (seconds >= 5400)
    return g_strdup_printf (_("about %d h %d min"), (int) (seconds / 3600), (int) (seconds / 60) % 60);
  return g_strdup_printf (ngettext ("about %d minute", "about %d minutes", (int) (seconds / 60 + 0.5)),
                          (int) (seconds / 60 + 0.5));
}

char *
progress_describe_cost (const MoaEstimate *estimate)
{
  g_autofree char *needed = g_format_size_full (estimate->bytes_needed, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *there = g_format_size_full (estimate->bytes_free, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *time = estimate->seconds >= 0 ? name_seconds (estimate->seconds) : NULL;
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, _("Needs %s of memory, %s are free."), needed, there);
  if (time)
    g_string_append_printf (text, _(" Takes %s."), time);
  if (estimate->cached_inversion)
    g_string_append (text, _(" Inversion ready."));
  return g_string_free (text, FALSE);
}

void
progress_row_show (ProgressRow *row, const MoaProgress *progress)
{
  g_autofree char *text = progress_describe (progress);

  gtk_progress_bar_set_fraction (GTK_PROGRESS_BAR (row->bar), CLAMP (progress->fraction, 0, 1));
  progress_row_retitle (row, text);
}

void
progress_row_retitle (ProgressRow *row, const char *text)
{
  gtk_progress_bar_set_text (GTK_PROGRESS_BAR (row->bar), text);
  gtk_widget_hide (row->message);
  gtk_widget_show (row->bar);
}

void
progress_row_say (ProgressRow *row, const char *icon_name, const char *text)
{
  gtk_widget_set_visible (row->icon, icon_name != NULL);
  if (icon_name)
    gtk_image_set_from_icon_name (GTK_IMAGE (row->icon), icon_name, GTK_ICON_SIZE_BUTTON);
  gtk_label_set_text (GTK_LABEL (row->text), text);
  gtk_widget_hide (row->bar);
  gtk_widget_show (row->message);
}

void
progress_row_init (ProgressRow *row, int width)
{
  row->icon = gtk_image_new ();
  row->text = wrapped_label_new (NULL, width - 30);
  gtk_label_set_selectable (GTK_LABEL (row->text), TRUE);
  gtk_misc_set_alignment (GTK_MISC (row->text), 0, 0.5);

  row->message = gtk_hbox_new (FALSE, 6);
  gtk_box_pack_start (GTK_BOX (row->message), row->icon, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row->message), row->text, TRUE, TRUE, 0);
  gtk_widget_show (row->text);

  row->bar = gtk_progress_bar_new ();

  GtkWidget *column = gtk_vbox_new (FALSE, 0);
  gtk_box_pack_start (GTK_BOX (column), row->message, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (column), row->bar, TRUE, FALSE, 0);
  gtk_widget_show (column);

  /* An empty widget as tall as two lines, so that the dialog keeps its size. */
  GtkWidget *strut = gtk_vbox_new (FALSE, 0);
  gtk_widget_set_size_request (strut, -1, 38);
  gtk_widget_show (strut);

  row->box = gtk_hbox_new (FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row->box), strut, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row->box), column, TRUE, TRUE, 0);
  gtk_widget_show (row->box);
  gtk_widget_set_no_show_all (row->box, TRUE);
}
