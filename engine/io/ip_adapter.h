/* IP-Adapter files for Stable Diffusion 1.x (Ye et al. 2023), told apart by their tensors:
 *   image_proj.*                        turns what the image encoder gives into tokens
 *   ip_adapter.N.to_k_ip, .to_v_ip      the tokens' keys and values in a cross-attention
 *   ip_adapter.N.to_q_lora ...          FaceID and FaceID Plus: a LoRA for all attentions of the U-Net
 * N counts the U-Net's attentions, self then cross, on the way down, on the way up, in the middle. */
#ifndef MOA_IP_ADAPTER_H
#define MOA_IP_ADAPTER_H

#include <glib.h>

typedef enum {
  MOA_IP_PLAIN,   /* tokens by a linear layer from image_embeds */
  MOA_IP_FULL,    /* a token for each of the image encoder's, by an MLP: "full face" */
  MOA_IP_PLUS,    /* learnt queries that look at the image encoder's tokens */
  MOA_IP_FACE_ID, /* from a face embedding, by an MLP */
  MOA_IP_FACE_ID_PLUS, /* what that MLP makes are queries that look at the image encoder's tokens */
} MoaIpKind;

typedef struct {
  MoaIpKind kind;
  int in_dim;         /* of what it sees: image_embeds, the encoder's states, a face embedding */
  int in_tokens;      /* how many: 1, or as many as the image encoder has (0 until that is known) */
  int n_tokens;       /* that it makes, of the text's width; FULL: in_tokens */
  int hidden;         /* of the MLP, or the queries' width */
  int depth, heads;   /* PLUS, FACE_ID_PLUS */
  int face_dim;       /* FACE_ID_PLUS: of the face embedding, which comes before what it sees; else 0 */
  /* FACE_ID_PLUS, its second version: what the queries saw is added to what the face embedding gave.  The
   * tensors are those of the first; a file with "plusv2" in its name is of the second. */
  gboolean shortcut;
} MoaIpAdapterConfig;

#define MOA_IP_VERSION_2 "plusv2"

/* Reads what the file's shapes tell.  Fails with what else the file is. */
gboolean moa_ip_adapter_read (const char *path, int text_dim, MoaIpAdapterConfig *config,
                              GError **error);

/* "IP-Adapter Plus" */
const char *moa_ip_adapter_name (MoaIpKind kind);

/* Whether it takes the image encoder's states before its last layer, all tokens; else one vector. */
gboolean moa_ip_adapter_takes_states (MoaIpKind kind);

#endif
