/* plug-in-moa-replace-person. */
#include "intl.h"
#include "procedures.h"
#include "replace.h"

#include "ui/replace_dialog.h"

#include "icon.h"

enum {
  ARG_RUN_MODE, ARG_IMAGE, ARG_DRAWABLE, ARG_N_SUBJECTS, ARG_SUBJECTS, ARG_PROMPT, ARG_STEPS,
  ARG_GUIDANCE, ARG_SEED, ARG_MODEL, ARG_OPTIONS, N_ARGS
};

static const GimpParamDef args[N_ARGS] = {
  PROCEDURE_ON_LAYER ("The layer with the persons to be replaced; -1 if the options name it"),
  { GIMP_PDB_INT32, "num-subjects", "The number of subjects" },
  { GIMP_PDB_INT32ARRAY, "subjects", "A layer for each person who comes in, of any open image; "
    "the first takes the leftmost person, and so on; those that the options name come after" },
  { GIMP_PDB_STRING, "prompt", "The picture in words, with one noun for each subject (\"a man "
    "and a woman\"); \"\" for \"a person\"" },
  { GIMP_PDB_INT32, "steps", "Denoising steps; 0 for the model's own" },
  { GIMP_PDB_FLOAT, "guidance", "Guidance; negative for the model's own" },
  { GIMP_PDB_INT32, "seed", "Seed of the noise" },
  { GIMP_PDB_STRING, "model", "Folder of the model; \"\" for the installed one" },
  { GIMP_PDB_STRING, "options", "A JSON object, \"{}\" for none: {\"layer\": \"the target's name\", "
    "\"subjects\": [\"layer:NAME\", \"file:PATH\", \"saved:NAME\", \"keep\", [\"layer:NAME\", \"mask:NAME\"]], \"order\": [1, 0], "
    "\"variations\": 3, \"freedom\": 0.5, ...}; docs/settings.md lists them all" },
};

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();

  replace_settings_set_string (&settings->prompt, param[ARG_PROMPT].data.d_string);
  replace_settings_set_string (&settings->model, param[ARG_MODEL].data.d_string);
  settings->params.steps = param[ARG_STEPS].data.d_int32;
  settings->params.guidance = MAX (param[ARG_GUIDANCE].data.d_float, -1);
  settings->params.seed = (guint32) param[ARG_SEED].data.d_int32;
  return replace_settings_set_options (settings, param[ARG_OPTIONS].data.d_string, error)
         && replace_run (param[ARG_IMAGE].data.d_image, param[ARG_DRAWABLE].data.d_drawable,
                         param[ARG_SUBJECTS].data.d_int32array,
                         param[ARG_N_SUBJECTS].data.d_int32, settings, error);
}

static gboolean
dialog (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  return replace_dialog_run (image, drawable, again);
}

const Procedure replace_procedure = {
  REPLACE_PROCEDURE,
  N_("MoA: replace a person in the picture by a person from another one"),
  "Replaces one or more persons in a layer with the persons on other layers, by Mixture-of-"
  "Attention diffusion. Select the person first to work on a part of the picture. The result is "
  "a layer group above the layer; the layer itself is not changed, and outside the result's "
  "layer mask nothing changes. Use pictures of people who agree to it.",
  N_("_Replace Person..."), moa_icon_replace_person, "RGB*, GRAY*", args, N_ARGS, 0, run, dialog
};
