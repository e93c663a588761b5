/* Settings of the engine's jobs as JSON, by their descriptions (MoaSetting in moa.h). */
#ifndef MOA_PLUGIN_OPTIONS_H
#define MOA_PLUGIN_OPTIONS_H

#include "moa.h"

#include <jansson.h>

/* An object; NULL with error set, that says where the text is wrong.  what names the text. */
json_t *options_parse (const char *what, const char *json, GError **error);

/* The text of the object, which is freed.  (transfer full) */
char *options_print (json_t *object);

/* Sets the field that key names.  FALSE with error set if the value cannot be; FALSE without an
 * error if there is no such setting. */
gboolean options_set (const MoaSetting *settings, int n, gpointer params, const char *key,
                      const json_t *value, GError **error);

/* The value of a setting; NULL if it is left to the model.  (transfer full) */
json_t *options_get (const MoaSetting *setting, gconstpointer params);

/* Puts the values of all settings but those that are left to the model into an object. */
void options_put (json_t *object, const MoaSetting *settings, int n, gconstpointer params);

/* A text for an object.  JSON is UTF-8; what is not, of the name of a file, is marked as unknown.
 * (transfer full) */
json_t *options_text (const char *text);

gboolean options_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

#endif
