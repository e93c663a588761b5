/* Several paths as one text, as a field has them: with semicolons between them.  A semicolon of a name has a
 * backslash before it. */
#ifndef MOA_UI_PATH_LIST_H
#define MOA_UI_PATH_LIST_H

#include <glib.h>

/* Puts one more behind those that are there. */
void path_list_add (GString *list, const char *path);

/* Without what is empty, and without blanks around.  (transfer full), for g_strfreev() */
char **path_list_split (const char *list);

#endif
