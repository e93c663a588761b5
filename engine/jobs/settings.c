/* The settings of the jobs, described once: see moa.h.  A new one is a field of
 * the parameters, its default in params_init(), and a row here.  There are more
 * settings than letters: only those that are changed often have an access key. */
#include "base/error.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const char own[] = N_ ("the model's own");

#define R(field) offsetof (MoaReplaceParams, field)

static const MoaSetting replace_settings[] = {
  { "steps", MOA_SETTING_INTEGER, R (steps), 0, 1000, 0, own, N_ ("_Steps"),
    N_ ("Steps of inversion and of regeneration: more are slower and truer to the picture") },
  { "guidance", MOA_SETTING_NUMBER, R (guidance), -1, 100, -1, own, N_ ("_Guidance"),
    N_ ("How far to go from the base toward the subjects; 1: no further than the model says") },
  { "freedom", MOA_SETTING_NUMBER, R (freedom), -1, 1, -1, own, N_ ("Fr_eedom"),
    N_ ("Fresh noise where persons may change: 0 keeps the old person's shape, 1 forgets it") },
  { "seed", MOA_SETTING_SEED, R (seed), 0, 4294967295.0, 0, NULL, N_ ("See_d"),
    N_ ("Of the fresh noise that freedom adds; without freedom it changes nothing") },
  { "variations", MOA_SETTING_INTEGER, R (variations), 1, MOA_MAX_VARIATIONS, 1, NULL,
    N_ ("Var_iations"),
    N_ ("Pictures of one run, with the seed and those after it; more than one need freedom") },
  { "base", MOA_SETTING_BASE, R (base), MOA_BASE_DEFAULT, MOA_BASE_MOA, MOA_BASE_DEFAULT,
    N_ ("what fits the job"), N_ ("Base"),
    N_ ("What guidance starts from: the prior, or the MoA net without subjects") },
  { "fixed_point", MOA_SETTING_INTEGER, R (fixed_point), -1, 100, -1, own, N_ ("Refinements"),
    N_ ("Refinements of each step of the inversion: each costs as much time as the inversion "
        "itself and brings it closer to the picture") },
  { "max_timestep", MOA_SETTING_INTEGER, R (max_timestep), -1, 1000, -1, own,
    N_ ("Prior above timestep"),
    N_ ("Above it the prior runs alone, which keeps the picture's layout") },
  { "guidance_max_timestep", MOA_SETTING_INTEGER, R (guidance_max_timestep), -1, 1000, -1, own,
    N_ ("No guidance above timestep"),
    N_ ("Above it guidance is 1, which keeps shapes and colours natural and saves time") },
  { "guidance_rescale", MOA_SETTING_NUMBER, R (guidance_rescale), -1, 1, -1, own, N_ ("Rescale guidance"),
    N_ ("How much of the contrast that guidance adds is taken back: 0 none, 1 all of it") },
  { "find", MOA_SETTING_BOOLEAN, R (find), 0, 1, TRUE, NULL, N_ ("Find persons automatically"),
    N_ ("Without a selection only the persons who are found change, otherwise the whole picture may") },
  { "limit", MOA_SETTING_BOOLEAN, R (limit), 0, 1, TRUE, NULL,
    N_ ("Limit persons to the selection"),
    N_ ("The new person's weight is 0 outside the selection") },
  { "blend", MOA_SETTING_BOOLEAN, R (blend), 0, 1, TRUE, NULL, N_ ("Keep the background"),
    N_ ("After each step the old picture is put back outside the selection") },
  { "color_match", MOA_SETTING_BOOLEAN, R (color_match), 0, 1, FALSE, NULL, N_ ("Match colours"),
    N_ ("Matches the result's colours to the picture's around the person") },
  { "grow", MOA_SETTING_NUMBER, R (grow), -1, 1000, -1, own, N_ ("Grow the mask"),
    N_ ("Grows the result's mask by so many pixels of the model's picture") },
  { "feather", MOA_SETTING_NUMBER, R (feather), -1, 1000, -1, own, N_ ("Feather the mask"),
    N_ ("Softens the edge of the result's mask over so many pixels of the model's picture") },
  { "mask_threshold", MOA_SETTING_NUMBER, R (mask_threshold), 0, 1, 0.5, NULL,
    N_ ("Mask threshold"), N_ ("The routers' weight from which a pixel is the person's") },
  { "faces", MOA_SETTING_NUMBER, R (faces), 0, 1, 0, NULL, N_ ("Faces again"),
    N_ ("Works on each small head again, at the model's full size, with the last part of the steps: 0.6 "
        "does well, 0 leaves it out") },
  { "expert_scale", MOA_SETTING_NUMBER, R (expert_scale), 0, MOA_MAX_EXPERT_SCALE, 1, NULL, N_ ("Expert's scale"),
    N_ ("How strongly an IP-Adapter's attention counts; other models have none") },
  { "reconstruction", MOA_SETTING_BOOLEAN, R (want_reconstruction), 0, 1, FALSE, NULL,
    N_ ("Add the reconstruction"),
    N_ ("Also shows what inversion and the way back make of the picture: how much is lost") },
};

#define G(field) offsetof (MoaGenerateParams, field)

