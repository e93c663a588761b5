/* What moa replace writes and prints. */
#include "cli/replace.h"

#include "base/error.h"
#include "io/file.h"
#include "io/safetensors.h"

#include <string.h>
#include <unistd.h>

/* moa maps writes nothing else. */
static const char *
maps_folder (const CliReplace *r)
{
  return r->params.maps_only ? r->job.output : r->maps;
}

gboolean
moa_cli_replace_check_output (const MoaCliJob *job, GError **error)
{
  const CliReplace *r = (const CliReplace *) job;
  const char *const pngs[] = { r->mask, r->reconstruction };
  for (gsize i = 0; i < G_N_ELEMENTS (pngs); i++)
    if (pngs[i] && !moa_cli_check_png (pngs[i], error))
      return FALSE;
  for (int k = 0; k < job->klass->n_pictures (job); k++)
    {
      g_autofree char *path = moa_cli_job_output (job, k);
      if (!moa_cli_check_png (path, error))
        return FALSE;
    }
  if (r->trajectory && !moa_cli_check_folder_of (r->trajectory, error))
    return FALSE;
  return !maps_folder (r) || moa_folder_make (maps_folder (r), error);
}

/* With its colour profile, which gdk_pixbuf_copy() leaves behind.  (transfer full); NULL: no memory */
static GdkPixbuf *
copy_source (const CliReplace *r)
{
  GdkPixbuf *copy = gdk_pixbuf_copy (r->source);
  if (copy)
    gdk_pixbuf_copy_options (r->source, copy);
  return copy;
}

/* image into the area of pixbuf, where mask (NULL: everywhere) is not 0. */
static void
paste (GdkPixbuf *pixbuf, const MoaRect *area, const MoaImage *image, const MoaImage *mask)
{
  int channels = gdk_pixbuf_get_n_channels (pixbuf);
  gsize stride = gdk_pixbuf_get_rowstride (pixbuf);
  guint8 *pixels = gdk_pixbuf_get_pixels (pixbuf);
  for (int y = 0; y < area->height; y++)
    for (int x = 0; x < area->width; x++)
      {
        gsize i = (gsize) y * area->width + x;
        guint8 *to = pixels + (area->y + y) * stride + (gsize) (area->x + x) * channels;
        for (int c = 0; c < 3 && (!mask || mask->data[i] > 0); c++)
          to[c] = CLAMP (image->data[3 * i + c], 0, 1) * 255 + 0.5f;
      }
}

static gboolean
written (CliReplace *r, const char *path)
{
  json_array_append_new (r->job.files, moa_cli_json_string (path));
  return TRUE;
}

static gboolean
save_mask (CliReplace *r, GError **error)
{
  int width = gdk_pixbuf_get_width (r->source), height = gdk_pixbuf_get_height (r->source);
  MoaImage *mask = moa_image_new (width, height, 1);
  for (int y = 0; mask && y < r->area.height; y++)
    memcpy (mask->data + (gsize) (r->area.y + y) * width + r->area.x,
            r->result->variations->mask->data + (gsize) y * r->area.width,
            r->area.width * sizeof (float));
  gboolean ok = mask ? moa_cli_save_image (mask, r->mask, error)
                     : moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory to write it", r->mask);
  moa_image_free (mask);
  return ok;
}

static gboolean
save_reconstruction (CliReplace *r, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = copy_source (r);
  if (!pixbuf)
    return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory to write it", r->reconstruction);
  paste (pixbuf, &r->area, r->result->reconstruction, NULL);
  return moa_cli_save (pixbuf, r->reconstruction, error);
}

static gboolean
save_trajectory (CliReplace *r, GError **error)
{
  const MoaReplaceResult *result = r->result;
  gint64 dim[] = { result->steps + 1, result->latent_height, result->latent_width, 4 };
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  moa_safetensors_writer_add (writer, "trajectory", MOA_DTYPE_F32, 4, dim, result->trajectory);
  moa_safetensors_writer_metadata (writer, "order",
                                   "steps + 1, height, width, channels; z_0 first");
  gboolean ok = moa_safetensors_writer_save (writer, r->trajectory, error);
  moa_safetensors_writer_free (writer);
  return ok;
}

