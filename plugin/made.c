/* What a picture was made of, as JSON: see made.h. */
#include "made.h"

#include "options.h"

#include <string.h>

typedef struct {
  const char *name;
  double value;
} Used;

/* A setting that was left to the model becomes what was used. */
static void
settle (const MoaSetting *rows, int n_rows, gpointer params, const Used *used, int n)
{
  for (int i = 0; i < n_rows; i++)
    for (int k = 0; k < n; k++)
      if (rows[i].left_to_model && moa_setting_get (&rows[i], params) == rows[i].fallback
          && !strcmp (rows[i].name, used[k].name))
        moa_setting_set (&rows[i], params, used[k].value, NULL);
}

json_t *
made_replacement (const ReplaceSettings *settings, const MoaModelInfo *info, const MoaReplaceResult *result,
                  guint64 seed)
{
  const Used used[] = {
    { "steps", result->steps },
    { "guidance", result->guidance },
    { "freedom", result->freedom },
    { "base", result->base },
    { "fixed_point", result->fixed_point },
    { "max_timestep", result->max_timestep },
    { "guidance_max_timestep", result->guidance_max_timestep },
    { "guidance_rescale", result->guidance_rescale },
    { "grow", info->side / 64.0 }, /* as moa.h says */
    { "feather", info->side / 42.0 },
  };
  g_autoptr (ReplaceSettings) made = replace_settings_copy (settings);
  int n;
  const MoaSetting *rows = moa_replace_settings (&n);

  settle (rows, n, &made->params, used, G_N_ELEMENTS (used));
  made->params.seed = seed;
  made->params.variations = 1;
  replace_settings_set_string (&made->device, "");

  g_autofree char *json = replace_settings_to_json (made);

  return json_loads (json, 0, NULL);
}

json_t *
made_picture (const MoaGenerateParams *params, char *const *names, const ReplaceSettings *how,
              const MoaModelInfo *info, const MoaGenerateResult *result, int i)
{
  const Used used[] = {
    { "width", result->images[i]->width },
    { "height", result->images[i]->height },
    { "steps", result->steps },
    { "guidance", result->guidance },
    { "base", MOA_BASE_MOA }, /* as what fits the job, see docs/settings.md */
    { "max_timestep", info->max_timestep },
  };
  MoaGenerateParams made = *params;
  json_t *object, *subjects = json_array ();
  int n;
  const MoaSetting *rows = moa_generate_settings (&n);

  for (int k = 0; k < params->n_subjects; k++)
    json_array_append_new (subjects, options_text (names[k]));
  object = json_pack ("{s:i, s:o, s:o, s:o, s:I, s:o}", "version", 1, "prompt", options_text (params->prompt),
                      "negative", options_text (params->negative ? params->negative : ""),
                      "model", options_text (how->model), "seed", (json_int_t) params->seeds[i],
                      "subjects", subjects);
  settle (rows, n, &made, used, G_N_ELEMENTS (used));
  options_put (object, rows, n, &made);
  replace_settings_put_files (how, object);
  return object;
}
