/* Earlier results as a row of thumbnails.  Knows neither GIMP nor a job. */
#ifndef MOA_UI_HISTORY_STRIP_H
#define MOA_UI_HISTORY_STRIP_H

#include <gtk/gtk.h>

typedef struct _HistoryStrip HistoryStrip;

typedef struct {
  /* What became of entry i; each may be NULL, its button is then left out. */
  void (*compare) (int i, gpointer data); /* also when an entry is clicked; -1: none is chosen */
  void (*restore) (int i, gpointer data);
  void (*apply) (int i, gpointer data);
  void (*remove) (int i, gpointer data);
  gpointer data;
} HistoryHooks;

HistoryStrip *history_strip_new (const char *empty_text, const HistoryHooks *hooks);
void history_strip_free (HistoryStrip *strip);
GtkWidget *history_strip_get_widget (HistoryStrip *strip);

void history_strip_clear (HistoryStrip *strip);

/* At the end; title under the thumbnail, tip when the pointer is over it. */
void history_strip_add (HistoryStrip *strip, GdkPixbuf *thumbnail, const char *title, const char *tip);

int history_strip_get_n (HistoryStrip *strip);

/* -1: none */
int history_strip_get_chosen (HistoryStrip *strip);
void history_strip_choose (HistoryStrip *strip, int i);

#endif
