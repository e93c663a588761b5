/* Who comes in: photos, layers and saved subjects, read for the engine. */
#ifndef MOA_PLUGIN_PEOPLE_H
#define MOA_PLUGIN_PEOPLE_H

#include "moa.h"

typedef struct {
  MoaSubject subjects[MOA_MAX_SUBJECTS]; /* own what they point to */
  char *names[MOA_MAX_SUBJECTS];         /* for the record that a result keeps */
  gint32 masks[MOA_MAX_SUBJECTS];        /* where they go, 0: not said; see people_read_places() */
  MoaRect heads[MOA_MAX_SUBJECTS];       /* in the image; width 0: not said */
  int n_subjects;
} People;

People *people_new (void);
void people_free (People *people);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (People, people_free)

/* One more person, by a layer or group of any open image. */
gboolean people_add_layer (People *people, gint32 layer, GError **error);

/* One more person, by what was saved.  saved: (transfer full) */
gboolean people_add_saved (People *people, MoaSavedSubject *saved, GError **error);

/* One more person, who stays. */
gboolean people_add_keep (People *people, GError **error);

/* Everybody in a JSON list; a text for each person, or a list of texts that are photos of one:
 *
 *   "layer:NAME" or "NAME"   a layer of image, else of any open image
 *   "file:PATH"              a picture file
 *   "saved:NAME"             a saved subject by its name or file
 *   "mask:NAME"              where the person goes, for an IP-Adapter: a channel of image, else a
 *                            layer of it (image -1: of any), white there
 *   "head:X,Y,W,H"           a box in the image where the person's head will be, for "faces"
 *   "keep"                   the person of the picture stays */
gboolean people_add_list (People *people, const char *json, gint32 image, GError **error);

/* Gives the subjects the masks and heads that they were said to have, of the area on the layer; layer -1:
 * all of each mask, and no heads. */
gboolean people_read_places (People *people, gint32 layer, const MoaRect *area, GError **error);

/* The layer or group with the name, of image or, if others is TRUE, else of any open one; -1 with
 * error set. */
gint32 people_find_layer (gint32 image, const char *name, gboolean others, GError **error);

/* ---- Saved subjects: a file each in the user's data folder ---- */

/* (transfer full) */
char *people_get_folder (void);

/* Those that can be read, sorted by name; the others' errors are appended to problems, if that
 * is not NULL.  (element-type MoaSavedSubject); files: their paths, in the same order, or NULL. */
GPtrArray *people_list_saved (GPtrArray **files, GString *problems);

/* By its name, or by the path of its file.  path: its file, or NULL.  NULL with error set. */
MoaSavedSubject *people_find_saved (const char *name, char **path, GError **error);

/* Into a file that was not there yet, whatever other GIMPs do. */
gboolean people_save_new (const MoaSavedSubject *saved, GError **error);

#endif
