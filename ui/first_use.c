/* What is kept in gimprc for the dialogs: that the user has agreed, and how switches stand. */
#include "first_use.h"

#include "consent.h"

#include <libgimp/gimp.h>
#include <string.h>

#define CONSENT "moa-consent"

gboolean
first_use_get_switch (const char *name)
{
  g_autofree char *value = gimp_gimprc_query (name);

  return value && !strcmp (value, "yes");
}

void
first_use_set_switch (const char *name, gboolean on)
{
  gimp_gimprc_set (name, on ? "yes" : "no");
}

gboolean
first_use_agree (void)
{
  if (first_use_get_switch (CONSENT))
    return TRUE;
  if (!consent_ask (NULL))
    return FALSE;
  first_use_set_switch (CONSENT, TRUE);
  return TRUE;
}
