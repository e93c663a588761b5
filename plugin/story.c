/* plug-in-moa-story: pages of panels with the same characters, told in a file (docs/applications.md).  A
 * panel is a new picture, or a replacement in one. */
#include "drawable.h"
#include "intl.h"
#include "options.h"
#include "order.h"
#include "page.h"
#include "procedures.h"
#include "sequence.h"

#include "ui/entries.h"

#include "icon.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 2, ROWS = 3 }; /* of a page, where nobody says otherwise */

static const char *const own[] = { "columns", "rows", NULL };

/* ---- Characters ---------------------------------------------------------- */

/* As people.h has photos and saved subjects. */
static json_t *
to_sources (const json_t *paths)
{
  json_t *sources = json_array (), *path;
  size_t i;

  json_array_foreach (paths, i, path)
    {
      const char *text = json_string_value (path);
      g_autofree char *source = g_strconcat (g_str_has_suffix (text, ".safetensors") ? "saved:" : "file:",
                                             text, NULL);

      json_array_append_new (sources, json_string (source));
    }
  return sources;
}

static Person *
read_photos (Sequence *sequence, const json_t *paths, GError **error)
{
  g_autoptr (People) people = people_new ();
  g_autofree char *list = options_print (json_pack ("[o]", to_sources (paths)));
  Person *person;

  if (!people_add_list (people, list, -1, error))
    return NULL;
  person = sequence_add_person (sequence, &people->subjects[0], people->names[0]);
  g_ptr_array_add (sequence->people, g_steal_pointer (&people));
  return person;
}

/* Photos, a saved subject, who stays as in the picture, or who is between two of the former. */
static Person *
read_person (Sequence *sequence, const json_t *value, gboolean between, GError **error)
{
  Person *from, *to;

  if (json_is_array (value))
    return read_photos (sequence, value, error);
  if (json_is_string (value) && !between)
    return sequence_add_person (sequence, &(MoaSubject) { .keep = TRUE }, json_string_value (value));
  if (!json_is_object (value))
    {
      options_fail (error, between ? "nobody can be between somebody and a person who stays: give photos or a "
                                     "saved subject instead of \"keep\""
                                   : "a character must be photos, a saved subject, \"keep\" or a blend of two");
      return NULL;
    }
  from = read_person (sequence, json_object_get (value, "from"), TRUE, error);
  to = from ? read_person (sequence, json_object_get (value, "to"), TRUE, error) : NULL;
  return to ? sequence_add_between (sequence, from, to, json_number_value (json_object_get (value, "share")))
            : NULL;
}

static Person *
read_character (Sequence *sequence, const MoaCharacter *character, GError **error)
{
  json_t *value = json_loads (character->subject, JSON_DECODE_ANY, NULL);
  Person *person = read_person (sequence, value, FALSE, error);

  json_decref (value);
  if (!person)
    g_prefix_error (error, "%s: ", character->name);
  return person;
}

/* The first person given plays the first character, and so on; others are as the story says. */
static gboolean
cast (Sequence *sequence, Person **characters, GError **error)
{
  const MoaStory *story = sequence->story;

  if (sequence->n_given > story->n_characters)
    return options_fail (error, _("%d persons are given, but the story has %d characters"),
                         sequence->n_given, story->n_characters);
  for (int k = 0; k < story->n_characters; k++)
    {
      characters[k] = k < sequence->n_given ? sequence_get_given (sequence, k)
                                            : read_character (sequence, &story->characters[k], error);
      if (!characters[k])
        return FALSE;
    }
  return TRUE;
}

/* ---- A panel in a picture ------------------------------------------------ */

/* The only layer of the file as an image, without transparency; -1 with error set. */
static gint32
load_picture (const char *path, GError **error)
{
  gint32 layer = drawable_load (path, error);

  return layer >= 0 ? gimp_image_flatten (gimp_item_get_image (layer)) : -1;
}

