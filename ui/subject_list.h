/* The persons who come in: a row each, with photos, a name, and, where there is a picture with persons in
 * it, whom they replace.  Knows neither GIMP nor a job: what a source is, the hooks tell. */
#ifndef MOA_UI_SUBJECT_LIST_H
#define MOA_UI_SUBJECT_LIST_H

#include "moa.h"

#include <gtk/gtk.h>

typedef struct _SubjectList SubjectList;

/* A source is a text: the id of a layer, the absolute path of a picture file, or what the hooks
 * name otherwise, as a saved subject. */
typedef struct {
  /* Thumbnail of at most side pixels and a label; FALSE if the source is gone.  (transfer full) */
  gboolean (*look) (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data);
  /* What can be added beside files: layers, saved subjects.  (transfer full); NULL ended */
  char **(*list_layers) (gpointer data);
  char **(*list_saved) (gpointer data);
  void (*changed) (gpointer data);
  gpointer data;
  gboolean replaces; /* rows say which person of the picture they replace, or who of them stays */
} SubjectHooks;

typedef struct {
  char *name;
  gboolean keep;      /* a person of the picture who stays as they are; no sources */
  int person;         /* from the left, counted from 0 */
  GPtrArray *sources; /* of char *, one for each photo */
} SubjectRow;

SubjectRow *subject_row_new (const char *name);
void subject_row_free (SubjectRow *row);

SubjectList *subject_list_new (const SubjectHooks *hooks);
void subject_list_free (SubjectList *list);
GtkWidget *subject_list_get_widget (SubjectList *list);

/* FALSE if there are MOA_MAX_SUBJECTS already, or the source is gone. */
gboolean subject_list_add (SubjectList *list, const char *source);

/* Another photo of the person in row i. */
gboolean subject_list_add_photo (SubjectList *list, int i, const char *source);
gboolean subject_list_add_keep (SubjectList *list);
void subject_list_remove (SubjectList *list, int i);

/* Row i replaces this person; the row that did takes the other's place. */
void subject_list_set_person (SubjectList *list, int i, int person);

int subject_list_get_n_rows (SubjectList *list);
const SubjectRow *subject_list_get_row (SubjectList *list, int i);

/* How many rows bring someone in. */
int subject_list_get_n_subjects (SubjectList *list);

/* As JSON, to keep; what is gone is left out when it comes back.  (transfer full) */
char *subject_list_save (SubjectList *list);
void subject_list_restore (SubjectList *list, const char *json);

/* Leaves out what is gone.  Call when layers may have been deleted. */
void subject_list_refresh (SubjectList *list);

/* The button to add someone. */
void subject_list_grab_focus (SubjectList *list);

/* Puts a pasted picture into a file of the user's cache; its path, or NULL.  (transfer full) */
char *subject_list_keep_pixbuf (GdkPixbuf *pixbuf, GError **error);

#endif
