/* What a result's layer group keeps: see record.h. */
#include "record.h"

#include "blob.h"
#include "intl.h"
#include "made.h"
#include "options.h"

#include <math.h>
#include <string.h>

#define SUBJECTS "moa-subjects"
#define MASKS "moa-subject-masks"
#define SELECTION "moa-selection"
#define MAPS "moa-router-maps"
#define MADE_WITH "moa-made-with"
#define SESSION "moa-session"
#define MARK "Persons in this picture were replaced with MoA for GIMP."

/* ---- Writing ------------------------------------------------------------- */

static void
attach_text (gint32 group, const char *name, const char *text)
{
  GimpParasite *parasite = gimp_parasite_new (name, GIMP_PARASITE_PERSISTENT
                                              | GIMP_PARASITE_UNDOABLE, strlen (text) + 1, text);

  gimp_item_attach_parasite (group, parasite);
  gimp_parasite_free (parasite);
}

static json_t *
names_to_json (const ReplaceTask *task)
{
  json_t *names = json_array ();

  for (int i = 0; i < task->n_subjects; i++)
    json_array_append_new (names, json_string (task->names[i]));
  return names;
}

/* A number that this session of GIMP has alone: only there an id is of the same layer. */
static guint32
get_session (void)
{
  guint32 session = 0;

  if (gimp_get_data_size (SESSION) == sizeof session)
    gimp_get_data (SESSION, &session);
  if (!session)
    {
      session = MAX (g_random_int (), 1);
      gimp_set_data (SESSION, &session, sizeof session);
    }
  return session;
}

/* A layer under any name: of the image by what is its own in any file, of another one by its id, as long as
 * that is open. */
static void
put_layer (json_t *object, const char *key, gint32 layer, const ReplaceTask *task)
{
  if (layer <= 0 || !gimp_item_is_valid (layer))
    return;
  json_object_set_new (object, key, gimp_item_get_image (layer) == task->image
                       ? json_integer (gimp_item_get_tattoo (layer))
                       : json_pack ("[I, i]", (json_int_t) get_session (), layer));
}

/* The layer with the picture, which lies topmost as long as the group is as it was made. */
static guint
get_result_tattoo (gint32 group)
{
  int n;
  g_autofree int *children = gimp_item_get_children (group, &n);

  return n > 0 ? gimp_item_get_tattoo (children[0]) : 0;
}

/* Image > Duplicate gives layers other tattoos, which may be those that others had: there a name tells more. */
static gboolean
is_duplicate (const json_t *object, gint32 group)
{
  int n;
  g_autofree int *children = gimp_item_get_children (group, &n);
  guint tattoo = json_integer_value (json_object_get (object, "result"));

  for (int i = 0; i < n; i++)
    if (gimp_item_get_tattoo (children[i]) == (int) tattoo)
      return FALSE;
  return tattoo != 0;
}

static gint32
find_layer (const json_t *object, const char *key, const char *name, gint32 group)
{
  const json_t *value = json_object_get (object, key);
  gint32 image = gimp_item_get_image (group), layer = json_integer_value (json_array_get (value, 1));
  guint tattoo = json_integer_value (value);

  if (tattoo)
    return !is_duplicate (object, group) ? gimp_image_get_layer_by_tattoo (image, tattoo)
           : name ? gimp_image_get_layer_by_name (image, name) : -1;
  return layer > 0 && json_integer_value (json_array_get (value, 0)) == get_session ()
         && gimp_item_is_valid (layer) && gimp_item_is_layer (layer) ? layer : -1;
}

/* What was used, after the model's defaults, in the form of the settings, and what it came
 * from. */
static char *
describe (gint32 group, const ReplaceTask *task, gint32 source, const MoaReplaceResult *result,
          const MoaVariation *variation)
{
  json_t *object = made_replacement (task->settings, moa_model_get_info (task->model), result, variation->seed);
  double seconds = 0;

  for (int i = 0; i < MOA_N_PHASES; i++)
    seconds += result->seconds[i];
  /* The settings keep an empty prompt empty, so that it fits other subjects in another run. */
  json_object_set_new (object, "prompt_used", json_string (result->prompt));
  json_object_set_new (object, "seconds", json_real (seconds));
  json_object_set_new (object, "subjects", names_to_json (task));
  json_object_set_new (object, "area",
                       json_pack ("[iiii]", task->area.x, task->area.y, task->area.width,
                                  task->area.height));
  put_layer (object, "source", source, task);
  if (source > 0 && gimp_item_is_valid (source))
    {
      g_autofree char *name = gimp_item_get_name (source);

      json_object_set_new (object, "source_name", options_text (name));
    }
  json_object_set_new (object, "result", json_integer (get_result_tattoo (group)));
  put_layer (object, "control_layer", task->settings->control_layer, task);
  return options_print (object);
}

