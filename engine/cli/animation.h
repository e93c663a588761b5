/* Pictures one after another in one file. */
#ifndef MOA_CLI_ANIMATION_H
#define MOA_CLI_ANIMATION_H

#include <glib.h>

/* Whether the name ends in .webp, its folder can be written, and this program can write it. */
gboolean moa_cli_animation_check (const char *path, GError **error);

/* An endless WebP animation of n picture files of one size, without loss; each is shown for delay
 * milliseconds.  The file appears by rename. */
gboolean moa_cli_animation (char *const *pictures, int n, int delay, const char *path, GError **error);

#endif
