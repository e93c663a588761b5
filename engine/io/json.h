/* JSON from files that may be hostile. */
#ifndef MOA_JSON_H
#define MOA_JSON_H

#include <glib.h>
#include <jansson.h>

/* text as a JSON object: UTF-8, no duplicate keys, at most 16 levels deep and
 * 1,000,000 values.  where ("unet/config.json") opens the message.  (transfer full) */
json_t *moa_json_parse (const char *text, gsize n, const char *where, GError **error);

/* The same from a file of at most 16 MiB. */
json_t *moa_json_read (const char *path, GError **error);

#endif
