/* The dialog of Models: folders, what each holds, whether it is complete, a test run, the default. */
#ifndef MOA_UI_MODELS_DIALOG_H
#define MOA_UI_MODELS_DIALOG_H

#include <gtk/gtk.h>

/* Folders to look at, NULL ended; the one that is used by default.  keep_default, keep_folder: what to
 * do with another default and with a folder that the user adds. */
void models_dialog_run (const char *const *folders, const char *used,
                        void (*keep_default) (const char *folder), void (*keep_folder) (const char *folder));

#endif
