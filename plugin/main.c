/* The plug-in, as GIMP's menus and scripts see it: its procedures registered and run. */
#include "intl.h"
#include "procedures.h"

#include "moa.h"

#include <gegl.h>
#include <libgimp/gimpui.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

static const Procedure *const procedures[] = {
  &replace_procedure, &generate_procedure, &morph_procedure, &time_lapse_procedure, &story_procedure,
  &router_maps_procedure, &repeat_procedure, &edit_procedure, &subjects_procedure, &models_procedure,
};

enum { MOST_VALUES = 2 };

static const GimpParamDef returned[MOST_VALUES] = {
  { GIMP_PDB_STRING, "text", "What there is to say about the result" },
  { GIMP_PDB_IMAGE, "image", "The new image" },
};

/* A folder beside the program, or the installed one.  (transfer full) */
static char *
find_folder (const char *name, const char *installed)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *here = program ? g_path_get_dirname (program) : NULL;
  g_autofree char *beside = g_build_filename (here ? here : "", name, NULL);

  return g_file_test (beside, G_FILE_TEST_IS_DIR) ? g_steal_pointer (&beside) : g_strdup (installed);
}

static const char *
locale_folder (void)
{
  static char *folder;

  if (!folder)
    folder = find_folder ("locale", MOA_LOCALE_DIR);
  return folder;
}

/* For F1 on an entry of the menu; the dialogs show their pages themselves. */
static void
register_help (void)
{
  g_autofree char *folder = find_folder ("help", MOA_HELP_DIR);
  g_autofree char *uri = g_filename_to_uri (folder, NULL, NULL);

  if (uri)
    gimp_plugin_help_register ("moa-gimp", uri);
}

static void
query (void)
{
  gimp_plugin_domain_register (GETTEXT_PACKAGE, locale_folder ());
  register_help ();
  for (guint i = 0; i < G_N_ELEMENTS (procedures); i++)
    {
      const Procedure *p = procedures[i];

      gimp_install_procedure (p->name, p->blurb, p->help, "MoA for GIMP", "MoA for GIMP", "2026",
                              p->label, p->types, GIMP_PLUGIN, p->n_args, p->n_values, p->args,
                              p->n_values ? returned : NULL);
      if (p->label)
        gimp_plugin_menu_register (p->name, "<Image>/Filters/MoA");
      if (p->icon)
        gimp_plugin_icon_register (p->name, GIMP_ICON_TYPE_INLINE_PIXBUF, p->icon);
    }
}

static gboolean
run_interactive (const Procedure *p, int n_params, const GimpParam *param, GError **error)
{
  gboolean again = param[0].data.d_int32 == GIMP_RUN_WITH_LAST_VALS;

  /* gimp_ui_init() would end the process without a display. */
  if (!p->dialog || !gtk_init_check (NULL, NULL))
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT, p->dialog
                   ? "there is no display for the dialog: use RUN-NONINTERACTIVE"
                   : "this procedure has no dialog: use RUN-NONINTERACTIVE");
      return FALSE;
    }
  gimp_ui_init ("moa-gimp", FALSE);

  GdkPixbuf *icon = gdk_pixbuf_new_from_resource ("/moa/help/icon.png", NULL);

  if (icon)
    gtk_window_set_default_icon (icon);
  g_clear_object (&icon);
  return p->dialog (n_params > 1 ? param[1].data.d_image : -1,
                    n_params > 2 ? param[2].data.d_drawable : -1, again, error);
}

static gboolean
run_batch (const Procedure *p, int n_params, const GimpParam *param, GimpParam *values,
           GError **error)
{
  if (n_params == p->n_args)
    return p->run (param, values, error);
  g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT, "%d arguments were given, there must be %d",
               n_params, p->n_args);
  return FALSE;
}

/* The status, and an error's message or what the procedure returns.  libgimp sends them on after
 * the return. */
static void
set_values (GimpParam *values, int *n_values, const Procedure *p, GimpPDBStatusType status,
            const GError *error)
{
  values[0].type = GIMP_PDB_STATUS;
  values[0].data.d_status = status;
  *n_values = 1;
  if (error)
    {
      values[1].type = GIMP_PDB_STRING;
      values[1].data.d_string = g_strdup (error->message);
      *n_values = 2;
    }
  else if (status == GIMP_PDB_SUCCESS)
    {
      for (int i = 0; i < p->n_values; i++)
        values[1 + i].type = returned[i].type;
      *n_values = 1 + p->n_values;
    }
}

/* libgimp's handlers allocate memory, which never ends when the signal came in the midst of an
 * allocation.  The kernel's own way needs no handler: nothing of ours has to be tidied up. */
static void
end_by_signals (void)
{
  static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    signal (signals[i], SIG_DFL);
}

static void
run (const gchar *name, gint n_params, const GimpParam *param, gint *n_values,
     GimpParam **return_values)
{
  static GimpParam values[1 + MOST_VALUES];
  g_autoptr (GError) error = NULL;
  const Procedure *p = procedures[0];
  gboolean batch = param[0].data.d_int32 == GIMP_RUN_NONINTERACTIVE;

  end_by_signals ();
  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, locale_folder ());
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  gegl_init (NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (procedures); i++)
    if (!strcmp (procedures[i]->name, name))
      p = procedures[i];

  gboolean done = batch ? run_batch (p, n_params, param, values + 1, &error)
                        : run_interactive (p, n_params, param, &error);

  *return_values = values;
  set_values (values, n_values, p,
              done ? GIMP_PDB_SUCCESS : error ? GIMP_PDB_EXECUTION_ERROR : GIMP_PDB_CANCEL, error);
  /* A dialog returns no values; a script that opened one gets empty ones. */
  if (done && !batch && p->n_values)
    {
      values[1].data.d_string = g_strdup ("");
      *n_values = 1 + p->n_values;
    }
}

const GimpPlugInInfo PLUG_IN_INFO = { NULL, NULL, query, run };

MAIN ()
