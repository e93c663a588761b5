/* The engine's error domain. */
#include "base/error.h"

G_DEFINE_QUARK (moa-error-quark, moa_error)

gboolean
moa_fail (GError **error, MoaErrorCode code, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  if (error)
    {
      char *message = g_strdup_vprintf (g_dgettext (GETTEXT_PACKAGE, format), args);
      g_set_error_literal (error, MOA_ERROR, code, message);
      g_free (message);
    }
  va_end (args);
  return FALSE;
}