static void
attach_subjects (gint32 group, const ReplaceTask *task, const MoaReplaceResult *result)
{
  json_t *list = json_array ();

  for (int k = 0; k < task->n_subjects; k++)
    {
      const MoaRect *head = &task->subjects[k].head;

      json_array_append_new (list, json_pack ("{s:s, s:b, s:[i,i,i,i]}", "name", task->names[k], "keep",
                                              task->subjects[k].keep, "head", head->x, head->y, head->width,
                                              head->height));
    }
  blob_attach (group, SUBJECTS,
               json_pack ("{s:o, s:s, s:i}", "subjects", list, "encoder", result->encoder, "dim",
                          result->dim),
               result->features, (gsize) result->n_features * result->dim * sizeof (float));
}

static guint8
to_byte (float value)
{
  return CLAMP (value, 0, 1) * 255 + 0.5f;
}

static void
add_bytes (GByteArray *bytes, const MoaImage *mask)
{
  for (gsize i = 0; i < (gsize) mask->width * mask->height; i++)
    g_byte_array_append (bytes, &(guint8) { to_byte (mask->data[i]) }, 1);
}

static void
attach_selection (gint32 group, const MoaImage *selection)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  add_bytes (bytes, selection);
  blob_attach (group, SELECTION,
               json_pack ("{s:i, s:i}", "width", selection->width, "height", selection->height),
               bytes->data, bytes->len);
}

/* One after another, of those subjects that have one. */
static void
attach_masks (gint32 group, const ReplaceTask *task)
{
  json_t *list = json_array ();
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (int k = 0; k < task->n_subjects; k++)
    if (task->subjects[k].mask)
      {
        json_array_append_new (list, json_integer (k));
        add_bytes (bytes, task->subjects[k].mask);
      }
  if (bytes->len)
    blob_attach (group, MASKS,
                 json_pack ("{s:O, s:i, s:i}", "subjects", list, "width", task->area.width, "height",
                            task->area.height),
                 bytes->data, bytes->len);
  json_decref (list);
}

static void
attach_maps (gint32 group, const MoaModelInfo *info, const MoaRouterMaps *maps)
{
  json_t *list = json_array ();
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (int l = 0; l < maps->n_layers; l++)
    {
      const MoaImage *map = maps->layers[l];

      json_array_append_new (list, json_pack ("{s:s, s:i, s:i}", "name", info->layers[l], "width",
                                              map->width, "height", map->height));
      add_bytes (bytes, map);
    }
  blob_attach (group, MAPS,
               json_pack ("{s:o, s:f, s:f}", "layers", list, "width_share", maps->width_share,
                          "height_share", maps->height_share),
               bytes->data, bytes->len);
}

void
record_attach (gint32 group, const ReplaceTask *task, gint32 source, const MoaReplaceResult *result,
               const MoaVariation *variation)
{
  g_autofree char *json = describe (group, task, source, result, variation);

  attach_text (group, REPLACE_PARASITE, json);
  attach_subjects (group, task, result);
  attach_masks (group, task);
  if (task->selection)
    attach_selection (group, task->selection);
  if (variation->n_maps > 0)
    attach_maps (group, moa_model_get_info (task->model), &variation->maps[0]);
  if (task->settings->mark)
    attach_text (group, MADE_WITH, MARK);
}

/* GIMP writes the comment into PNG, JPEG and TIFF files. */
void
record_mark_image (gint32 image)
{
  GimpParasite *old = gimp_image_get_parasite (image, "gimp-comment");
  g_autofree char *before = old ? g_strndup (gimp_parasite_data (old),
                                             gimp_parasite_data_size (old))
                                : g_strdup ("");

  gimp_parasite_free (old);
  if (strstr (before, MARK))
    return;

  g_autofree char *text = g_strconcat (before, *before ? "\n" : "", MARK, NULL);
  GimpParasite *comment = gimp_parasite_new ("gimp-comment", GIMP_PARASITE_PERSISTENT
                                             | GIMP_PARASITE_UNDOABLE, strlen (text) + 1, text);

  gimp_image_attach_parasite (image, comment);
  gimp_parasite_free (comment);
}

