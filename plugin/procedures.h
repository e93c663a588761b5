/* The plug-in's procedures, a file each; main.c lists them. */
#ifndef MOA_PLUGIN_PROCEDURES_H
#define MOA_PLUGIN_PROCEDURES_H

#include <libgimp/gimp.h>

typedef struct {
  const char *name;
  const char *blurb, *help; /* blurb: to be translated */
  const char *label;        /* in the menu, to be translated; NULL: not in it */
  const guint8 *icon;       /* or NULL */
  const char *types;        /* of images; "": none is needed */
  const GimpParamDef *args; /* the run mode first */
  int n_args;
  /* What a call without a dialog returns: nothing, or a text and then maybe an image.  An error's
   * message takes the text's place, which Script-Fu needs. */
  int n_values;
  /* Without a dialog.  values: (transfer full), n_values of them; FALSE with error set. */
  gboolean (*run) (const GimpParam *args, GimpParam *values, GError **error);
  /* With a dialog or from the menu; again: as the last time.  FALSE, without an error, if the user
   * gave up.  NULL: there is none. */
  gboolean (*dialog) (gint32 image, gint32 drawable, gboolean again, GError **error);
} Procedure;

extern const Procedure replace_procedure, generate_procedure, morph_procedure,
  time_lapse_procedure, story_procedure, router_maps_procedure, repeat_procedure, edit_procedure, subjects_procedure, models_procedure;

/* The first three arguments of a procedure that works on a layer. */
#define PROCEDURE_ON_LAYER(what) \
  { GIMP_PDB_INT32, "run-mode", "RUN-INTERACTIVE (0), RUN-NONINTERACTIVE (1) or " \
    "RUN-WITH-LAST-VALS (2)" }, \
  { GIMP_PDB_IMAGE, "image", "The image" }, \
  { GIMP_PDB_DRAWABLE, "drawable", what }

#endif
