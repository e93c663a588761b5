/* What a call without a dialog orders: see order.h. */
#include "order.h"

#include "options.h"
#include "replace.h"

enum { ARG_WORDS = 1, ARG_N_SUBJECTS, ARG_SUBJECTS, ARG_SEED, ARG_NUMBER, ARG_MODEL, ARG_OPTIONS };

static gboolean
set_people (Order *order, const gint32 *layers, int n, GError **error)
{
  for (int i = 0; i < n; i++)
    if (!people_add_layer (order->people, layers[i], error))
      {
        g_prefix_error (error, "subject %d: ", i + 1);
        return FALSE;
      }
  if (order->settings->how->subjects
      && !people_add_list (order->people, order->settings->how->subjects, -1, error))
    return FALSE;
  return people_read_places (order->people, -1, NULL, error);
}

static gboolean
read_args (Order *order, const char *number, const GimpParam *param, GError **error)
{
  GenerateSettings *settings = order->settings;
  g_autofree char *json = g_strdup_printf ("{\"%s\": %d}", number, param[ARG_NUMBER].data.d_int32);

  replace_settings_set_string (&settings->prompt, param[ARG_WORDS].data.d_string);
  replace_settings_set_string (&settings->how->model, param[ARG_MODEL].data.d_string);
  settings->seed = param[ARG_SEED].data.d_int32;
  return generate_settings_set_options (settings, json, error)
         && generate_settings_set_options (settings, param[ARG_OPTIONS].data.d_string, error)
         && set_people (order, param[ARG_SUBJECTS].data.d_int32array, param[ARG_N_SUBJECTS].data.d_int32,
                        error);
}

Order *
order_new (const char *name, const char *const *own, const char *number, const GimpParam *param,
           GError **error)
{
  g_autoptr (Order) order = g_new0 (Order, 1);
  g_autofree char *path = NULL;

  order->settings = generate_settings_new (name, own);
  order->people = people_new ();
  if (!read_args (order, number, param, error))
    return NULL;
  order->model = replace_open_model (order->settings->how, &path, error);
  replace_settings_set_string (&order->settings->how->model, path);
  return order->model ? g_steal_pointer (&order) : NULL;
}

void
order_free (Order *order)
{
  if (!order)
    return;
  generate_settings_free (order->settings);
  people_free (order->people);
  g_clear_pointer (&order->model, moa_model_unref);
  g_free (order);
}

static void
show_progress (const MoaProgress *progress, gpointer data)
{
  replace_show_progress (progress);
}

void
order_get_run (const Order *order, MoaRun *run)
{
  replace_settings_get_run (order->settings->how, run);
  run->progress = show_progress;
}
