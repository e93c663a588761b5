#!/usr/bin/env python3
"""Writes tests/data/real: what diffusers and transformers compute with files as people have them.

usage: make_real.py REPO [section ...]        sections: names prompts ip_adapter fastcomposer

Needs torch 2.9, diffusers 0.42, transformers 5.23, for ip_adapter peft too (CPU is enough).  Everything is made of
tests/data/tiny and of random numbers seeded by name, and as small as it can be.
"""
import copy
import hashlib
import json
import pathlib
import re
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file

REPO = pathlib.Path(sys.argv[1])
TINY = REPO / "tests/data/tiny"
OUT = REPO / "tests/data/real"
torch.set_grad_enabled(False)
torch.set_num_threads(1)


# ---- fixtures ---------------------------------------------------------------

def noise(name, *shape, scale=1.0):
    """float16 numbers, so that files may be small and every reader gets the same."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    values = np.random.Generator(np.random.Philox(seed)).standard_normal(shape) * scale
    return torch.from_numpy(values.astype("float16")).float()


class Manifest:
    def __init__(self):
        self.path = OUT / "manifest.json"
        old = json.loads(self.path.read_text()) if self.path.exists() else {"files": {}}
        import diffusers
        import transformers
        self.now = {"torch": torch.__version__, "diffusers": diffusers.__version__,
                    "transformers": transformers.__version__}
        self.versions, self.files = old.get("versions", self.now), old["files"]

    def add(self, name, note, meta, inputs, run):
        """run(dtype) -> {output name: tensor}; its float64 result tells what rounding is worth."""
        outputs, exact = run(torch.float32), run(torch.float64)
        tensors = {}
        for key, value in inputs.items():
            tensors[key] = {"role": "input", "shape": list(value.shape), "dtype": str(value.dtype)[6:]}
        for key, value in outputs.items():
            largest = float(value.abs().max())
            far = float((value.double() - exact[key]).abs().max())
            tensors[key] = {"role": "output", "shape": list(value.shape), "dtype": "float32",
                            "absmax": float(f"{largest:.3e}"), "diff64": float(f"{far:.2e}"),
                            "atol": float(f"{max(10 * far, 4e-6 * largest):.1e}")}
        save_file({k: v.contiguous() for k, v in {**inputs, **outputs}.items()}, OUT / f"{name}.safetensors")
        self.files[name] = {"file": f"{name}.safetensors", "note": note, "meta": meta, "tensors": tensors}
        if self.now != self.versions:
            self.files[name]["versions"] = self.now
        print(name, {k: t["atol"] for k, t in tensors.items() if "atol" in t})

    def write(self):
        self.path.write_text(json.dumps({"versions": self.versions, "files": self.files}, indent=1) + "\n")


# ---- names of ControlNets ---------------------------------------------------

def names(manifest):
    """ControlNet's names in single files; diffusers' own converter must turn them back."""
    from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
    ours = load_file(TINY / "controlnet/diffusion_pytorch_model.safetensors")
    resnet = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
              "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
    table = {}
    for name in ours:
        p = name.split(".")
        if p[0] == "down_blocks" and p[2] == "downsamplers":
            new = f"input_blocks.{3 * int(p[1]) + 3}.0.op.{p[-1]}"
        elif p[0] == "down_blocks" and p[2] == "resnets":
            new = f"input_blocks.{3 * int(p[1]) + int(p[3]) + 1}.0.{resnet[p[4]]}.{p[-1]}"
        elif p[0] == "down_blocks":
            new = f"input_blocks.{3 * int(p[1]) + int(p[3]) + 1}.1." + ".".join(p[4:])
        elif p[0] == "mid_block" and p[1] == "resnets":
            new = f"middle_block.{2 * int(p[2])}.{resnet[p[3]]}.{p[-1]}"
        elif p[0] == "mid_block":
            new = "middle_block.1." + ".".join(p[3:])
        elif p[0] == "controlnet_down_blocks":
            new = f"zero_convs.{p[1]}.0.{p[-1]}"
        elif p[0] == "controlnet_cond_embedding":
            number = {"conv_in": 0, "conv_out": 14}.get(p[1])
            new = f"input_hint_block.{2 * int(p[2]) + 2 if number is None else number}.{p[-1]}"
        else:
            new = {"conv_in": "input_blocks.0.0", "controlnet_mid_block": "middle_block_out.0",
                   "time_embedding.linear_1": "time_embed.0",
                   "time_embedding.linear_2": "time_embed.2"}[name.rsplit(".", 1)[0]] + "." + p[-1]
        table[name] = "control_model." + new
    config = json.loads((TINY / "controlnet/config.json").read_text())
    back = convert_controlnet_checkpoint({table[k]: v for k, v in ours.items()}, config)
    assert set(back) == set(ours) and all(torch.equal(back[k], ours[k]) for k in ours)
    rows = [f"{json.dumps(k)}:{json.dumps(v)}" for k, v in sorted(table.items())]
    (OUT / "controlnet-names.json").write_text("{" + ",\n".join(rows) + "}\n")


# ---- prompts ----------------------------------------------------------------

ROOM = 75
LONG = ("a photo of a man and a woman who drink tea in a garden, with a (red:1.4) house behind them, "
        "under trees, a dog at the left and two cats at the right, [many] small birds on the roof, "
        "warm light of the evening, long shadows, flowers of all colours, a table with cups and plates, "
        "a ((white)) cloth, a basket of bread, a path of gravel that leads to the house, an open door, "
        "a bicycle at the wall, and far away the mountains with the last snow of this year")
# Prompts as lists of what they should mean: (text, weight), "BREAK" or an embedding's word.
PROMPTS = {
    "plain": ("a photo of a man", [("a photo of a man", 1)]),
    "weight": ("a photo of a (red:1.3) cat", [("a photo of a ", 1), ("red", 1.3), (" cat", 1)]),
    "nested": (r"a ((very [old]) man:0.5), \(portrait\) [x]",
               [("a ", 1), ("very ", 0.55), ("old", 0.5), (" man", 0.5), (", (portrait) ", 1),
                ("x", 1 / 1.1)]),
    "open": ("a man (on a [beach", [("a man ", 1), ("on a ", 1.1), ("beach", 1)]),
    "colon": ("ratio 1:2) and ( x : 1.5 )", [("ratio 1:2) and ", 1), (" x ", 1.5)]),
    "break": ("a man BREAK a woman", [("a man", 1), "BREAK", ("a woman", 1)]),
    "word": ("a BREAKFAST in moa-cats and (MOA-CAT:1.2), sks",
             [("a BREAKFAST in moa-cats and ", 1), ("@moa-cat", 1.2), (", ", 1), ("@sks", 1)]),
    "edge": (" ".join(["dog"] * 74) + " moa-cat end", [(" ".join(["dog"] * 74), 1), ("@moa-cat", 1), ("end", 1)]),
    "long": (LONG, None),
}


def embeddings():
    return {"moa-cat": noise("moa-cat", 2, 32, scale=0.5), "sks": noise("sks", 1, 32, scale=0.5)}


def long_parts():
    parts = []
    for piece in re.split(r"(\(red:1\.4\)|\[many\]|\(\(white\)\))", LONG):
        weight = {"(": 1.4, "[": 1 / 1.1}.get(piece[0], 1) if piece[0] in "([" else 1
        weight = 1.21 if piece.startswith("((") else weight
        parts.append((re.sub(r"[()\[\]]|:1\.4", "", piece) if weight != 1 else piece, weight))
    return parts


def prompts(manifest):
    from transformers import CLIPTextModel, CLIPTokenizerFast
    tokenizer = CLIPTokenizerFast.from_pretrained(TINY / "tokenizer")
    words = embeddings()
    save_file({"emb_params": words["moa-cat"]}, OUT / "moa-cat.safetensors")
    save_file({"<sks>": words["sks"][0].contiguous()}, OUT / "sks.safetensors")
    vocabulary, first = 49408, {}
    for word, vectors in words.items():
        first[word] = vocabulary + sum(len(words[w]) for w in first)

    def chunks(parts):
        """[[(id, weight)]] of at most 75."""
        done, chunk = [], []
        merged = []
        for part in parts:
            if part != "BREAK" and merged and merged[-1] != "BREAK" and merged[-1][1] == part[1] \
                    and "@" not in part[0] + merged[-1][0]:
                merged[-1] = (merged[-1][0] + part[0], part[1])
            else:
                merged.append(part)
        for part in merged:
            if part == "BREAK":
                done.append(chunk)
                chunk = []
            elif part[0].startswith("@"):
                word = part[0][1:]
                ids = [first[word] + i for i in range(len(words[word]))]
                if len(chunk) + len(ids) > ROOM:
                    done.append(chunk)
                    chunk = []
                chunk += [(i, part[1]) for i in ids]
            else:
                for i in tokenizer(part[0], add_special_tokens=False).input_ids:
                    if len(chunk) == ROOM:
                        done.append(chunk)
                        chunk = []
                    chunk.append((i, part[1]))
        return done + [chunk]

    def run_with(skip, dtype):
        model = CLIPTextModel.from_pretrained(TINY / "text_encoder").to(dtype).eval()
        inner = getattr(model, "text_model", model)
        table = inner.embeddings.token_embedding.weight.data
        bigger = torch.cat([table] + [v.to(dtype) for v in words.values()])
        inner.embeddings.token_embedding = torch.nn.Embedding.from_pretrained(bigger)
        out = {}
        for name, (text, parts) in PROMPTS.items():
            states = []
            for chunk in chunks(parts or long_parts()):
                ids = [49406] + [i for i, _ in chunk] + [49407] * (76 - len(chunk))
                weights = torch.tensor([1.0] + [w for _, w in chunk] + [1.0] * (76 - len(chunk)), dtype=dtype)
                hidden = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
                z = inner.final_layer_norm(hidden[len(hidden) - 1 - skip])
                mean = z.mean()
                if (weights != 1).any():
                    z = z * weights[None, :, None]
                    z = z * (mean / z.mean())
                states.append(z)
            out[name] = torch.cat(states, 1)
        return out

    texts = {name: text for name, (text, _) in PROMPTS.items()}
    note = "States of prompts with weights, windows of 75 tokens, and the embeddings moa-cat and sks."
    for skip in (0, 1):
        manifest.add(f"prompts_{skip}", note, {"prompts": texts, "clip_skip": skip}, {},
                     lambda dtype, skip=skip: run_with(skip, dtype))


# ---- IP-Adapter -------------------------------------------------------------

SUBJECTS = 2


def ip_keys(channels):
    """ip_adapter.N: attentions on the way down, up, in the middle; the cross-attentions are odd."""
    out = {}
    for i, c in enumerate(channels):
        for what in ("to_k_ip", "to_v_ip"):
            out[f"ip_adapter.{2 * i + 1}.{what}.weight"] = (c, 32)
    return out


def ip_shapes(kind, channels):
    """The published layout at tiny's sizes: text 32 wide, the encoder's states 48, its embedding 24."""
    ln = lambda name, n: {f"{name}.weight": (n,), f"{name}.bias": (n,)}
    lin = lambda name, n, k: {f"{name}.weight": (n, k), f"{name}.bias": (n,)}
    s = ip_keys(channels)
    if kind == "plain":
        s |= lin("image_proj.proj", 4 * 32, 24) | ln("image_proj.norm", 32)
    elif kind == "full":
        s |= lin("image_proj.proj.0", 48, 48) | lin("image_proj.proj.2", 32, 48) | ln("image_proj.proj.3", 32)
    elif kind == "plus":
        w, inner = 16, 128
        s |= {"image_proj.latents": (1, 3, w)} | lin("image_proj.proj_in", w, 48)
        s |= lin("image_proj.proj_out", 32, w) | ln("image_proj.norm_out", 32)
        for i in range(4):
            p = f"image_proj.layers.{i}"
            s |= ln(f"{p}.0.norm1", w) | ln(f"{p}.0.norm2", w) | ln(f"{p}.1.0", w)
            s |= {f"{p}.0.to_q.weight": (inner, w), f"{p}.0.to_kv.weight": (2 * inner, w),
                  f"{p}.0.to_out.weight": (w, inner), f"{p}.1.1.weight": (4 * w, w), f"{p}.1.3.weight": (w, 4 * w)}
    else:
        hidden = 2 * 16  # of the MLP: twice the embedding
        s |= lin("image_proj.proj.0", hidden, 16) | lin("image_proj.proj.2", 4 * 32, hidden) | ln("image_proj.norm", 32)
        if kind != "face":
            r, w, inner = "image_proj.perceiver_resampler", 32, 64
            s |= lin(f"{r}.proj_in", w, 48) | lin(f"{r}.proj_out", 32, w) | ln(f"{r}.norm_out", 32)
            for i in range(4):
                p = f"{r}.layers.{i}"
                s |= ln(f"{p}.0.norm1", w) | ln(f"{p}.0.norm2", w) | ln(f"{p}.1.0", w)
                s |= {f"{p}.0.to_q.weight": (inner, w), f"{p}.0.to_kv.weight": (2 * inner, w),
                      f"{p}.0.to_out.weight": (w, inner), f"{p}.1.1.weight": (4 * w, w), f"{p}.1.3.weight": (w, 4 * w)}
        for i, c in enumerate(channels):
            for attn in (0, 1):
                for what in ("to_q", "to_k", "to_v", "to_out"):
                    k = 32 if attn and what in ("to_k", "to_v") else c
                    s |= {f"ip_adapter.{2 * i + attn}.{what}_lora.down.weight": (2, k),
                          f"ip_adapter.{2 * i + attn}.{what}_lora.up.weight": (c, 2)}
    return s


def ip_weights(kind, channels):
    out = {}
    for name, shape in ip_shapes(kind, channels).items():
        norm = "norm" in name or ".1.0." in name or "proj.3." in name
        if norm and name.endswith("weight"):
            out[name] = (1 + noise(kind + name, *shape, scale=0.1)).half().float()
        else:
            scale = 0.2 if len(shape) == 1 else 0.3 if "lora" in name else 1.5 * shape[-1] ** -0.5
            out[name] = noise(kind + name, *shape, scale=scale)
    return out


def ip_adapter(manifest):
    """eps with load_ip_adapter, two pictures with a mask each; and one everywhere."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPVisionModelWithProjection
    width, height, latent = 128, 64, (8, 16)
    save_file({"face": noise("face", 16, scale=0.25)}, OUT / "face.safetensors")
    for kind in ("plain", "full", "plus", "face", "face-plus", "face-plusv2"):
        channels = None

        def run(dtype, kind=kind):
            unet = UNet2DConditionModel.from_pretrained(TINY / "unet").eval()
            pipe = StableDiffusionPipeline(vae=None, text_encoder=None, tokenizer=None, unet=unet, scheduler=None,
                                           safety_checker=None, feature_extractor=None, image_encoder=None,
                                           requires_safety_checker=False)
            nonlocal channels
            channels = [unet.get_submodule(n[:-len(".processor")]).to_q.weight.shape[0]
                        for n in unet.attn_processors if "attn2" in n]
            weights = ip_weights(kind, channels)
            state = {"image_proj": {}, "ip_adapter": {}}
            for name, value in weights.items():
                top, rest = name.split(".", 1)
                state[top][rest] = value
            pipe.load_ip_adapter(state, subfolder=None, weight_name=None, image_encoder_folder=None)
            unet.to(dtype)
            scale = 0.7
            pipe.set_ip_adapter_scale(scale)
            feats = inputs["feats"].reshape(SUBJECTS, -1).to(dtype)
            states = feats[:, 16:].reshape(SUBJECTS, 1, -1, 48) if kind.startswith("face-") else None
            images = feats[:, :16] if states is not None else feats
            images = images.reshape(SUBJECTS, -1, {"plain": 24, "full": 48, "plus": 48}.get(kind, 16))
            projection = unet.encoder_hid_proj.image_projection_layers[0]
            # Of 64 x 64 pixels each: what any way of sampling makes of them is the same.
            masks = inputs["masks"].repeat_interleave(64, 1).repeat_interleave(64, 2).to(dtype)[None]
            out = {}

            def see(which):
                """FaceID Plus looks at these subjects' states beside their embeddings."""
                if states is not None:
                    projection.clip_embeds, projection.shortcut = which, kind.endswith("v2")

            def eps(name, embeds, **kwargs):
                out[name] = unet(inputs["sample"].to(dtype), torch.tensor([441.0], dtype=dtype),
                                 encoder_hidden_states=inputs["text"].to(dtype),
                                 added_cond_kwargs={"image_embeds": [embeds]}, **kwargs).sample
            both = images[None] if kind in ("plus", "full") else images.transpose(0, 1)
            see(states)
            eps("eps.masks", both, cross_attention_kwargs={"ip_adapter_masks": [masks]})
            see(states if states is None else states[:1])
            eps("eps.one", both[:, :1])
            see(states)
            tokens = unet.encoder_hid_proj([both])[0]
            out["tokens"] = tokens.reshape(1, SUBJECTS, -1)
            return out

        n = {"plain": 24, "face": 16, "full": 48 * 17, "plus": 48 * 17}.get(kind, 16 + 48 * 17)
        inputs = {"sample": noise("ip-sample", 1, 4, *latent), "text": noise("ip-text", 1, 77, 32),
                  "feats": noise("ip-feats" + kind, 1, SUBJECTS, n),
                  "masks": torch.tensor([[[0.25, 1.0]], [[0.75, 0.0]]])}
        manifest.add(f"ip_adapter_{kind}", f"U-Net with an IP-Adapter ({kind}), scale 0.7, by load_ip_adapter.",
                     {"scale": 0.7, "file": f"ip-adapter-{kind}.safetensors"}, inputs, run)
        save_file({k: v.half().contiguous() for k, v in ip_weights(kind, channels).items()},
                  OUT / f"ip-adapter-{kind}.safetensors")


