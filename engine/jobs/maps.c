/* Router maps: see maps.h.  A block's map is the mean of the prior's weight
 * in its self- and its cross-attention, h x w; an IP-Adapter's is in the latter alone. */
#include "jobs/maps.h"

#include "jobs/frame.h"

/* A block's size from its number of pixels: the latent's, halved, rounded up, as often as needed. */
static void
block_size (const MoaDenoiser *d, const MoaTensor *router, int *width, int *height)
{
  int w = d->width, h = d->height;
  while ((gint64) w * h > router->shape.dim[1])
    {
      w = (w + 1) / 2;
      h = (h + 1) / 2;
    }
  g_assert ((gint64) w * h == router->shape.dim[1]);
  *width = w;
  *height = h;
}

gboolean
moa_maps_init (MoaRouterMaps *maps, const MoaDenoiser *d, int step, int timestep, GError **error)
{
  *maps = (MoaRouterMaps){ step, timestep, g_new0 (MoaImage *, d->n_layers), d->n_layers, 1, 1 };
  for (int l = 0; l < d->n_layers; l++)
    {
      int width, height;
      block_size (d, d->router[2 * l + 1], &width, &height);
      MoaImage *layer = maps->layers[l] = moa_image_try (width, height, 1, error);
      if (!layer)
        return FALSE;
      for (int i = 0; i < width * height; i++)
        layer->data[i] = 1;
    }
  return TRUE;
}

/* Of the last row, which is the prompt's. */
static float *
read_router (const MoaTensor *router, int n_pixels)
{
  gint64 n = moa_shape_count (&router->shape);
  g_autofree float *rows = g_new (float, n);
  moa_graph_get (router, rows);
  return g_memdup2 (rows + n - n_pixels, n_pixels * sizeof (float));
}

void
moa_maps_take (MoaRouterMaps *maps, const MoaDenoiser *d, int n)
{
  for (int l = 0; l < maps->n_layers; l++)
    {
      MoaImage *layer = maps->layers[l];
      int n_pixels = layer->width * layer->height;
      g_autofree float *cross = read_router (d->router[2 * l + 1], n_pixels);
      g_autofree float *self = d->router[2 * l] ? read_router (d->router[2 * l], n_pixels) : NULL;
      for (int i = 0; i < n_pixels; i++)
        {
          float prior = 1 - ((self ? self[i] : cross[i]) + cross[i]) / 2;
          layer->data[i] += (prior - layer->data[i]) / n;
        }
    }
}

void
moa_maps_clear (MoaRouterMaps *maps)
{
  for (int l = 0; l < maps->n_layers; l++)
    moa_image_free (maps->layers[l]);
  g_free (maps->layers);
}

MoaImage *
moa_maps_weight (const MoaRouterMaps *maps, const int *chosen, int n, int width, int height,
                 GError **error)
{
  MoaImage *weight = moa_image_try (width, height, 1, error);
  n = chosen ? n : maps->n_layers;
  for (int k = 0; weight && k < n; k++)
    {
      MoaImage *layer = moa_image_fit (maps->layers[chosen ? chosen[k] : k], width, height, error);
      if (!layer)
        g_clear_pointer (&weight, moa_image_free);
      else
        for (int i = 0; i < width * height; i++)
          weight->data[i] += (1 - layer->data[i]) / n;
      moa_image_free (layer);
    }
  return weight;
}
