/* The golden tests: what the program's files share. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "fixture.h"
#include "io/config.h"
#include "nets/unet.h"
#include "text/tokenizer.h"

typedef struct {
  const char *fixtures, *model;  /* folders */
  MoaCpu *cpu;
  MoaWorkspace *workspace;
} Golden;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoaGraph, moa_graph_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoaParams, moa_params_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoaTokenizer, moa_tokenizer_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoaMoaConfig, moa_moa_config_clear)

/* MODEL/FOLDER/NAME, (transfer full) */
char *golden_path (const Golden *golden, const char *folder, const char *name);
/* The weights in MODEL/FOLDER, under whichever name the file has there. */
MoaParams *golden_params (const Golden *golden, const char *folder, GError **error);
/* Plans the graph, loads its weights and takes its memory; others may be NULL. */
gboolean golden_prepare (const Golden *golden, MoaGraph *graph, MoaParams *params,
                         MoaParams *others, GError **error);
/* An input as the fixture has it, with the fixture's shape; set it by golden_set (). */
MoaTensor *golden_input (MoaGraph *graph, const Fixture *f, const char *name);
void golden_set (MoaTensor *input, const Fixture *f, const char *name);
/* An output's values, (transfer full), and their check: B,...,C. */
float *golden_get (const MoaTensor *t);
void golden_check (Fixture *f, const char *name, const MoaTensor *t);

/* Activations that a fixture asks for by the names of diffusers' modules, as outputs PREFIX.MODULE.
 * To be made before the graph is prepared, and checked after a run. */
typedef struct _Watch Watch;
Watch *watch_new (Fixture *f, MoaGraph *graph, const char *prefix);
void watch_check (const Watch *watch);
void watch_free (Watch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Watch, watch_free)

/* One for each kind of fixture. */
gboolean golden_tokens (const Golden *golden, Fixture *f, GError **error);
gboolean golden_text (const Golden *golden, Fixture *f, GError **error);
gboolean golden_vision (const Golden *golden, Fixture *f, GError **error);
gboolean golden_vae (const Golden *golden, Fixture *f, GError **error);
gboolean golden_vae_old_names (const Golden *golden, Fixture *f, GError **error);
gboolean golden_unet (const Golden *golden, Fixture *f, GError **error);
gboolean golden_moa (const Golden *golden, Fixture *f, GError **error);
gboolean golden_fuser (const Golden *golden, Fixture *f, GError **error);
gboolean golden_unet_grads (const Golden *golden, Fixture *f, GError **error);
gboolean golden_losses (const Golden *golden, Fixture *f, GError **error);
gboolean golden_schedulers (const Golden *golden, Fixture *f, GError **error);
gboolean golden_txt2img (const Golden *golden, Fixture *f, GError **error);
gboolean golden_adamw (const Golden *golden, Fixture *f, GError **error);
gboolean golden_controlnet (const Golden *golden, Fixture *f, GError **error);
gboolean golden_prompts (const Golden *golden, Fixture *f, GError **error);
gboolean golden_lora (const Golden *golden, Fixture *f, GError **error);
gboolean golden_ip_adapter (const Golden *golden, Fixture *f, GError **error);
gboolean golden_fastcomposer (const Golden *golden, Fixture *f, GError **error);
gboolean golden_replace (const Golden *golden, Fixture *f, GError **error);

#endif
