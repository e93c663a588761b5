/* The jobs' settings as options of a command line, and as a page of the manual. */
#include "cli/cli.h"

#include <string.h>

gboolean
moa_cli_has_entry (const GArray *entries, const char *name)
{
  for (guint i = 0; i < entries->len; i++)
    if (!strcmp (g_array_index (entries, GOptionEntry, i).long_name, name))
      return TRUE;
  return FALSE;
}

const char *
moa_cli_option_name (const char *name)
{
  g_autofree char *option = g_strdup (name);
  return g_intern_string (g_strdelimit (option, "_", '-'));
}

/* "--fixed-point"; "--no-limit" for what is on unless told otherwise. */
static const char *
option_name (const MoaSetting *setting)
{
  gboolean off = setting->kind == MOA_SETTING_BOOLEAN && setting->fallback != 0;
  g_autofree char *name = g_strconcat (off ? "no-" : "", setting->name, NULL);
  return moa_cli_option_name (name);
}

static GOptionEntry
make_entry (const MoaSetting *setting, gpointer params)
{
  static const struct {
    GOptionArg arg;
    const char *placeholder;
  } kinds[] = {
    [MOA_SETTING_BOOLEAN] = { G_OPTION_ARG_NONE, NULL },
    [MOA_SETTING_INTEGER] = { G_OPTION_ARG_INT, "N" },
    [MOA_SETTING_NUMBER] = { G_OPTION_ARG_DOUBLE, "X" },
  };
  gboolean off = setting->kind == MOA_SETTING_BOOLEAN && setting->fallback != 0;
  g_autofree char *help = g_strconcat (off ? "Turn off: " : "", setting->help, NULL);
  return (GOptionEntry){
    .long_name = option_name (setting),
    .short_name = strcmp (setting->name, "guidance") ? 0 : 'g',
    .flags = off ? G_OPTION_FLAG_REVERSE : 0,
    .arg = kinds[setting->kind].arg,
    .arg_data = (char *) params + setting->offset,
    .description = g_intern_string (help),
    .arg_description = kinds[setting->kind].placeholder,
  };
}

void
moa_cli_settings (GArray *entries, const char *const *skip, const MoaSetting *settings, int n,
                  gpointer params)
{
  for (int i = 0; i < n; i++)
    {
      /* Seeds and bases are written in other words than numbers: they are among the others. */
      if (settings[i].kind > MOA_SETTING_NUMBER ||
          moa_cli_has_entry (entries, option_name (&settings[i])) ||
          (skip && g_strv_contains (skip, settings[i].name)))
        continue;
      GOptionEntry entry = make_entry (&settings[i], params);
      g_array_append_val (entries, entry);
    }
}

/* ---- The manual ---- */

static char *
describe_range (const MoaSetting *s)
{
  switch (s->kind)
    {
    case MOA_SETTING_BOOLEAN:
      return g_strdup ("true, false");
    case MOA_SETTING_BASE:
      return g_strdup ("\"default\", \"prior\", \"moa\"");
    default:
      return g_strdup_printf ("%s, %g to %.10g",
                              s->kind == MOA_SETTING_NUMBER ? "number" : "whole number",
                              s->left_to_model ? MAX (s->lower, 0) : s->lower, s->upper);
    }
}

static char *
describe_default (const MoaSetting *s)
{
  if (s->kind == MOA_SETTING_BOOLEAN)
    return g_strdup (s->fallback ? "true" : "false");
  if (s->kind == MOA_SETTING_BASE)
    return g_strdup ("\"default\"");
  return s->left_to_model ? g_strdup_printf ("%g: %s", s->fallback, s->left_to_model)
                          : g_strdup_printf ("%g", s->fallback);
}

