/* An earlier result made again, with another seed or other settings, from what its group keeps. */
#ifndef MOA_PLUGIN_REPEAT_H
#define MOA_PLUGIN_REPEAT_H

#include "replace.h"

/* The drawable is the result's group, or in it.  options: as the procedure's, on top of the
 * result's settings; "subjects" in them replace the result's.  NULL with error set. */
ReplaceTask *repeat_task_new (gint32 image, gint32 drawable, const char *options, GError **error);

#endif