static const MoaSetting generate_settings[] = {
  { "width", MOA_SETTING_INTEGER, G (width), 0, 4096, 0, own, N_ ("_Width"),
    N_ ("Width of the picture, a multiple of 8") },
  { "height", MOA_SETTING_INTEGER, G (height), 0, 4096, 0, own, N_ ("_Height"),
    N_ ("Height of the picture, a multiple of 8") },
  { "steps", MOA_SETTING_INTEGER, G (steps), 0, 999, 0, "30", N_ ("_Steps"),
    N_ ("Steps of denoising: more are slower and finer") },
  { "guidance", MOA_SETTING_NUMBER, G (guidance), -1, 100, -1, "5", N_ ("_Guidance"),
    N_ ("How closely the picture follows the words") },
  { "guidance_rescale", MOA_SETTING_NUMBER, G (guidance_rescale), 0, 1, 0, NULL, N_ ("Rescale guidance"),
    N_ ("How much of the contrast that guidance adds is taken back: 0 none, 1 all of it") },
  { "base", MOA_SETTING_BASE, G (base), MOA_BASE_DEFAULT, MOA_BASE_MOA, MOA_BASE_DEFAULT,
    N_ ("what fits the job"), N_ ("Base"),
    N_ ("What guidance starts from: the prior, or the MoA net without subjects") },
  { "max_timestep", MOA_SETTING_INTEGER, G (max_timestep), -1, 1000, -1, own,
    N_ ("Prior above timestep"), N_ ("Above it the prior runs alone, which makes the layout") },
  { "expert_scale", MOA_SETTING_NUMBER, G (expert_scale), 0, MOA_MAX_EXPERT_SCALE, 1, NULL, N_ ("Expert's scale"),
    N_ ("How strongly an IP-Adapter's attention counts; other models have none") },
  { "prior_only", MOA_SETTING_BOOLEAN, G (prior_only), 0, 1, FALSE, NULL, N_ ("_Layout only"),
    N_ ("Draws without the subjects: a quick look at the layout of a seed") },
  { "maps", MOA_SETTING_BOOLEAN, G (want_maps), 0, 1, FALSE, NULL, N_ ("Router _maps"),
    N_ ("Also gives the router maps") },
};

#define S(field) offsetof (MoaSequenceParams, field)

static const MoaSetting sequence_settings[] = {
  { "frames", MOA_SETTING_INTEGER, S (frames), 2, 1000, 9, NULL, N_ ("Fra_mes"),
    N_ ("Pictures of a morph, the first and the last person among them") },
  { "delay", MOA_SETTING_INTEGER, S (delay), 0, 60000, 0, N_ ("what fits the job"), N_ ("De_lay"),
    N_ ("Milliseconds that an animation shows each picture; 0: 150 in a morph, 800 in a time lapse") },
  { "columns", MOA_SETTING_INTEGER, S (columns), 0, 100, 0, N_ ("what fits the job"), N_ ("Colu_mns"),
    N_ ("Pictures side by side on a story's page; 0: as the story says, or 2") },
  { "rows", MOA_SETTING_INTEGER, S (rows), 0, 100, 0, N_ ("what fits the job"), N_ ("Ro_ws"),
    N_ ("Rows of pictures on a story's page; 0: as the story says, or 3") },
};

void
moa_sequence_params_init (MoaSequenceParams *params)
{
  *params = (MoaSequenceParams){ .frames = 9 };
}

const MoaSetting *
moa_sequence_settings (int *n)
{
  *n = G_N_ELEMENTS (sequence_settings);
  return sequence_settings;
}

const MoaSetting *
moa_replace_settings (int *n)
{
  *n = G_N_ELEMENTS (replace_settings);
  return replace_settings;
}

const MoaSetting *
moa_generate_settings (int *n)
{
  *n = G_N_ELEMENTS (generate_settings);
  return generate_settings;
}

const MoaSetting *
moa_setting_find (const MoaSetting *settings, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    if (!strcmp (settings[i].name, name))
      return &settings[i];
  return NULL;
}

double
moa_setting_get (const MoaSetting *setting, gconstpointer params)
{
  gconstpointer field = (const char *) params + setting->offset;
  switch (setting->kind)
    {
    case MOA_SETTING_BOOLEAN:
      return *(const gboolean *) field;
    case MOA_SETTING_INTEGER:
      return *(const int *) field;
    case MOA_SETTING_NUMBER:
      return *(const double *) field;
    case MOA_SETTING_SEED:
      return *(const guint64 *) field;
    case MOA_SETTING_BASE:
      return *(const MoaGuidanceBase *) field;
    }
  g_return_val_if_reached (0);
}

static gboolean
value_ok (const MoaSetting *setting, double value, GError **error)
{
  gboolean whole = setting->kind != MOA_SETTING_NUMBER;
  double lower = setting->left_to_model && setting->lower < 0 ? 0 : setting->lower;
  if (setting->left_to_model && value == setting->fallback)
    return TRUE;
  if (whole && value != floor (value))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "\"%s\" is %g; it must be a whole number",
                     setting->name, value);
  if (value >= lower && value <= setting->upper) /* a NaN is neither */
    return TRUE;
  g_autofree char * or
      = setting->left_to_model
            ? g_strdup_printf (", or %g for %s", setting->fallback, setting->left_to_model)
            : g_strdup ("");
  return moa_fail (error, MOA_ERROR_ARGUMENT, "\"%s\" is %g; it may be %g to %.10g%s",
                   setting->name, value, lower, setting->upper, or);
}

gboolean
moa_setting_set (const MoaSetting *setting, gpointer params, double value, GError **error)
{
  gpointer field = (char *) params + setting->offset;
  if (!value_ok (setting, value, error))
    return FALSE;
  switch (setting->kind)
    {
    case MOA_SETTING_BOOLEAN:
      *(gboolean *) field = value != 0;
      break;
    case MOA_SETTING_INTEGER:
      *(int *) field = value;
      break;
    case MOA_SETTING_NUMBER:
      *(double *) field = value;
      break;
    case MOA_SETTING_SEED:
      *(guint64 *) field = value;
      break;
    case MOA_SETTING_BASE:
      *(MoaGuidanceBase *) field = value;
      break;
    }
  return TRUE;
}