static gboolean
save_variation (CliReplace *r, int k, GError **error)
{
  const MoaVariation *variation = &r->result->variations[k];
  g_autofree char *path = moa_cli_job_output (&r->job, k);
  g_autoptr (GdkPixbuf) pixbuf = copy_source (r);
  if (!pixbuf)
    return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory to write it", path);
  paste (pixbuf, &r->area, variation->composite, variation->mask);
  return moa_cli_save_marked (pixbuf, path, r->job.mark, error) && written (r, path);
}

gboolean
moa_cli_replace_output (CliReplace *r, GError **error)
{
  const MoaReplaceResult *result = r->result;
  if (maps_folder (r) && !moa_cli_save_maps (result->variations->maps, result->variations->n_maps,
                                             maps_folder (r), r->job.files, error))
    return FALSE;
  if (r->mask && !(save_mask (r, error) && written (r, r->mask)))
    return FALSE;
  if (r->reconstruction && !(save_reconstruction (r, error) && written (r, r->reconstruction)))
    return FALSE;
  if (r->trajectory && !(save_trajectory (r, error) && written (r, r->trajectory)))
    return FALSE;
  for (int k = 0; !r->params.maps_only && k < result->n_variations; k++)
    if (!save_variation (r, k, error))
      return FALSE;
  return TRUE;
}

static json_t *
map_json (const MoaRouterMaps *maps)
{
  json_t *means = json_array ();
  for (int l = 0; l < maps->n_layers; l++)
    {
      const MoaImage *map = maps->layers[l];
      double sum = 0;
      for (int i = 0; i < map->width * map->height; i++)
        sum += map->data[i];
      json_array_append_new (means, json_real (sum / (map->width * map->height)));
    }
  return json_pack ("{s:i, s:i, s:o}", "step", maps->step, "timestep", maps->timestep,
                    "prior_weight", means);
}

/* Boxes of the heads that were worked on again, in the source's pixels. */
static json_t *
heads_json (const CliReplace *r)
{
  const MoaVariation *variation = r->result->variations;
  json_t *list = json_array ();
  for (int k = 0; k < variation->n_heads; k++)
    {
      const MoaRect *head = &variation->heads[k];
      json_array_append_new (list, json_pack ("[i,i,i,i]", r->area.x + head->x, r->area.y + head->y,
                                              head->width, head->height));
    }
  return list;
}

void
moa_cli_replace_print (const MoaCliJob *job)
{
  const CliReplace *r = (const CliReplace *) job;
  const MoaReplaceResult *result = r->result;
  moa_cli_print_warnings (job->klass->name, (const char *const *) result->warnings);
  if (!job->cli->json)
    {
      const json_t *file;
      size_t i;
      double seconds = 0;
      for (int p = 0; p < MOA_N_PHASES; p++)
        seconds += result->seconds[p];
      json_array_foreach (job->files, i, file)
        g_print ("%s\n", json_string_value (file));
      if (isatty (STDERR_FILENO))
        g_printerr ("%d steps in %.1f s\n", result->steps, seconds);
      return;
    }
  json_t *maps = json_array ();
  for (int i = 0; i < result->variations->n_maps; i++)
    json_array_append_new (maps, map_json (&result->variations->maps[i]));
  double covered = 0;
  gsize n = (gsize) result->variations->mask->width * result->variations->mask->height;
  for (gsize i = 0; i < n; i++)
    covered += result->variations->mask->data[i] / n;
  moa_cli_print_json (json_pack (
      "{s:O, s:o, s:i, s:f, s:f, s:s, s:f, s:I, s:i, s:i, s:i, s:[i,i,i,i], s:f, s:o, s:o, s:o, s:I, s:o}",
      "files", job->files, "prompt", moa_cli_json_string (result->prompt), "steps", result->steps,
      "guidance", result->guidance, "guidance_rescale", result->guidance_rescale, "base",
      result->base == MOA_BASE_MOA ? "moa" : "prior", "freedom", result->freedom, "seed",
      (json_int_t) r->params.seed, "fixed_point", result->fixed_point, "max_timestep", result->max_timestep,
      "guidance_max_timestep", result->guidance_max_timestep, "area", r->area.x, r->area.y, r->area.width,
      r->area.height, "mask_share", covered, "heads", heads_json (r), "router_maps", maps, "seconds",
      moa_cli_seconds_json (result->seconds), "peak_bytes", (json_int_t) result->peak_bytes,
      "warnings", moa_cli_strings_json ((const char *const *) result->warnings)));
}
