/* Numbers that a layer group keeps beside its settings: a parasite of a JSON object, a zero byte,
 * and bytes, compressed.  They go with the image into its XCF file. */
#ifndef MOA_PLUGIN_BLOB_H
#define MOA_PLUGIN_BLOB_H

#include <glib.h>
#include <jansson.h>

/* head is freed; what it says is up to the caller, but for "version" and "bytes". */
void blob_attach (gint32 item, const char *name, json_t *head, gconstpointer data, gsize n);

/* The object, and the bytes in data and n.  NULL if there is none, or with error set if it is
 * damaged or of a newer version.  (transfer full) */
json_t *blob_read (gint32 item, const char *name, guint8 **data, gsize *n, GError **error);

#endif
