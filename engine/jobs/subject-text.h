/* Subjects, as command lines, stories and JSON tell them:
 *
 *   "A.png"  "A.png+B.png"  ["A.png", "B.png"]     photos of one person; an ending .safetensors: a
 *                                                  saved subject, or a face embedding
 *   {"from": SUBJECT, "to": SUBJECT, "share": 0.3} a person between two
 *   "keep"                                         in a replacement: who stays as it is */
#ifndef MOA_SUBJECT_TEXT_H
#define MOA_SUBJECT_TEXT_H

#include <glib.h>
#include <jansson.h>

/* A list of paths, such an object, or "keep"; relative paths are seen from folder (NULL: as they are).
 * (transfer full) */
json_t *moa_subject_from_text (const char *text, const char *folder);
json_t *moa_subject_from_json (json_t *value, const char *folder, GError **error);

#endif
