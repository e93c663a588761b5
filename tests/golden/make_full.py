#!/usr/bin/env python3
"""Writes a model directory at the exact shapes of Stable Diffusion 1.5, with generated weights.

usage: make_full.py OUT [--half]          (5.7 GB as float32; needs numpy only)
       make_full.py --check               prints six weights to compare with another program

tests/data/full holds what PyTorch computed with these weights; `moa bench OUT` times them.  Nothing
here draws a picture.  The weights are a function of the tensor's name, so any language can make
them one element at a time:

  h    = fnv1a64 (part "/" name)                 part: unet, vae, text_encoder, image_encoder, moa
  z_i  = output number i of splitmix64 with state h
  u_i  = (z_i >> 40) / 2^23 - 1                  in [-1, 1), i the row-major index
  w_i  = (float) (base + scale u_i)              in double, then rounded once
  base, scale:  0, 0.5     token, position and class embeddings
                0, 0.05    biases
                1, 0.1     other tensors of one dimension (gains of norms)
                0, sqrt (3 / fan_in), times 1.6 for q and k projections, otherwise
"""
import json
import math
import pathlib
import shutil
import struct
import sys

import numpy as np

WIDTHS = (320, 640, 1280, 1280)  # of the U-Net
VAE_WIDTHS = (128, 256, 512, 512)
TEXT = 768


# ---- shapes -----------------------------------------------------------------

class Shapes(dict):
    """Tensor name -> shape; each method adds one kind of layer."""

    def linear(self, name, n_in, n_out, bias=True):
        self[name + ".weight"] = (n_out, n_in)
        if bias:
            self[name + ".bias"] = (n_out,)

    def conv(self, name, n_in, n_out, side=3):
        self[name + ".weight"] = (n_out, n_in, side, side)
        self[name + ".bias"] = (n_out,)

    def norm(self, name, n):
        self[name + ".weight"] = self[name + ".bias"] = (n,)

    def resnet(self, name, n_in, n_out, time=0):
        self.norm(name + ".norm1", n_in)
        self.conv(name + ".conv1", n_in, n_out)
        if time:
            self.linear(name + ".time_emb_proj", time, n_out)
        self.norm(name + ".norm2", n_out)
        self.conv(name + ".conv2", n_out, n_out)
        if n_in != n_out:
            self.conv(name + ".conv_shortcut", n_in, n_out, 1)

    def attention(self, name, n, context):
        self.linear(name + ".to_q", n, n, False)
        self.linear(name + ".to_k", context, n, False)
        self.linear(name + ".to_v", context, n, False)
        self.linear(name + ".to_out.0", n, n)

    def transformer(self, name, n):
        self.norm(name + ".norm", n)
        self.conv(name + ".proj_in", n, n, 1)
        block = name + ".transformer_blocks.0"
        for k in (1, 2, 3):
            self.norm(f"{block}.norm{k}", n)
        self.attention(block + ".attn1", n, n)
        self.attention(block + ".attn2", n, TEXT)
        self.linear(block + ".ff.net.0.proj", n, 8 * n)
        self.linear(block + ".ff.net.2", 4 * n, n)
        self.conv(name + ".proj_out", n, n, 1)


def unet():
    s, time = Shapes(), 4 * WIDTHS[0]
    s.conv("conv_in", 4, WIDTHS[0])
    s.linear("time_embedding.linear_1", WIDTHS[0], time)
    s.linear("time_embedding.linear_2", time, time)
    skips, n = [WIDTHS[0]], WIDTHS[0]
    for i, width in enumerate(WIDTHS):
        for j in range(2):
            s.resnet(f"down_blocks.{i}.resnets.{j}", n, width, time)
            if i < 3:
                s.transformer(f"down_blocks.{i}.attentions.{j}", width)
            n = width
            skips.append(n)
        if i < 3:
            s.conv(f"down_blocks.{i}.downsamplers.0.conv", n, n)
            skips.append(n)
    s.resnet("mid_block.resnets.0", n, n, time)
    s.transformer("mid_block.attentions.0", n)
    s.resnet("mid_block.resnets.1", n, n, time)
    for i, width in enumerate(reversed(WIDTHS)):
        for j in range(3):
            s.resnet(f"up_blocks.{i}.resnets.{j}", n + skips.pop(), width, time)
            if i > 0:
                s.transformer(f"up_blocks.{i}.attentions.{j}", width)
            n = width
        if i < 3:
            s.conv(f"up_blocks.{i}.upsamplers.0.conv", n, n)
    s.norm("conv_norm_out", n)
    s.conv("conv_out", n, 4)
    return s