/* ---- Reading ------------------------------------------------------------- */

static char *
read_text (gint32 group)
{
  GimpParasite *parasite = gimp_item_get_parasite (group, REPLACE_PARASITE);
  char *text = parasite ? g_strndup (gimp_parasite_data (parasite),
                                     gimp_parasite_data_size (parasite))
                        : NULL;

  gimp_parasite_free (parasite);
  return text;
}

/* [x, y, width, height]; what is missing is 0. */
static MoaRect
read_rect (const json_t *list)
{
  return (MoaRect) { json_integer_value (json_array_get (list, 0)),
                     json_integer_value (json_array_get (list, 1)),
                     json_integer_value (json_array_get (list, 2)),
                     json_integer_value (json_array_get (list, 3)) };
}

ReplaceSettings *
record_read_settings (gint32 group, gint32 *source, MoaRect *area, GError **error)
{
  g_autofree char *json = read_text (group);

  if (source)
    *source = -1;
  if (!json)
    {
      options_fail (error, _("this layer is not a result of Replace Person"));
      return NULL;
    }

  json_t *object = json_loads (json, 0, NULL);
  ReplaceSettings *settings = replace_settings_from_json (json, error);

  if (source)
    *source = find_layer (object, "source", json_string_value (json_object_get (object, "source_name")), group);
  if (settings)
    {
      const char *name = g_str_has_prefix (settings->control, "layer:") ? settings->control + strlen ("layer:")
                                                                        : settings->control;

      settings->control_layer = MAX (find_layer (object, "control_layer", name, group), 0);
    }
  if (area)
    *area = read_rect (json_object_get (object, "area"));
  json_decref (object);
  return settings;
}

static gboolean
damaged (const char *name, GError **error)
{
  if (error && !*error)
    options_fail (error, _("%s: this result does not keep it, or it is damaged: make the result anew "
                  "with Replace Person"), name);
  return FALSE;
}

static gboolean
add_people (People *people, const json_t *head, const float *features, gsize n, GError **error)
{
  const json_t *list = json_object_get (head, "subjects");
  const char *encoder = json_string_value (json_object_get (head, "encoder"));
  json_int_t dim = json_integer_value (json_object_get (head, "dim"));
  gsize used = 0;

  if (!encoder || dim < 1 || dim > 1 << 20)
    return FALSE;
  for (guint k = 0; k < json_array_size (list); k++)
    {
      const json_t *entry = json_array_get (list, k);
      const char *name = json_string_value (json_object_get (entry, "name"));
      gboolean keep = json_is_true (json_object_get (entry, "keep"));

      if (!name || (!keep && used + dim > n))
        return FALSE;
      if (keep && !people_add_keep (people, error))
        return FALSE;
      if (keep)
        continue;

      MoaSavedSubject *saved = g_new0 (MoaSavedSubject, 1);

      *saved = (MoaSavedSubject) { g_strdup (name), g_strdup (encoder), 1, dim,
                                   g_memdup2 (features + used, dim * sizeof (float)) };
      used += dim;
      if (!people_add_saved (people, saved, error))
        return FALSE;
      people->subjects[people->n_subjects - 1].head = read_rect (json_object_get (entry, "head"));
    }
  return people->n_subjects > 0;
}

People *
record_read_people (gint32 group, GError **error)
{
  g_autofree guint8 *data = NULL;
  gsize n = 0;
  json_t *head = blob_read (group, SUBJECTS, &data, &n, error);
  g_autoptr (People) people = people_new ();
  gboolean success = head && add_people (people, head, (float *) data, n / sizeof (float), error);

  for (gsize i = 0; success && i < n / sizeof (float); i++)
    success = isfinite (((float *) data)[i]);
  json_decref (head);
  if (success)
    return g_steal_pointer (&people);
  damaged (SUBJECTS, error);
  return NULL;
}

static MoaImage *
from_bytes (const guint8 *bytes, int width, int height, GError **error)
{
  MoaImage *image = moa_image_new (width, height, 1);

  if (!image)
    g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, _("there is no memory for a mask of %d x %d"),
                 width, height);
  for (gsize i = 0; image && i < (gsize) width * height; i++)
    image->data[i] = bytes[i] / 255.0f;
  return image;
}

