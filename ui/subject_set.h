/* The persons of a SubjectList as the engine takes them, with all pixels read. */
#ifndef MOA_UI_SUBJECT_SET_H
#define MOA_UI_SUBJECT_SET_H

#include "moa.h"
#include "subject_list.h"

typedef struct {
  MoaSubject subjects[MOA_MAX_SUBJECTS];
  int order[MOA_MAX_SUBJECTS]; /* as of MoaReplaceParams */
  char *names[MOA_MAX_SUBJECTS];
  int n_subjects;
  GPtrArray *photos;     /* all of them; those of files are shared with the list's later sets */
  GPtrArray *saved; /* owned */
  GPtrArray *arrays;     /* what subjects[].photos point to, owned */
} SubjectSet;

/* keep: with the persons who stay.  A photo of a file is read once, and again when the file changes: the list
 * keeps it until no row has it.  (transfer full); NULL with error set. */
SubjectSet *subject_set_new (SubjectList *list, gboolean keep, GError **error);
void subject_set_free (SubjectSet *set);

#endif
