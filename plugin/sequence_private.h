/* The inside of a Sequence, for sequence.c, which draws, sequence_person.c, which knows who is drawn,
 * sequence_drawn.c, which keeps what is drawn, and sequence_measure.c, which looks at files. */
#ifndef MOA_PLUGIN_SEQUENCE_PRIVATE_H
#define MOA_PLUGIN_SEQUENCE_PRIVATE_H

#include "sequence.h"

/* ---- sequence_person.c ---- */

void sequence_person_free (gpointer person);

/* In any thread: who is in the frame, as the engine takes them; without made, the first of two stands for
 * who is between them. */
void sequence_get_subjects (const Frame *frame, gboolean made, MoaSubject *subjects, char **names);

/* Makes who is between others; and frees them. */
gboolean sequence_make_people (const Sequence *sequence, Frame *frame, const MoaRun *run, GError **error);
void sequence_drop_people (Frame *frame);

/* ---- sequence_measure.c ---- */

/* In any thread: where pictures are not read, which is of a sequence for its cost, a frame gets empty ones
 * of their sizes. */
gboolean sequence_measure (const Sequence *sequence, Frame *frame, GError **error);

/* ---- sequence_drawn.c: they do nothing without sequence->drawn and a folder ---- */

/* Gives each frame its hash. */
void sequence_name_frames (Sequence *sequence);

/* Whether the frame need not be drawn. */
gboolean sequence_has_drawn (const Sequence *sequence, const Frame *frame);

/* The pictures of such frames go to them; and back. */
void sequence_take_drawn (Sequence *sequence);
void sequence_keep_drawn (Sequence *sequence);

/* The folder is there and can be written. */
gboolean sequence_open_folder (const Sequence *sequence, GError **error);

/* Writes the frame into the folder. */
gboolean sequence_write_drawn (const Sequence *sequence, Frame *frame, GError **error);

#endif
