/* What everybody is asked once: pictures of people only with their consent. */
#ifndef MOA_UI_CONSENT_H
#define MOA_UI_CONSENT_H

#include <gtk/gtk.h>

/* TRUE if the user agrees. */
gboolean consent_ask (GtkWindow *parent);

#endif