static void
print_table (const char *title, const MoaSetting *settings, int n)
{
  g_print ("\n## %s\n\n| setting | what it may be | default | what it does |\n|---|---|---|---|\n",
           title);
  for (int i = 0; i < n; i++)
    {
      g_autofree char *range = describe_range (&settings[i]);
      g_autofree char *usual = describe_default (&settings[i]);
      g_print ("| `%s` | %s | %s | %s |\n", settings[i].name, range, usual, settings[i].help);
    }
}

void
moa_cli_print_settings (void)
{
  int n;
  const MoaSetting *settings = moa_replace_settings (&n);
  g_print (
      "# Settings\n\n"
      "What `moa info --settings` prints. In the options of GIMP's procedures and in the jobs of\n"
      "`moa batch` the settings are JSON, `{\"fixed_point\": 2}`; on the command line `--fixed-point 2`,\n"
      "and `--no-NAME` turns off what is on.\n");
  print_table ("Replace", settings, n);
  settings = moa_generate_settings (&n);
  print_table ("Generate", settings, n);
  settings = moa_sequence_settings (&n);
  print_table ("Morph, Time Lapse, Story", settings, n);
  g_print (
      "\n## In GIMP alone\n\n"
      "What generate has, Morph, Time Lapse and Story have too, but for `pictures`.\n\n"
      "| option | of | what it does |\n|---|---|---|\n"
      "| `layer` | replace | the target by its name |\n"
      "| `subjects` | both | a list: `\"layer:NAME\"`, `\"file:PATH\"`, `\"saved:NAME\"`, or, to "
      "replace, `\"keep\"`; a list in the list is several photos of one person; `\"mask:NAME\"` "
      "among them is a channel or layer, white where an IP-Adapter is to put that person, and to replace "
      "`\"head:X,Y,W,H\"` a box of the image where that person's head will be, for `faces` |\n"
      "| `order` | replace | a list: the person, counted from the left from 0, that each subject "
      "takes |\n"
      "| `prompt`, `model` | replace | instead of the procedure's arguments |\n"
      "| `expert`, `image_encoder` | both | files or folders instead of the model's own: MoA weights or "
      "an IP-Adapter, and the CLIP image encoder that it was trained with |\n"
      "| `lora` | both | a list of LoRA files, each with its weight behind a colon if that is not 1: "
      "`[\"ink.safetensors:0.7\"]`; or a text with semicolons between them, and `\\;` for one in a name |\n"
      "| `lora_on_experts` | both | the LoRA changes the new persons too (false) |\n"
      "| `embedding` | both | a list of textual inversions, or a text as of `lora`; "
      "words are the files' names |\n"
      "| `clip_skip` | both | so many last layers of the text encoder are left out (0) |\n"
      "| `controlnet` | both | a file or folder instead of the model's own |\n"
      "| `control` | both | the picture that the ControlNet follows: `\"layer:NAME\"`, a layer of the "
      "image where it lies, else of any open one; `\"file:PATH\"`. To replace it has the image's size "
      "if it is no layer of it |\n"
      "| `control_scale` | both | how strongly it is followed (1) |\n"
      "| `control_start`, `control_end` | both | the part of the steps that follow it (0 and 1) |\n"
      "| `negative` | generate | what not to draw |\n"
      "| `prompt`, `seed`, `pictures` | generate | instead of the procedure's arguments |\n"
      "| `folder` | morph, time lapse, story | keeps each picture there once it is drawn, so that the "
      "same call goes on after a break |\n"
      "| `maps` | replace | adds the router maps as hidden layers (false) |\n"
      "| `cache` | replace | keeps inversions on disk for the next run (true) |\n"
      "| `mark` | both | the result says what it was made with (true) |\n"
      "| `device` | both | \"cpu\", \"cuda\", \"cuda:1\", with \":f16\", \":bf16\", \":tf32\" or \":f32\" "
      "behind a GPU for how it counts; without it a GPU if there is one |\n"
      "| `threads` | both | 0: all processors |\n"
      "| `memory_limit` | both | MiB; 0: what is free |\n");
}
