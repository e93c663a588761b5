/* Mnemonics without clashes, whatever the language. */
#ifndef MOA_UI_MNEMONICS_H
#define MOA_UI_MNEMONICS_H

#include <gtk/gtk.h>

/* Takes the mnemonic away from each label under root whose key is that of an earlier one.  A dialog's
 * buttons come first, then all else in the order in which it was packed.  Call when all is there. */
void mnemonics_settle (GtkWidget *root);

/* Takes the number that is being typed in the window: an access key of a button does not leave its field. */
void mnemonics_take_typed (GtkWidget *window);

#endif
