/* The inside of a Sequence, for sequence.c, which draws, and sequence_drawn.c, which keeps what is drawn. */
#ifndef MOA_PLUGIN_SEQUENCE_PRIVATE_H
#define MOA_PLUGIN_SEQUENCE_PRIVATE_H

#include "sequence.h"

/* All of them work with sequence->drawn, and do nothing without it. */

/* Gives each frame its hash. */
void sequence_name_frames (Sequence *sequence);

/* Whether the frame need not be drawn. */
gboolean sequence_has_drawn (const Sequence *sequence, const Frame *frame);

/* The pictures of such frames go to them; and back. */
void sequence_take_drawn (Sequence *sequence);
void sequence_keep_drawn (Sequence *sequence);

#endif
