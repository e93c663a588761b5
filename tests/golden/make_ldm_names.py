#!/usr/bin/env python3
"""Which name each tensor of a diffusers model has in a single-file checkpoint, told by content alone.

usage: make_ldm_names.py CHECKPOINT.safetensors MODEL_DIR OUT.json      (needs numpy, safetensors)

CHECKPOINT holds the same random numbers as MODEL_DIR under the original names of Stable Diffusion
1.x; whoever made it is thereby the reference, and not a rule about names.  A row: the name there, and the rank.  tests/data/ldm-names.json
was made of a checkpoint that diffusers' own single-file loader turns into exactly tests/data/tiny.
"""
import json
import sys

from safetensors.numpy import load_file

PARTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}


def content(tensor):
    return tensor.astype("float32").tobytes()


def main(checkpoint, model, out):
    theirs = load_file(checkpoint)
    by_content = {}
    for name, tensor in theirs.items():
        by_content.setdefault(content(tensor), []).append(name)
    table = {}
    for part, base in PARTS.items():
        ours = load_file(f"{model}/{part}/{base}.safetensors")
        names = table[part] = {}
        for name, tensor in sorted(ours.items()):
            if name.endswith("position_ids"):
                continue
            found = by_content[content(tensor)]
            assert len(found) == 1, (name, found)
            names[name] = [found[0], theirs[found[0]].ndim]
    parts = []
    for part, names in table.items():
        rows = [f"{json.dumps(name)}:{json.dumps(row)}" for name, row in names.items()]
        parts.append(f'"{part}":{{\n' + ",\n".join(rows) + "}")
    with open(out, "w") as file:
        file.write("{" + ",\n".join(parts) + "}\n")


main(*sys.argv[1:])