# ---- FastComposer -----------------------------------------------------------

def near(name, value):
    """Numbers like these, yet others."""
    spread = float(value.float().std()) if value.numel() > 1 else 0.1
    return (value.float() + noise("near" + name, *value.shape, scale=0.3 * max(spread, 0.05))).half().float()


def fast_weights(unet):
    """The published layout at tiny's sizes: text 32 wide, image features 24; what is not used stands for itself."""
    out = {"unet.conv_in.weight": unet["conv_in.weight"].float(), "vae.quant_conv.bias": noise("fc-vae", 8),
           "text_encoder.final_layer_norm.bias": noise("fc-text", 32),
           "text_encoder.embeddings.position_ids": torch.arange(77)[None]}
    out |= {"unet." + k: near(k, v) for k, v in unet.items() if ".attn1." in k or ".attn2." in k}
    encoder = load_file(TINY / "image_encoder/model.safetensors")
    out |= {"image_encoder." + k: near(k, v) for k, v in encoder.items() if v.is_floating_point()}
    out["image_encoder.vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    for mlp, width in (("mlp1", 32 + 24), ("mlp2", 32)):
        for layer, k in (("fc1", width), ("fc2", 32)):
            name = f"postfuse_module.{mlp}.{layer}"
            out[name + ".weight"] = noise(name + ".weight", 32, k, scale=1.5 * k ** -0.5)
            out[name + ".bias"] = noise(name + ".bias", 32, scale=0.2)
    for norm, width in (("mlp1.layernorm", 32 + 24), ("mlp2.layernorm", 32), ("layer_norm", 32)):
        name = f"postfuse_module.{norm}"
        out[name + ".weight"] = (1 + noise(name + ".weight", width, scale=0.1)).half().float()
        out[name + ".bias"] = noise(name + ".bias", width, scale=0.1)
    return out


def part_of(weights, prefix, dtype):
    return {k[len(prefix):]: v.to(dtype) for k, v in weights.items()
            if k.startswith(prefix) and v.is_floating_point()}


class Mixed(torch.nn.Module):
    """An attention of the prior, and one after another the subjects' expert where their masks are."""

    def __init__(self, prior, weights):
        super().__init__()
        self.prior, self.expert, self.masks, self.texts = prior, copy.deepcopy(prior), None, None
        self.expert.load_state_dict(weights)

    def forward(self, hidden_states, encoder_hidden_states=None, **kwargs):
        y = self.prior(hidden_states, encoder_hidden_states=encoder_hidden_states)
        for mask, text in zip(self.masks, self.texts):
            text = None if encoder_hidden_states is None else text
            side = round((mask.numel() / hidden_states.shape[1]) ** 0.5)
            m = torch.nn.functional.avg_pool2d(mask[None, None], side).reshape(1, -1, 1)
            y = (1 - m) * y + m * self.expert(hidden_states, encoder_hidden_states=text)
        return y


def fastcomposer(manifest):
    """Its fuser and its U-Net's attentions beside the prior's, for one subject and for two with a mask each."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPVisionModelWithProjection
    from torch.nn.functional import gelu, layer_norm, linear
    weights = fast_weights(load_file(TINY / "unet/diffusion_pytorch_model.safetensors"))
    latent, index = (8, 16), [5, 9]
    masks = torch.zeros(SUBJECTS, *latent)
    masks[0, :, :7] = torch.tensor([0.25, 1, 1, 1, 0.5, 1, 0.75])
    masks[1, 3:, 4:14] = 0.75
    masks[1, 5, 9] = 1
    inputs = {"sample": noise("fc-sample", 1, 4, *latent), "text": noise("fc-text", 1, 77, 32),
              "feats": noise("fc-feats", 1, SUBJECTS, 24), "masks": masks,
              "pixels": noise("fc-pixels", 1, 3, 56, 56)}

    def run(dtype):
        fuser = part_of(weights, "postfuse_module.", dtype)

        def norm(x, name):
            return layer_norm(x, x.shape[-1:], fuser[name + ".weight"], fuser[name + ".bias"], 1e-5)

        def mlp(x, name):
            x = linear(norm(x, name + ".layernorm"), fuser[name + ".fc1.weight"], fuser[name + ".fc1.bias"])
            return linear(gelu(x), fuser[name + ".fc2.weight"], fuser[name + ".fc2.bias"])

        def fuse(token, feature):
            x = token + mlp(torch.cat([token, feature], -1), "mlp1")
            return norm(x + mlp(x, "mlp2"), "layer_norm")

        text, sample = inputs["text"].to(dtype), inputs["sample"].to(dtype)
        fused = torch.stack([fuse(text[0, i], f) for i, f in zip(index, inputs["feats"][0].to(dtype))])
        texts = [text.clone() for _ in index]
        for s, i in enumerate(index):
            texts[s][0, i] = fused[s]
        unet = UNet2DConditionModel.from_pretrained(TINY / "unet").to(dtype).eval()
        mixed = []
        for name, block in unet.named_modules():
            if name.endswith("transformer_blocks.0"):
                for attn in ("attn1", "attn2"):
                    own = part_of(weights, f"unet.{name}.{attn}.", dtype)
                    setattr(block, attn, Mixed(getattr(block, attn), own))
                    mixed.append(getattr(block, attn))
        assert len(mixed) == 32

        def eps(n, planes):
            for m in mixed:
                m.masks, m.texts = planes[:n].to(dtype), texts[:n]
            return unet(sample, torch.tensor([441.0], dtype=dtype), encoder_hidden_states=text).sample
        encoder = CLIPVisionModelWithProjection.from_pretrained(TINY / "image_encoder").to(dtype).eval()
        lacks, surplus = encoder.load_state_dict(part_of(weights, "image_encoder.", dtype), strict=False)
        assert not surplus and all("position_ids" in k for k in lacks)
        return {"fused": fused[None], "eps.one": eps(1, masks), "eps.two": eps(2, masks),
                "eps.everywhere": eps(1, torch.ones_like(masks)),
                "feature": encoder(inputs["pixels"].to(dtype)).image_embeds}

    manifest.add("fastcomposer", "U-Net with FastComposer's attentions under masks; its fuser; its image encoder.",
                 {"file": "fastcomposer-model.safetensors", "index.0": index[0], "index.1": index[1]}, inputs, run)
    save_file({k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in weights.items()},
              OUT / "fastcomposer-model.safetensors")


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    manifest = Manifest()
    for section in sys.argv[2:] or ["names", "prompts", "ip_adapter", "fastcomposer"]:
        globals()[section](manifest)
    manifest.write()
