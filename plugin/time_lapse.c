/* plug-in-moa-time-lapse: one person from young to old, by words (the paper's time lapse).  All ages have
 * one seed. */
#include "intl.h"
#include "order.h"
#include "procedures.h"
#include "sequence.h"

#include "ui/entries.h"

#include "icon.h"

#define DELAY 800

static const char *const own[] = { "delay", NULL };

static gboolean
plan (Sequence *sequence, GError **error)
{
  g_auto (GStrv) ages = moa_ages (sequence->settings->prompt);

  sequence_settle_delay (sequence, DELAY);
  for (char **age = ages; *age; age++)
    {
      Frame *frame = sequence_add (sequence, sequence_name_frame (sequence, *age));

      replace_settings_set_string (&frame->settings->prompt, *age);
    }
  return TRUE;
}

const SequenceKind time_lapse_kind = {
  "time-lapse", "plug-in-moa-time-lapse", own, "delay", 1, N_("Add the person who grows older."), plan,
  sequence_write_frames, N_("Time Lapse"), SEQUENCE_LINES, N_("In _words:"),
  N_("An age in words on each line, from young to old, with a noun for the person: "
     "\"an old woman in a park\"")
};

static const GimpParamDef args[ORDER_N_ARGS] = {
  ORDER_ARGS ("ages", "The ages in words, young to old, one on each line; or one line, \"woman\", for seven "
              "usual ages of one; \"\" for a person's",
              "A layer for the person who grows older; others stay beside", "Seed of all ages", "delay",
              "Milliseconds that an animation shows each age, for the layers' names; 0 for 800")
};

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  return sequence_run (&time_lapse_kind, param, values, error);
}

const Procedure time_lapse_procedure = {
  "plug-in-moa-time-lapse",
  N_("MoA: one person from young to old"),
  "Draws a person at several ages, told in words, into a new image with a layer for each, the first one "
  "lowest, named as GIMP's animations want. Returns its name and the image. Use pictures of people who "
  "agree to it.",
  N_("_Time Lapse..."), moa_icon_generate, "", args, ORDER_N_ARGS, 2, run, entry_time_lapse
};
