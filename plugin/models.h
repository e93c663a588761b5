/* The folders that may hold models. */
#ifndef MOA_PLUGIN_MODELS_H
#define MOA_PLUGIN_MODELS_H

#include <glib.h>

/* The one that is used, the user's own, the installed ones, and those that the user added, each once.
 * (transfer full) (element-type char *) */
GPtrArray *models_list_folders (const char *used);

#endif
