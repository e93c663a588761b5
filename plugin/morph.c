/* plug-in-moa-morph: one person becomes another, in a new picture.  All frames have one seed; the first
 * subject's image features turn into the second's (the paper's morphing).  Further subjects stay. */
#include "intl.h"
#include "order.h"
#include "procedures.h"
#include "sequence.h"

#include "ui/entries.h"

#include "icon.h"

#define DELAY 150

static const char *const own[] = { "frames", "delay", NULL };

static gboolean
plan (Sequence *sequence, GError **error)
{
  int n = sequence->settings->sequence.frames, n_people = sequence->n_given - 1;
  Person *from = sequence_get_given (sequence, 0), *to = sequence_get_given (sequence, 1);

  if (!*sequence->settings->prompt)
    {
      g_free (sequence->settings->prompt);
      sequence->settings->prompt = moa_prompt_default (n_people);
    }
  sequence_settle_delay (sequence, DELAY);
  for (int i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf (_("Frame %d"), i + 1);
      Frame *frame = sequence_add (sequence, sequence_name_frame (sequence, name));

      /* Two who stand as one. */
      frame->n_people = n_people;
      frame->people[0] = sequence_add_between (sequence, from, to, (double) i / (n - 1));
      for (int k = 1; k < n_people; k++)
        frame->people[k] = sequence_get_given (sequence, k + 1);
      frame->like_first = TRUE;
    }
  return TRUE;
}

const SequenceKind morph_kind = {
  "morph", "plug-in-moa-morph", own, "frames", 2,
  N_("Add two persons at least: the first becomes the second."), plan,
  sequence_write_frames,
  N_("Morph"), SEQUENCE_LINE, N_("In _words:"),
  N_("What the picture shows, with one noun for each person who comes in: \"a man on a beach\"")
};

static const GimpParamDef args[ORDER_N_ARGS] = {
  ORDER_ARGS ("prompt", "The picture in words, with one noun for the person who changes and one for each "
              "who stays; \"\" for \"a person\"",
              "A layer for each person: the first becomes the second, others stay beside them",
              "Seed of all frames", "frames", "How many frames, 2 to 1000")
};

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  return sequence_run (&morph_kind, param, values, error);
}

const Procedure morph_procedure = {
  "plug-in-moa-morph",
  N_("MoA: one person becomes another, in a new picture"),
  "Draws a picture from words several times while one person in it becomes another, into a new image "
  "with a layer for each frame, the first one lowest, named as GIMP's animations want. Returns its name "
  "and the image. Use pictures of people who agree to it.",
  N_("_Morph..."), moa_icon_generate, "", args, ORDER_N_ARGS, 2, run, entry_morph
};
