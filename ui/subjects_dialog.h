/* The dialog of Subjects: a gallery of the persons that are kept. */
#ifndef MOA_UI_SUBJECTS_DIALOG_H
#define MOA_UI_SUBJECTS_DIALOG_H

#include "subject_list.h"

/* model: encodes the photos of new ones; NULL: none can be made, and why stands in problem. */
void subjects_dialog_run (MoaModel *model, const char *problem);

/* All of them, as sources of a SubjectList.  (transfer full); NULL ended */
char **subjects_list_sources (void);

#endif
