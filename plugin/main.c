/* The plug-in: its procedure, as GIMP's menus and scripts see it. */
#include "intl.h"
#include "replace.h"

#include "ui/replace_dialog.h"

#include <gegl.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <locale.h>
#include <string.h>

#include "icon.h"

enum {
  ARG_RUN_MODE, ARG_IMAGE, ARG_DRAWABLE, ARG_N_SUBJECTS, ARG_SUBJECTS, ARG_PROMPT, ARG_STEPS,
  ARG_GUIDANCE, ARG_SEED, ARG_MODEL, ARG_OPTIONS, N_ARGS
};

static const GimpParamDef args[N_ARGS] = {
  { GIMP_PDB_INT32, "run-mode", "RUN-INTERACTIVE (0), RUN-NONINTERACTIVE (1) or "
    "RUN-WITH-LAST-VALS (2)" },
  { GIMP_PDB_IMAGE, "image", "The image" },
  { GIMP_PDB_DRAWABLE, "drawable", "The layer with the persons to be replaced" },
  { GIMP_PDB_INT32, "num-subjects", "The number of subjects" },
  { GIMP_PDB_INT32ARRAY, "subjects", "A layer for each person who comes in, of any open image; "
    "the first takes the leftmost person, and so on" },
  { GIMP_PDB_STRING, "prompt", "The picture in words, with one noun for each subject (\"a man "
    "and a woman\"); \"\" for \"a person\"" },
  { GIMP_PDB_INT32, "steps", "Denoising steps; 0 for the model's own" },
  { GIMP_PDB_FLOAT, "guidance", "Guidance; negative for the model's own" },
  { GIMP_PDB_INT32, "seed", "Seed of the noise" },
  { GIMP_PDB_STRING, "model", "Folder of the model; \"\" for the installed one" },
  { GIMP_PDB_STRING, "options", "A JSON object, \"{}\" for none: base (\"default\", \"prior\", "
    "\"moa\"), freedom (0 to 1), fixed_point, max_timestep, limit, blend, color_match, grow, "
    "feather, mask_threshold, order (list: the person from the left, counted from 0, of each "
    "subject), reconstruction, maps, threads, memory_limit (MiB)" },
};

static const char *
locale_folder (void)
{
  static char *folder;

  if (!folder)
    {
      g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
      g_autofree char *here = program ? g_path_get_dirname (program) : NULL;

      folder = g_build_filename (here ? here : "", "locale", NULL);
      if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
        {
          g_free (folder);
          folder = g_strdup (MOA_LOCALE_DIR);
        }
    }
  return folder;
}

static void
query (void)
{
  gimp_plugin_domain_register (GETTEXT_PACKAGE, locale_folder ());
  gimp_install_procedure (REPLACE_PROCEDURE,
    N_("MoA: replace a person in the picture by a person from another one"),
    "Replaces one or more persons in a layer with the persons on other layers, by Mixture-of-"
    "Attention diffusion. Select the person first to work on a part of the picture. The result is "
    "a layer group above the layer; the layer itself is not changed, and outside the result's "
    "layer mask nothing changes. Use pictures of people who agree to it.",
    "MoA for GIMP", "MoA for GIMP", "2026", N_("_Replace Person..."), "RGB*, GRAY*", GIMP_PLUGIN,
    N_ARGS, 0, args, NULL);
  gimp_plugin_menu_register (REPLACE_PROCEDURE, "<Image>/Filters/MoA");
  gimp_plugin_icon_register (REPLACE_PROCEDURE, GIMP_ICON_TYPE_INLINE_PIXBUF, moa_icon);
}

static gboolean
run_from_arguments (const GimpParam *param, int n_params, GError **error)
{
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();

  if (n_params != N_ARGS)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT, "%d arguments were given, there must be "
                   "%d", n_params, N_ARGS);
      return FALSE;
    }
  replace_settings_set_string (&settings->prompt, param[ARG_PROMPT].data.d_string);
  replace_settings_set_string (&settings->model, param[ARG_MODEL].data.d_string);
  settings->params.steps = param[ARG_STEPS].data.d_int32;
  settings->params.guidance = param[ARG_GUIDANCE].data.d_float;
  settings->params.seed = (guint32) param[ARG_SEED].data.d_int32;
  return replace_settings_set_options (settings, param[ARG_OPTIONS].data.d_string, error)
         && replace_run (param[ARG_IMAGE].data.d_image, param[ARG_DRAWABLE].data.d_drawable,
                         param[ARG_SUBJECTS].data.d_int32array,
                         param[ARG_N_SUBJECTS].data.d_int32, settings, error);
}

static GimpPDBStatusType
run_in_dialog (const GimpParam *param, gboolean again, GError **error)
{
  /* gimp_ui_init() would end the process without a display. */
  if (!gtk_init_check (NULL, NULL))
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT, "there is no display for the dialog: "
                   "use RUN-NONINTERACTIVE");
      return GIMP_PDB_EXECUTION_ERROR;
    }
  gimp_ui_init ("moa-gimp", FALSE);
  return replace_dialog_run (param[ARG_IMAGE].data.d_image, param[ARG_DRAWABLE].data.d_drawable,
                             again) ? GIMP_PDB_SUCCESS : GIMP_PDB_CANCEL;
}

static void
run (const gchar *name, gint n_params, const GimpParam *param, gint *n_values,
     GimpParam **return_values)
{
  /* libgimp sends these on after the return. */
  static GimpParam values[2];
  g_autoptr (GError) error = NULL;
  GimpPDBStatusType status = GIMP_PDB_SUCCESS;
  GimpRunMode mode = param[ARG_RUN_MODE].data.d_int32;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, locale_folder ());
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  gegl_init (NULL, NULL);

  if (mode != GIMP_RUN_NONINTERACTIVE)
    status = run_in_dialog (param, mode == GIMP_RUN_WITH_LAST_VALS, &error);
  else if (!run_from_arguments (param, n_params, &error))
    status = GIMP_PDB_EXECUTION_ERROR;

  *return_values = values;
  *n_values = 1;
  values[0].type = GIMP_PDB_STATUS;
  values[0].data.d_status = status;
  if (error)
    {
      *n_values = 2;
      values[1].type = GIMP_PDB_STRING;
      values[1].data.d_string = g_strdup (error->message);
    }
}

const GimpPlugInInfo PLUG_IN_INFO = { NULL, NULL, query, run };

MAIN ()