/* What is kept of masks of the area's size; head NULL: nothing.  FALSE with error set. */
static gboolean
read_masks (gint32 group, const char *name, const MoaRect *area, json_t **head, guint8 **data, int *n_masks,
            GError **error)
{
  gsize n = 0, each = (gsize) area->width * area->height;
  GError *problem = NULL;

  *head = blob_read (group, name, data, &n, &problem);
  *n_masks = n / MAX (each, 1);
  if (problem)
    {
      g_propagate_error (error, problem);
      return FALSE;
    }
  if (!*head || (json_integer_value (json_object_get (*head, "width")) == area->width
                 && json_integer_value (json_object_get (*head, "height")) == area->height
                 && n == *n_masks * each))
    return TRUE;
  g_clear_pointer (head, json_decref);
  return damaged (name, error);
}

gboolean
record_read_selection (gint32 group, const MoaRect *area, MoaImage **selection, GError **error)
{
  g_autofree guint8 *data = NULL;
  json_t *head;
  int n;

  *selection = NULL;
  if (!read_masks (group, SELECTION, area, &head, &data, &n, error))
    return FALSE;
  if (!head)
    return TRUE;
  json_decref (head);
  *selection = n == 1 ? from_bytes (data, area->width, area->height, error) : NULL;
  return *selection || damaged (SELECTION, error);
}

gboolean
record_read_masks (gint32 group, People *people, const MoaRect *area, GError **error)
{
  g_autofree guint8 *data = NULL;
  json_t *head;
  int n;

  if (!read_masks (group, MASKS, area, &head, &data, &n, error))
    return FALSE;

  const json_t *list = json_object_get (head, "subjects");
  gboolean success = n == (int) json_array_size (list);

  for (int i = 0; success && i < n; i++)
    {
      json_int_t k = json_integer_value (json_array_get (list, i));
      gboolean free = k >= 0 && k < people->n_subjects && !people->subjects[k].mask;

      if (free)
        people->subjects[k].mask = from_bytes (data + (gsize) i * area->width * area->height, area->width,
                                               area->height, error);
      success = free && people->subjects[k].mask;
    }
  json_decref (head);
  return success || damaged (MASKS, error);
}

/* The map that entry describes, of the bytes from *used on. */
static MoaImage *
read_map (const json_t *entry, const guint8 *data, gsize n, gsize *used)
{
  json_int_t width = json_integer_value (json_object_get (entry, "width"));
  json_int_t height = json_integer_value (json_object_get (entry, "height"));

  if (width < 1 || height < 1 || width > 1024 || height > 1024
      || *used + (gsize) width * height > n)
    return NULL;
  *used += (gsize) width * height;
  return from_bytes (data + *used - (gsize) width * height, width, height, NULL);
}

MoaRouterMaps *
record_read_maps (gint32 group, char ***names, GError **error)
{
  g_autofree guint8 *data = NULL;
  gsize n = 0, used = 0;
  json_t *head = blob_read (group, MAPS, &data, &n, error);
  const json_t *list = json_object_get (head, "layers");
  int n_layers = json_array_size (list);
  MoaRouterMaps *maps = g_new0 (MoaRouterMaps, 1);
  gboolean success = n_layers > 0 && n_layers <= 1024;

  *maps = (MoaRouterMaps) { -1, -1, g_new0 (MoaImage *, n_layers + 1), n_layers,
                            json_number_value (json_object_get (head, "width_share")),
                            json_number_value (json_object_get (head, "height_share")) };
  *names = g_new0 (char *, n_layers + 1);
  success &= maps->width_share > 0 && maps->width_share <= 1 && maps->height_share > 0
             && maps->height_share <= 1;
  for (int l = 0; success && l < n_layers; l++)
    {
      const json_t *entry = json_array_get (list, l);
      const char *name = json_string_value (json_object_get (entry, "name"));

      (*names)[l] = g_strdup (name ? name : "");
      maps->layers[l] = read_map (entry, data, n, &used);
      success = maps->layers[l] != NULL;
    }
  json_decref (head);
  if (success)
    return maps;
  damaged (MAPS, error);
  record_free_maps (maps);
  g_clear_pointer (names, g_strfreev);
  return NULL;
}

void
record_free_maps (MoaRouterMaps *maps)
{
  for (int l = 0; maps && l < maps->n_layers; l++)
    moa_image_free (maps->layers[l]);
  g_free (maps ? maps->layers : NULL);
  g_free (maps);
}
