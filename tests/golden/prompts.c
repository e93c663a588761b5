/* Golden tests of prompts: weights, windows, textual inversion and clip skip, through the jobs' own
 * encoding.  meta.prompts: name -> text; each output has a prompt's name. */
#include <string.h>

#include "golden.h"
#include "jobs/encode.h"

static gboolean
check_prompt (Fixture *f, MoaJob *job, const char *name, const char *text, GError **error)
{
  MoaModel *model = job->model;
  MoaPrompt *prompt = moa_prompt_new_weighted (model->tokenizer, text, 0, model->embeddings, error);
  if (!prompt)
    return FALSE;
  const MoaPrompt *const prompts[] = { prompt };
  int n_vectors, windows = moa_prompts_windows (job, prompts, 1, &n_vectors);
  gint64 width = model->text.width;
  g_autofree float *states = g_new (float, prompt->n_ids * width);
  MoaCoder coder = { NULL };
  gboolean ok = moa_coder_text (&coder, model, job->cpu, windows, n_vectors, error) &&
                moa_params_load (model->text_params, 0, NULL, error) &&
                moa_encode_texts (job, &coder, prompts, 1, states, error);
  if (ok)
    fixture_check (f, name, states, 1, prompt->n_ids, width);
  moa_coder_clear (&coder);
  moa_prompt_free (prompt);
  return ok;
}

gboolean
golden_prompts (const Golden *golden, Fixture *f, GError **error)
{
  g_autofree char *cat = g_build_filename (golden->fixtures, "moa-cat.safetensors", NULL);
  g_autofree char *sks = g_build_filename (golden->fixtures, "sks.safetensors", NULL);
  const char *embeddings[] = { cat, sks, NULL };
  MoaModelFiles files = { .model = golden->model, .embeddings = embeddings,
                          .clip_skip = fixture_meta_number (f, "clip_skip") };
  MoaModel *model = moa_model_open_files (&files, error);
  if (!model)
    return FALSE;
  MoaJob *job = moa_job_new (model, NULL, error);
  const char *name;
  json_t *text;
  gboolean ok = job != NULL;
  json_object_foreach (json_object_get (json_object_get (f->entry, "meta"), "prompts"), name, text)
    ok = ok && check_prompt (f, job, name, json_string_value (text), error);
  moa_job_free (job);
  moa_model_unref (model);
  return ok;
}
