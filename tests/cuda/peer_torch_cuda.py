#!/usr/bin/env python3
"""Times the SD 1.5 U-Net forward in PyTorch on the first GPU, eager and compiled, by number type and batch:
what `moa bench --device cuda` is read beside.  64 x 64 latents, 77 tokens, random weights, 16-bit activations
channels last.  Needs torch alone; modules and weights have diffusers' names.

usage: peer_torch_cuda.py OUT.json [SECONDS]

OUT.json is written anew after each number, so that what was measured stays if the rest is cut off; after
SECONDS (300) no other number is begun."""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

RUNS = 20


def time_features(t, dim):
    """cos and sin of t at dim / 2 frequencies, as float."""
    frequencies = torch.exp(torch.arange(dim // 2, device=t.device) * (-9.210340371976184 / (dim // 2)))
    angles = t[:, None].float() * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class Resnet(nn.Module):
    def __init__(self, n_in, n_out, time_dim, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, n_in, eps=1e-5)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_dim, n_out)
        self.norm2 = nn.GroupNorm(groups, n_out, eps=1e-5)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        if n_in != n_out:
            self.conv_shortcut = nn.Conv2d(n_in, n_out, 1)
        self.has_shortcut = n_in != n_out

    def forward(self, x, time_emb):
        h = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(F.silu(time_emb))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.conv_shortcut(x) if self.has_shortcut else x)


class Attention(nn.Module):
    def __init__(self, n, context, heads):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(n, n, bias=False)
        self.to_k = nn.Linear(context, n, bias=False)
        self.to_v = nn.Linear(context, n, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(n, n)])

    def forward(self, x, context):
        def split(y):
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        y = F.scaled_dot_product_attention(split(self.to_q(x)), split(self.to_k(context)), split(self.to_v(context)))
        return self.to_out[0](y.transpose(1, 2).flatten(2))


class GatedLinear(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.proj = nn.Linear(n, 8 * n)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.net = nn.ModuleList([GatedLinear(n), nn.Identity(), nn.Linear(4 * n, n)])

    def forward(self, x):
        return self.net[2](self.net[0](x))


class Block(nn.Module):
    def __init__(self, n, context, heads):
        super().__init__()
        self.norm1, self.attn1 = nn.LayerNorm(n), Attention(n, n, heads)
        self.norm2, self.attn2 = nn.LayerNorm(n), Attention(n, context, heads)
        self.norm3, self.ff = nn.LayerNorm(n), FeedForward(n)

    def forward(self, x, text):
        y = self.norm1(x)
        x = x + self.attn1(y, y)
        x = x + self.attn2(self.norm2(x), text)
        return x + self.ff(self.norm3(x))


class Transformer(nn.Module):
    def __init__(self, n, context, heads, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, n, eps=1e-6)
        self.proj_in = nn.Conv2d(n, n, 1)
        self.transformer_blocks = nn.ModuleList([Block(n, context, heads)])
        self.proj_out = nn.Conv2d(n, n, 1)

    def forward(self, x, text):
        h = self.proj_in(self.norm(x))
        tokens = self.transformer_blocks[0](h.flatten(2).transpose(1, 2), text)
        return x + self.proj_out(tokens.transpose(1, 2).unflatten(2, h.shape[2:]))


class Resize(nn.Module):
    """Half the size by a stride of two, or twice by repeating pixels."""

    def __init__(self, n, up):
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(n, n, 3, stride=1 if up else 2, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else x)


class Level(nn.Module):
    """A down, middle or up block; n_in: channels that each of its resnets gets."""

    def __init__(self, n_in, n_out, unet, n_attentions, resize=None):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(n, n_out, unet["time"], unet["groups"]) for n in n_in])
        if n_attentions:
            self.attentions = nn.ModuleList([Transformer(n_out, unet["context"], unet["heads"], unet["groups"])
                                             for _ in range(n_attentions)])
        self.n_attentions = n_attentions
        self.resize = resize
        if resize:
            setattr(self, resize, nn.ModuleList([Resize(n_out, resize == "upsamplers")]))