def vae_middle(s, name, n):
    s.resnet(name + ".resnets.0", n, n)
    s.norm(name + ".attentions.0.group_norm", n)
    for k in ("to_q", "to_k", "to_v", "to_out.0"):
        s.linear(f"{name}.attentions.0.{k}", n, n)
    s.resnet(name + ".resnets.1", n, n)


def vae():
    s, n = Shapes(), VAE_WIDTHS[0]
    s.conv("encoder.conv_in", 3, n)
    for i, width in enumerate(VAE_WIDTHS):
        for j in range(2):
            s.resnet(f"encoder.down_blocks.{i}.resnets.{j}", n, width)
            n = width
        if i < 3:
            s.conv(f"encoder.down_blocks.{i}.downsamplers.0.conv", n, n)
    vae_middle(s, "encoder.mid_block", n)
    s.norm("encoder.conv_norm_out", n)
    s.conv("encoder.conv_out", n, 8)
    s.conv("quant_conv", 8, 8, 1)
    s.conv("post_quant_conv", 4, 4, 1)
    s.conv("decoder.conv_in", 4, n)
    vae_middle(s, "decoder.mid_block", n)
    for i, width in enumerate(reversed(VAE_WIDTHS)):
        for j in range(3):
            s.resnet(f"decoder.up_blocks.{i}.resnets.{j}", n, width)
            n = width
        if i < 3:
            s.conv(f"decoder.up_blocks.{i}.upsamplers.0.conv", n, n)
    s.norm("decoder.conv_norm_out", n)
    s.conv("decoder.conv_out", n, 3)
    return s


def clip_layers(s, name, n, count):
    for i in range(count):
        layer = f"{name}.encoder.layers.{i}"
        for k in "qkv":
            s.linear(f"{layer}.self_attn.{k}_proj", n, n)
        s.linear(f"{layer}.self_attn.out_proj", n, n)
        s.norm(f"{layer}.layer_norm1", n)
        s.linear(f"{layer}.mlp.fc1", n, 4 * n)
        s.linear(f"{layer}.mlp.fc2", 4 * n, n)
        s.norm(f"{layer}.layer_norm2", n)


def text_encoder():
    s = Shapes()
    s["text_model.embeddings.token_embedding.weight"] = (49408, TEXT)
    s["text_model.embeddings.position_embedding.weight"] = (77, TEXT)
    clip_layers(s, "text_model", TEXT, 12)
    s.norm("text_model.final_layer_norm", TEXT)
    return s


def image_encoder():
    s, n = Shapes(), 1024
    s["vision_model.embeddings.class_embedding"] = (n,)
    s["vision_model.embeddings.patch_embedding.weight"] = (n, 3, 14, 14)
    s["vision_model.embeddings.position_embedding.weight"] = (257, n)
    s.norm("vision_model.pre_layrnorm", n)
    clip_layers(s, "vision_model", n, 24)
    s.norm("vision_model.post_layernorm", n)
    s.linear("visual_projection", n, 768, False)
    return s


def moa_blocks():
    """The 16 transformer blocks in the order in which the U-Net runs them, with their widths."""
    down = [(f"down_blocks.{i}.attentions.{j}", WIDTHS[i]) for i in range(3) for j in range(2)]
    up = [(f"up_blocks.{i}.attentions.{j}", WIDTHS[3 - i]) for i in (1, 2, 3) for j in range(3)]
    return [(name + ".transformer_blocks.0", n)
            for name, n in down + [("mid_block.attentions.0", WIDTHS[3])] + up]


