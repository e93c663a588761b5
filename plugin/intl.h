/* Translated texts. */
#ifndef MOA_PLUGIN_INTL_H
#define MOA_PLUGIN_INTL_H

#include <libintl.h>

#define _(text) gettext (text)
#define N_(text) (text)

#endif