/* White in the picture at path is selected in the layer's image. */
static gboolean
select_by (const char *path, gint32 layer, GError **error)
{
  gint32 image = gimp_item_get_image (layer), white = load_picture (path, error);
  MoaRect all = { 0, 0, gimp_drawable_width (layer), gimp_drawable_height (layer) };
  GimpRGB black = { 0 };

  if (white < 0)
    return FALSE;

  gboolean success = (gimp_drawable_width (white) == all.width && gimp_drawable_height (white) == all.height)
                     || options_fail (error, "\"%s\" must have the size of the picture, %d x %d", path,
                                      all.width, all.height);
  MoaImage *picture = success ? drawable_read_rgb (white, &all, NULL, error) : NULL;
  MoaImage *mask = picture ? moa_image_new (all.width, all.height, 1) : NULL;

  for (gsize i = 0; mask && i < (gsize) all.width * all.height; i++)
    mask->data[i] = (picture->data[3 * i] + picture->data[3 * i + 1] + picture->data[3 * i + 2]) / 3;
  if (mask)
    {
      gint32 channel = gimp_channel_new (image, "selection", all.width, all.height, 100, &black);

      gimp_image_insert_channel (image, channel, 0, 0);
      drawable_write_mask (channel, mask);
      gimp_context_push (); /* the caller's may soften selections */
      gimp_context_set_feather (FALSE);
      gimp_image_select_item (image, GIMP_CHANNEL_OP_REPLACE, channel);
      gimp_context_pop ();
    }
  gimp_image_delete (gimp_item_get_image (white));
  moa_image_free (picture);
  moa_image_free (mask);
  return mask != NULL;
}

/* ---- What a panel says --------------------------------------------------- */

/* The object's text of that name, which leaves it.  (transfer full) */
static char *
take_text (json_t *object, const char *name)
{
  char *text = g_strdup (json_string_value (json_object_get (object, name)));

  if (text)
    json_object_del (object, name);
  return text;
}

/* "512x768" becomes width and height. */
static gboolean
take_size (json_t *object, GError **error)
{
  g_autofree char *size = take_text (object, "size");
  int width, height, end = 0;

  if (!size)
    return TRUE;
  if (sscanf (size, "%dx%d%n", &width, &height, &end) != 2 || size[end])
    return options_fail (error, "options: \"size\" is \"%s\"; write it as 512x512", size);
  json_object_set_new (object, "width", json_integer (width));
  json_object_set_new (object, "height", json_integer (height));
  return TRUE;
}

/* The names of pictures go to the frame; the rest is the procedures' options.  (transfer full) */
static char *
read_said (Frame *frame, const MoaPanel *panel, GError **error)
{
  json_t *object = options_parse ("settings", panel->settings, error);

  if (!object)
    return NULL;
  frame->replace = take_text (object, "replace");
  frame->select = frame->replace ? take_text (object, "select") : NULL;
  frame->follow = take_text (object, "control");
  if (frame->follow)
    json_object_set_new (object, "control", json_sprintf ("file:%s", frame->follow));
  if (!frame->replace && !take_size (object, error))
    {
      json_decref (object);
      return NULL;
    }
  return options_print (object);
}

/* ---- The plan ------------------------------------------------------------ */

/* Reads all that the replacement needs; the picture is closed again. */
static gboolean
read_replacement (Sequence *sequence, Frame *frame, const ReplaceSettings *settings, GError **error)
{
  gint32 layer = load_picture (frame->replace, error);

  if (layer < 0)
    return FALSE;
  if (!frame->select || select_by (frame->select, layer, error))
    frame->task = replace_task_of_layer (gimp_item_get_image (layer), layer, settings, sequence->model,
                                         error);
  if (frame->task)
    {
      MoaRect all = { 0, 0, gimp_drawable_width (layer), gimp_drawable_height (layer) };

      frame->around = drawable_read_rgb (layer, &all, NULL, error);
    }
  gimp_image_delete (gimp_item_get_image (layer));
  return frame->around != NULL;
}

