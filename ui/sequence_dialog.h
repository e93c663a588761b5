/* The dialog of Morph, Time Lapse and Story. */
#ifndef MOA_UI_SEQUENCE_DIALOG_H
#define MOA_UI_SEQUENCE_DIALOG_H

#include "plugin/sequence.h"

/* Lets the user choose, draws, and shows the new image.  FALSE if the user gave up. */
gboolean sequence_dialog_run (const SequenceKind *kind);

#endif