def moa():
    s, width = Shapes(), 768 + TEXT
    for block, n in moa_blocks():
        for kind, context in (("attn1", n), ("attn2", TEXT)):
            s.attention(f"{block}.{kind}", n, context)
            s.linear(f"{block}.{kind}.router", n, 2)
    s["fuser.freq"] = (width // 2, 2)
    s.norm("fuser.norm", width)
    s.norm("fuser.pe_norm", width)
    s.linear("fuser.mlp.0", width, TEXT)
    s.linear("fuser.mlp.2", TEXT, TEXT)
    return s


# ---- values -----------------------------------------------------------------

def fnv1a64(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) % (1 << 64)
    return h


def base_and_scale(name, shape):
    if name.endswith(("token_embedding.weight", "position_embedding.weight", "class_embedding")):
        return 0.0, 0.5
    if name.endswith(".bias"):
        return 0.0, 0.05
    if len(shape) == 1:
        return 1.0, 0.1
    query_or_key = any(part in name for part in (".to_q.", ".to_k.", ".q_proj.", ".k_proj."))
    return 0.0, math.sqrt(3 / math.prod(shape[1:])) * (1.6 if query_or_key else 1.0)


def weights(part, name, shape, first, last):
    """Elements first to last - 1, as float32."""
    z = np.arange(first + 1, last + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(fnv1a64(part + "/" + name))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    u = (z >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1
    base, scale = base_and_scale(name, shape)
    return (base + scale * u).astype(np.float32)


# ---- files ------------------------------------------------------------------

def write_safetensors(path, part, shapes, half):
    dtype, size = ("F16", 2) if half else ("F32", 4)
    head, at = {}, 0
    for name, shape in shapes.items():
        end = at + math.prod(shape) * size
        head[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            n = math.prod(shape)
            for first in range(0, n, 1 << 19):
                w = weights(part, name, shape, first, min(n, first + (1 << 19)))
                out.write((w.astype(np.float16) if half else w).tobytes())


UNET = "diffusion_pytorch_model.safetensors"
CROSS_DOWN, CROSS_UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
PARTS = {
    "unet": (unet, UNET, {
        "_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": 8,
        "block_out_channels": WIDTHS, "cross_attention_dim": TEXT, "in_channels": 4,
        "out_channels": 4, "layers_per_block": 2, "norm_eps": 1e-5, "norm_num_groups": 32,
        "sample_size": 64, "flip_sin_to_cos": True, "freq_shift": 0, "downsample_padding": 1,
        "center_input_sample": False, "mid_block_scale_factor": 1,
        "down_block_types": [CROSS_DOWN] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + [CROSS_UP] * 3}),
    "vae": (vae, UNET, {
        "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": VAE_WIDTHS,
        "in_channels": 3, "out_channels": 3, "latent_channels": 4, "layers_per_block": 2,
        "norm_num_groups": 32, "sample_size": 512,
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4}),
    "text_encoder": (text_encoder, "model.safetensors", {
        "architectures": ["CLIPTextModel"], "model_type": "clip_text_model",
        "hidden_act": "quick_gelu", "hidden_size": TEXT, "intermediate_size": 3072,
        "layer_norm_eps": 1e-5, "max_position_embeddings": 77, "num_attention_heads": 12,
        "num_hidden_layers": 12, "projection_dim": 768, "vocab_size": 49408,
        "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}),
    "image_encoder": (image_encoder, "model.safetensors", {
        "architectures": ["CLIPVisionModelWithProjection"], "model_type": "clip_vision_model",
        "hidden_act": "quick_gelu", "hidden_size": 1024, "intermediate_size": 4096,
        "image_size": 224, "patch_size": 14, "num_channels": 3, "layer_norm_eps": 1e-5,
        "num_attention_heads": 16, "num_hidden_layers": 24, "projection_dim": 768}),
    "moa": (moa, "moa.safetensors", {
        "feature_dim": 768, "router_hidden": 0, "max_timestep": 800,
        "layers": [name for name, _ in moa_blocks()]}),
}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def main():
    if "--check" in sys.argv:
        q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
        for part, name, shape, first, last in (
                ("unet", q, (320, 320), 0, 3), ("unet", "conv_norm_out.weight", (320,), 319, 320),
                ("vae", "decoder.conv_out.bias", (3,), 2, 3),
                ("text_encoder", "text_model.embeddings.token_embedding.weight", (49408, TEXT),
                 49408 * TEXT - 1, 49408 * TEXT)):
            print(*(f"{w:.9g}" for w in weights(part, name, shape, first, last)))
        return
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    if len(names) != 1:
        sys.exit(__doc__.split("\n\n")[1])
    out = pathlib.Path(names[0])
    for part, (shapes, file, config) in PARTS.items():
        print("writing", part, flush=True)
        write_json(out / part / "config.json", config)
        write_safetensors(out / part / file, part, shapes(), "--half" in sys.argv)
    # The tokenizer and the two small configurations are those of every SD 1.x model.
    tiny = pathlib.Path(__file__).resolve().parent.parent / "data" / "tiny"
    for part in ("tokenizer", "scheduler"):
        shutil.copytree(tiny / part, out / part, dirs_exist_ok=True)
    extract = json.loads((tiny / "feature_extractor" / "preprocessor_config.json").read_text())
    extract["size"], extract["crop_size"] = {"shortest_edge": 224}, {"height": 224, "width": 224}
    write_json(out / "feature_extractor" / "preprocessor_config.json", extract)
    shutil.copy(tiny / "model_index.json", out / "model_index.json")


if __name__ == "__main__":
    main()
