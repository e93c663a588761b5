/* golden [--isa f64|base|avx2|avx512] [--threads N] [--device cuda] FIXTURES MODEL
 *
 * Compares the engine with what PyTorch, diffusers and transformers computed.  FIXTURES is a
 * folder with a manifest.json, which names its files, their tensors and their tolerances; MODEL is
 * the model folder that they were made with.  Prints TAP; the exit status is 0 only if all is
 * well. */
#include "golden.h"

typedef gboolean (*Run) (const Golden *golden, Fixture *f, GError **error);

/* Fixtures by the start of their names. */
static const struct {
  const char *prefix;
  Run run;
  const char *skip;   /* why there is nothing to run */
} kinds[] = {
  { "text", golden_text, NULL },
  { "full_text", golden_text, NULL },
  { "vision", golden_vision, NULL },
  { "full_vision", golden_vision, NULL },
  { "vae_", golden_vae, NULL },
  { "full_vae", golden_vae, NULL },
  { "unet_grads", golden_unet_grads, NULL },
  { "unet_", golden_unet, NULL },
  { "full_unet", golden_unet, NULL },
  { "moa_", golden_moa, NULL },
  { "fuser", golden_fuser, NULL },
  { "schedulers", golden_schedulers, NULL },
  { "e2e_txt2img", golden_txt2img, NULL },
  { "e2e_moa", golden_replace, NULL },
  { "loss_", golden_losses, NULL },
  { "adamw", golden_adamw, NULL },
  { "lora", golden_lora, NULL },
  { "prompts_", golden_prompts, NULL },
  { "controlnet", golden_controlnet, NULL },
  { "ip_adapter_", golden_ip_adapter, NULL },
  { "fastcomposer", golden_fastcomposer, NULL },
};

static gboolean
run_fixture (const Golden *golden, const char *name, const char *label, json_t *entry, Run run,
             int *n)
{
  g_autoptr (Fixture) f = fixture_new (golden->fixtures, name, label, entry);
  g_autoptr (GError) error = NULL;
  if (!run (golden, f, &error))
    fixture_result (f, "run", FALSE, "%s", error ? error->message : "failed without a message");
  return fixture_report (f, error, n);
}

static gboolean
run_entry (const Golden *golden, const char *name, json_t *entry, int *n)
{
  guint i = 0;
  while (i < G_N_ELEMENTS (kinds) && !g_str_has_prefix (name, kinds[i].prefix))
    i++;
  if (i == G_N_ELEMENTS (kinds))
    {
      printf ("not ok %d - %s\n# This program does not know such fixtures.\n", ++*n, name);
      return FALSE;
    }
  if (kinds[i].skip)
    {
      printf ("ok %d - %s # SKIP %s\n", ++*n, name, kinds[i].skip);
      return TRUE;
    }
  gboolean ok = run_fixture (golden, name, name, entry, kinds[i].run, n);
  /* The same autoencoder under the tensor names of the published files. */
  g_autofree char *old = golden_path (golden, "vae-old-names", "config.json");
  if (kinds[i].run == golden_vae && g_file_test (old, G_FILE_TEST_EXISTS))
    {
      g_autofree char *label = g_strconcat (name, " (old names)", NULL);
      ok = run_fixture (golden, name, label, entry, golden_vae_old_names, n) && ok;
    }
  return ok;
}

static gboolean
run_all (const Golden *golden, int *n)
{
  g_autofree char *path = g_build_filename (golden->fixtures, "manifest.json", NULL);
  json_error_t fault;
  json_t *manifest = json_load_file (path, 0, &fault), *entry;
  if (!manifest)
    golden_bail_out ("%s: %s", path, fault.text);
  gboolean ok = TRUE;
  g_autofree char *tokens = g_build_filename (golden->fixtures, "tokens.json", NULL);
  if (g_file_test (tokens, G_FILE_TEST_EXISTS))
    ok = run_fixture (golden, "tokens", "tokens", NULL, golden_tokens, n);
  const char *name;
  json_object_foreach (json_object_get (manifest, "files"), name, entry)
    ok = run_entry (golden, name, entry, n) && ok;
  json_decref (manifest);
  return ok;
}

static MoaIsa
parse_isa (const char *name)
{
  for (int isa = 0; isa < MOA_N_ISAS; isa++)
    if (g_ascii_strcasecmp (name, moa_isa_name (isa)) == 0)
      {
        if (!moa_isa_supported (isa))
          golden_bail_out ("this processor has no %s", name);
        return isa;
      }
  golden_bail_out ("there is no instruction set \"%s\"", name);
}

int
main (int argc, char **argv)
{
  g_autofree char *isa_name = NULL, *device_name = NULL;
  int threads = 0;
  const GOptionEntry entries[] = {
    { "isa", 0, 0, G_OPTION_ARG_STRING, &isa_name, "f64, base, avx2 or avx512", "NAME" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &device_name, "Where to compute instead, as cuda", "DEVICE" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &threads, "Number of threads (all processors)", "N" },
    { NULL }
  };
  g_autoptr (GOptionContext) options = g_option_context_new ("FIXTURES MODEL");
  g_autoptr (GError) error = NULL;
  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc != 3)
    {
      g_printerr ("%s\n", error ? error->message : "usage: golden [OPTIONS] FIXTURES MODEL");
      return 2;
    }

  MoaIsa isa = isa_name ? parse_isa (isa_name) : moa_isa_best ();
  MoaDevice *device = device_name ? moa_device_open (device_name, NULL, &error) : moa_device_host ();
  if (!device)
    golden_bail_out ("%s", error->message);
  if (device_name)
    g_setenv ("MOA_DEVICE", device_name, TRUE); /* for whole jobs */
  Golden golden = { argv[1], argv[2],
                    device_name ? moa_cpu_new_on (device, threads) : moa_cpu_new (isa, threads),
                    moa_workspace_new () };
  printf ("# %s, %d threads\n", moa_isa_name (moa_cpu_isa (golden.cpu)),
          moa_cpu_threads (golden.cpu));
  int n = 0;
  gboolean ok = run_all (&golden, &n);
  printf ("1..%d\n", n);
  moa_workspace_free (golden.workspace);
  moa_cpu_free (golden.cpu);
  moa_device_unref (device);
  return ok && n > 0 ? 0 : 1;
}