class Unet(nn.Module):
    def __init__(self, widths=(320, 640, 1280, 1280), context=768, heads=8, groups=32, layers=2):
        super().__init__()
        unet = {"time": 4 * widths[0], "context": context, "heads": heads, "groups": groups}
        last = len(widths) - 1
        self.width = widths[0]
        self.conv_in = nn.Conv2d(4, widths[0], 3, padding=1)
        self.time_embedding = nn.ModuleDict({"linear_1": nn.Linear(widths[0], unet["time"]),
                                             "linear_2": nn.Linear(unet["time"], unet["time"])})
        skips, n, down, up = [widths[0]], widths[0], [], []
        for i, width in enumerate(widths):
            down.append(Level([n] + [width] * (layers - 1), width, unet, layers * (i < last),
                              "downsamplers" if i < last else None))
            skips += [width] * (layers + (i < last))
            n = width
        self.mid_block = Level([n, n], n, unet, 1)
        for i, width in enumerate(reversed(widths)):
            n_in = []
            for _ in range(layers + 1):
                n_in.append(n + skips.pop())
                n = width
            up.append(Level(n_in, width, unet, (layers + 1) * (i > 0), "upsamplers" if i < last else None))
        self.down_blocks, self.up_blocks = nn.ModuleList(down), nn.ModuleList(up)
        self.conv_norm_out = nn.GroupNorm(groups, n, eps=1e-5)
        self.conv_out = nn.Conv2d(n, 4, 3, padding=1)

    def forward(self, x, t, text):
        emb = time_features(t, self.width).to(x.dtype)
        emb = self.time_embedding["linear_2"](F.silu(self.time_embedding["linear_1"](emb)))
        x = self.conv_in(x)
        skips = [x]
        for level in self.down_blocks:
            for k, resnet in enumerate(level.resnets):
                x = resnet(x, emb)
                x = level.attentions[k](x, text) if level.n_attentions else x
                skips.append(x)
            if level.resize:
                x = level.downsamplers[0](x)
                skips.append(x)
        middle = self.mid_block
        x = middle.resnets[1](middle.attentions[0](middle.resnets[0](x, emb), text), emb)
        for level in self.up_blocks:
            for k, resnet in enumerate(level.resnets):
                x = resnet(torch.cat([x, skips.pop()], dim=1), emb)
                x = level.attentions[k](x, text) if level.n_attentions else x
            if level.resize:
                x = level.upsamplers[0](x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


TYPES = {"f32": torch.float32, "tf32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def milliseconds(name, batch, compiled):
    """The median of RUNS after warming up."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    shape = {"device": "cuda", "dtype": TYPES[name]}
    unet = Unet().eval().to(**shape).to(memory_format=torch.channels_last)
    sample = torch.randn(batch, 4, 64, 64, **shape).to(memory_format=torch.channels_last)
    text, t = torch.randn(batch, 77, 768, **shape), torch.full((batch,), 501, device="cuda")
    run = torch.compile(unet, mode="reduce-overhead") if compiled else unet
    times = []
    with torch.inference_mode():
        for i in range(RUNS + 5):
            torch.cuda.synchronize()
            start = time.perf_counter()
            run(sample, t, text)
            torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[5:])


def main():
    out, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 300
    start = time.monotonic()
    result = {"torch": torch.__version__, "device": torch.cuda.get_device_name(0), "milliseconds": {}}
    # What is asked for first comes first: compiling takes a minute each.
    wanted = [(name, 1, False) for name in ("f16", "bf16", "f32", "tf32")] + [("f16", 1, True), ("bf16", 1, True)]
    wanted += [(name, 2, False) for name in TYPES] + [("f16", 2, True), ("tf32", 1, True), ("f32", 1, True)]
    for name, batch, compiled in wanted:
        if time.monotonic() - start > seconds:
            break
        label = f"{name} {'compiled' if compiled else 'eager'}, batch {batch}"
        try:
            result["milliseconds"][label] = milliseconds(name, batch, compiled)
        except Exception as error:  # a number that PyTorch cannot make is no reason to lose the others
            result.setdefault("failed", {})[label] = str(error)[:400]
        torch._dynamo.reset()
        with open(out, "w") as f:
            json.dump(result, f, indent=1)
    return 0 if result["milliseconds"] else 1


if __name__ == "__main__":
    sys.exit(main())
