/* The dialog of Subjects: a gallery of the persons that are kept. */
#ifndef MOA_UI_SUBJECTS_DIALOG_H
#define MOA_UI_SUBJECTS_DIALOG_H

#include "subject_list.h"

/* folder: where they are kept, a file each; made when needed.  model: encodes the photos of new ones;
 * NULL: none can be made, and why stands in problem. */
void subjects_dialog_run (const char *folder, MoaModel *model, const char *problem);

/* In the user's data folder.  (transfer full) */
char *subjects_get_folder (void);

/* The files in the folder as sources, sorted by name of file.  (transfer full); NULL ended */
char **subjects_list_sources (const char *folder);

#endif
