/* plug-in-moa-generate: a new image from words, and from persons. */
#include "control.h"
#include "generate.h"
#include "intl.h"
#include "order.h"
#include "procedures.h"

#include "ui/entries.h"

#include "icon.h"

static const GimpParamDef args[ORDER_N_ARGS] = {
  ORDER_ARGS ("prompt", "The picture in words, with one noun for each subject",
              "A layer for each person who is to be in it", "Seed of the first picture", "pictures",
              "How many pictures, of the seed and those after it")
};

static gint32
draw (const Order *order, GError **error)
{
  const GenerateSettings *settings = order->settings;
  MoaGenerateParams params = settings->params;
  guint64 seeds[GENERATE_MOST_PICTURES];
  MoaImage *control;
  MoaRun run;

  if (!control_read (settings->how, -1, NULL, &control, error))
    return -1;
  params.control = settings->how->params.control;
  params.control.image = control;
  params.prompt = settings->prompt;
  params.negative = settings->negative;
  params.subjects = order->people->subjects;
  params.n_subjects = order->people->n_subjects;
  params.seeds = seeds;
  params.n_seeds = settings->pictures;
  for (int i = 0; i < settings->pictures; i++)
    seeds[i] = (guint64) settings->seed + i;
  order_get_run (order, &run);
  gimp_progress_init (_("Drawing"));

  MoaGenerateResult *result = moa_generate (order->model, &params, &run, error);
  gint32 image = -1;

  gimp_progress_end ();
  if (result)
    image = generate_write (&params, order->people->names, result, settings->how,
                            moa_model_get_info (order->model), error);
  g_clear_pointer (&result, moa_generate_result_free);
  moa_image_free (control);
  return image;
}

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  g_autoptr (Order) order = order_new ("generate", NULL, "pictures", param, error);
  gint32 image = order ? draw (order, error) : -1;

  if (image >= 0)
    {
      values[0].data.d_string = gimp_image_get_name (image);
      values[1].data.d_image = image;
    }
  return image >= 0;
}

const Procedure generate_procedure = {
  GENERATE_PROCEDURE,
  N_("MoA: draw a new picture from words, with your own persons in it"),
  "Draws pictures from words, with the persons of the given layers at the words' nouns, into a new "
  "image with a layer for each seed. Returns its name and the image. Use pictures of people who "
  "agree to it.",
  N_("_Generate..."), moa_icon_generate, "", args, ORDER_N_ARGS, 2, run, entry_generate
};
