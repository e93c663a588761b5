#!/usr/bin/env python3
"""Writes what people download for a swap in a photograph, at its real size with random weights.

usage: sd15_files.py FOLDER          (3.6 GB; needs numpy only)

FOLDER/sd15.safetensors              a Stable Diffusion 1.5 checkpoint in one file, float16, original names
FOLDER/image_encoder.safetensors     CLIP's ViT-H/14, float16
FOLDER/ip-adapter-plus.safetensors   an IP-Adapter Plus, float16

The pictures are noise; time and memory are those of real files (docs/photographs.md).
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "golden"))
import make_full  # noqa: E402

TEXT, STATES, TOKENS = 768, 1280, 16


def checkpoint():
    """Original name -> shape."""
    table = json.loads((ROOT / "data/ldm-names.json").read_text())
    out = {}
    for part, shapes in (("unet", make_full.unet()), ("vae", make_full.vae())):
        for name, shape in shapes.items():
            # The table's model needs no shortcut where the width stays.
            new, rank = table[part][name.replace("conv_shortcut", "conv1")]
            if "conv_shortcut" in name:
                new = new.replace("in_layers.2", "skip_connection").replace("conv1", "nin_shortcut")
            out[new] = tuple(shape) + (1,) * (rank - len(shape))
    for name, shape in make_full.text_encoder().items():
        out["cond_stage_model.transformer." + name] = shape
    return out


def image_encoder():
    s = make_full.Shapes()
    s["vision_model.embeddings.class_embedding"] = (STATES,)
    s["vision_model.embeddings.patch_embedding.weight"] = (STATES, 3, 14, 14)
    s["vision_model.embeddings.position_embedding.weight"] = (257, STATES)
    s.norm("vision_model.pre_layrnorm", STATES)
    make_full.clip_layers(s, "vision_model", STATES, 32)
    s.norm("vision_model.post_layernorm", STATES)
    s.linear("visual_projection", STATES, 1024, False)
    return s


def ip_adapter():
    s = make_full.Shapes()
    s["image_proj.latents"] = (1, TOKENS, TEXT)
    s.linear("image_proj.proj_in", STATES, TEXT)
    s.linear("image_proj.proj_out", TEXT, TEXT)
    s.norm("image_proj.norm_out", TEXT)
    for i in range(4):
        layer = f"image_proj.layers.{i}"
        for norm in ("0.norm1", "0.norm2", "1.0"):
            s.norm(f"{layer}.{norm}", TEXT)
        for name, n_in, n_out in (("0.to_q", TEXT, TEXT), ("0.to_kv", TEXT, 2 * TEXT), ("0.to_out", TEXT, TEXT),
                                  ("1.1", TEXT, 4 * TEXT), ("1.3", 4 * TEXT, TEXT)):
            s.linear(f"{layer}.{name}", n_in, n_out, False)
    down, up = [w for w in make_full.WIDTHS[:3] for _ in range(2)], [w for w in make_full.WIDTHS[2::-1] for _ in range(3)]
    for i, width in enumerate(down + up + [make_full.WIDTHS[3]]):
        for what in ("to_k_ip", "to_v_ip"):
            s.linear(f"ip_adapter.{2 * i + 1}.{what}", TEXT, width, False)
    return s


def write(path, shapes):
    make_full.write_safetensors(path, path.stem, shapes, True)
    print(path)


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "sd15.safetensors", checkpoint())
    write(folder / "image_encoder.safetensors", image_encoder())
    write(folder / "ip-adapter-plus.safetensors", ip_adapter())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
