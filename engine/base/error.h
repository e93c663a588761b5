/* The engine's error domain; codes and their meaning are in moa.h. */
#ifndef MOA_ERROR_H
#define MOA_ERROR_H

#include "moa.h"

/* Marks a text for translators; who shows it translates.  For moa_fail() and moa_job_warn(), which
 * do, it marks those that a user may well meet. */
#define N_(text) text

/* Sets *error and returns FALSE, so that a check reads
 *   if (bad) return moa_fail (error, MOA_ERROR_FILE, "%s: ...", path); */
gboolean moa_fail (GError **error, MoaErrorCode code, const char *format, ...) G_GNUC_PRINTF (3, 4);

#endif