/* What all new pictures follow is not of the size of this one. */
static gboolean
plan_replacement (Sequence *sequence, Frame *frame, const char *options, GError **error)
{
  g_autoptr (ReplaceSettings) settings = replace_settings_copy (sequence->settings->how);

  replace_settings_set_string (&settings->control, "");
  if (!replace_settings_set_options (settings, options, error))
    return FALSE;
  replace_settings_set_string (&settings->prompt, frame->settings->prompt);
  if (!sequence->cost)
    return read_replacement (sequence, frame, settings, error);

  /* What it costs is told by the sizes of the pictures: see sequence_measure(). */
  frame->task = g_new0 (ReplaceTask, 1);
  frame->task->settings = g_steal_pointer (&settings);
  frame->task->model = moa_model_ref (sequence->model);
  return TRUE;
}

static gboolean
set_panel (Sequence *sequence, Frame *frame, const MoaPanel *panel, GError **error)
{
  g_autofree char *options = read_said (frame, panel, error);

  if (!options || (!frame->replace && !generate_settings_set_options (frame->settings, options, error)))
    return FALSE;
  replace_settings_set_string (&frame->settings->prompt, panel->prompt);
  return !frame->replace || plan_replacement (sequence, frame, options, error);
}

/* Who stays does so in a picture. */
static gboolean
check_people (const Sequence *sequence, const Frame *frame, const MoaPanel *panel, GError **error)
{
  for (int k = 0; k < frame->n_people && !frame->replace; k++)
    if (frame->people[k]->subject.keep)
      return options_fail (error, _("%s stays as in the picture, but this panel has none: write \"replace: "
                           "PICTURE\" in it, or give a photo instead of \"keep\""),
                           sequence->story->characters[panel->characters[k]].name);
  return TRUE;
}

static gboolean
add_panel (Sequence *sequence, const MoaPanel *panel, Person *const *characters, GError **error)
{
  Frame *frame = sequence_add (sequence, g_strdup (panel->caption ? panel->caption : panel->prompt));

  frame->place = g_strdup (panel->place);
  frame->n_people = panel->n_characters;
  for (int k = 0; k < panel->n_characters; k++)
    frame->people[k] = characters[panel->characters[k]];
  if (set_panel (sequence, frame, panel, error) && check_people (sequence, frame, panel, error))
    return TRUE;
  g_prefix_error (error, "%s: ", panel->place);
  return FALSE;
}

static int
choose (int chosen, int told, int usual)
{
  return chosen ? chosen : told ? told : usual;
}

static gboolean
plan (Sequence *sequence, GError **error)
{
  sequence->story = moa_story_read (sequence->settings->prompt, error);
  if (!sequence->story)
    return FALSE;

  MoaStory *story = sequence->story;
  MoaSequenceParams *page = &sequence->settings->sequence;
  g_autofree Person **characters = g_new0 (Person *, story->n_characters + 1);
  gboolean success = cast (sequence, characters, error);

  page->columns = choose (page->columns, story->columns, COLUMNS);
  page->rows = choose (page->rows, story->rows, ROWS);
  for (int i = 0; success && i < story->n_panels; i++)
    success = add_panel (sequence, &story->panels[i], characters, error);
  return success;
}

/* ---- The procedure ------------------------------------------------------- */

const SequenceKind story_kind = {
  "story", "plug-in-moa-story", own, "columns", 0, N_("Choose the file of a story."), plan, page_write,
  N_("Story"), SEQUENCE_FILE, N_("Stor_y:"),
  N_("A text file with characters and panels. Persons that you add play its characters, in their order.")
};

static const GimpParamDef args[ORDER_N_ARGS] = {
  ORDER_ARGS ("file", "The story, as docs/applications.md describes it: text, or JSON if it ends in .json",
              "Layers of persons who play the story's first characters, in their order; without any all "
              "are as the story says", "Seed of the panels that have none", "columns",
              "Panels side by side on a page; 0 for what the story says, or 2")
};

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  return sequence_run (&story_kind, param, values, error);
}

const Procedure story_procedure = {
  "plug-in-moa-story",
  N_("MoA: pages of pictures with the same persons"),
  "Draws the panels of a story, which a file tells, with the same persons in them, into a new image with "
  "a layer group for each page. Returns its name and the image. Use pictures of people who agree to it.",
  N_("_Story..."), moa_icon_generate, "", args, ORDER_N_ARGS, 2, run, entry_story
};
