#!/usr/bin/env python3
"""Times the training steps of `moa bench --train` beside PyTorch's, in turns, and prints the ratios.

usage: peer_torch_train.py MODEL [--moa build/engine/cli/moa] [--stages prior,moa] [--batch 16]
                           [--threads N] [--rounds N] [--runs N] [--json FILE]

MODEL is a folder in the layout of diffusers whose configurations are enough, such as
engine/models/mini/recipe/model.  Both make the same step in float32 on the same shapes:

  prior  text encoder, U-Net, weighted squared error, gradients of both, clipping, AdamW
  moa    frozen text and photo encoders and prior; experts, routers and fuser trained; masked
         reconstruction, router and object losses, clipping, AdamW (here the averages of the weights
         are moa's alone, which costs moa a little more)

Values do not change the time, so the weights are random.  Every round times both, one after the
other, with as many threads.  Two ratios are printed, each the median of the rounds' ratios: of the
seconds by the clock, and of processor time, which other programs on the machine disturb less (PyTorch's
threads are told not to spin while they wait).  Needs: pip install torch diffusers transformers.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

from peer_torch import cpu_name

SLOTS = 2  # people in a picture


# ---- MoA in PyTorch -----------------------------------------------------------------------------

def mixture_class():
    """Defined late, so that the parent process needs no torch."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Mixture(nn.Module):
        """Experts, routers and fuser of a diffusers U-Net, whose attentions it takes over."""

        def __init__(self, unet, feature_dim):
            super().__init__()
            blocks = [(n, m) for n, m in unet.named_modules()
                      if type(m).__name__ == "BasicTransformerBlock"]
            place = {"down_blocks": 0, "mid_block": 1, "up_blocks": 2}
            blocks.sort(key=lambda b: (place[b[0].split(".")[0]],
                                       [int(w) for w in b[0].split(".") if w.isdigit()]))
            text = unet.config.cross_attention_dim
            width = feature_dim + text
            self.frequency = nn.Parameter(torch.randn(width // 2, 2) * torch.tensor([0.03, 2.0]))
            self.norm, self.pe_norm = nn.LayerNorm(width), nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, text), nn.GELU(), nn.Linear(text, text))
            self.experts, self.routers = nn.ModuleList(), nn.ModuleList()
            for layer, (_, block) in enumerate(blocks):
                for attention, cross in ((block.attn1, False), (block.attn2, True)):
                    c, k = attention.to_q.in_features, attention.to_k.in_features
                    self.experts.append(nn.ModuleList(
                        [nn.Linear(c, c, bias=False), nn.Linear(k, c, bias=False),
                         nn.Linear(k, c, bias=False), nn.Linear(c, c)]))
                    self.routers.append(nn.Linear(c, 2))
                    attention.set_processor(self.processor(layer, len(self.routers) - 1, cross))
            self.n_layers = len(blocks)

        def fused(self, layer):
            token = torch.gather(self.text, 1, self.index[..., None].expand(-1, -1, self.text.shape[-1]))
            at = torch.stack([self.t.float(), torch.full_like(self.t, layer).float()], -1)
            wave = at @ self.frequency.t()
            m = self.norm(torch.cat([self.features, token], -1))
            m = m + self.pe_norm(torch.cat([wave.sin(), wave.cos()], -1))[:, None]
            return torch.scatter(self.text, 1, self.index[..., None].expand_as(token),
                                 token + self.mlp(m))

        def processor(self, layer, i, cross):
            def heads(x, n):
                return x.view(x.shape[0], x.shape[1], n, -1).transpose(1, 2)

            def run(attention, hidden_states, encoder_hidden_states=None, **_):
                x, n = hidden_states, attention.heads
                context = self.text if cross else x
                with_people = self.fused(layer) if cross else x
                q, k, v = attention.to_q(x), attention.to_k(context), attention.to_v(context)
                prior = F.scaled_dot_product_attention(heads(q, n), heads(k, n), heads(v, n))
                prior = attention.to_out[0](prior.transpose(1, 2).reshape(x.shape))
                to_q, to_k, to_v, to_out = self.experts[i]
                q, k, v = heads(to_q(x), n), heads(to_k(with_people), n), heads(to_v(with_people), n)
                if cross and self.first <= layer < self.end:  # its map counts in the object loss
                    p = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1)
                    self.attention_maps.append(p.mean(1))
                    own = p @ v
                else:
                    own = F.scaled_dot_product_attention(q, k, v)
                own = to_out(own.transpose(1, 2).reshape(x.shape))
                weight = torch.softmax(self.routers[i](x), -1)[..., 1:]
                if self.first <= layer < self.end:
                    self.router_maps.append(weight)
                return torch.lerp(prior, own, weight)
            return run

        def start(self, text, features, index, t):
            self.text, self.features, self.index, self.t = text, features, index, t
            self.first, self.end = 2, self.n_layers - 3
            self.attention_maps, self.router_maps = [], []

        def losses(self, mask, people):
            """Router and object loss: mask B,1,h,w; people B,S,h,w."""
            b, _, h, w = mask.shape
            total = 0
            for weight in self.router_maps:
                k = round((h * w / weight.shape[1]) ** 0.5)
                small = weight.transpose(1, 2).reshape(b, 1, h // k, w // k)
                total = total + (F.interpolate(small, size=(h, w), mode="bilinear") if k > 1 else small)
            router = ((1 - mask) * total / len(self.router_maps)).square().sum() / b
            parts = []
            for maps in self.attention_maps:
                k = round((h * w / maps.shape[1]) ** 0.5)
                inside = F.avg_pool2d(people, k).flatten(2).transpose(1, 2)
                at = torch.gather(maps, 2, self.index[:, None].expand(-1, maps.shape[1], -1))
                parts.append((at * (1 - inside)).sum(1) / (1 - inside).sum(1).clamp(min=1e-6)
                             - (at * inside).sum(1) / inside.sum(1).clamp(min=1e-6))
            return router, torch.stack(parts).mean()

    return Mixture


# ---- Steps --------------------------------------------------------------------------------------

def config_of(model, part):
    with open(os.path.join(model, part, "config.json")) as f:
        return json.load(f)


def make_step(model, stage, n):
    """A function that makes one training step, and how many numbers it trains."""
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_config(config_of(model, "unet"))
    text_config = CLIPTextConfig(**config_of(model, "text_encoder"))
    encoder = CLIPTextModel(text_config)
    side, channels = unet.config.sample_size, unet.config.in_channels
    sample, noise = torch.randn(n, channels, side, side), torch.randn(n, channels, side, side)
    t = torch.randint(0, 800, (n,))
    ids = torch.randint(1, text_config.vocab_size - 1, (n, text_config.max_position_embeddings))
    weight = torch.rand(n, 1, 1, 1)
    if stage == "prior":
        trained = [p for net in (unet, encoder) for p in net.parameters()]

        def loss():
            out = unet(sample, t, encoder(ids).last_hidden_state).sample
            return ((out - noise).square() * weight).mean()
    else:
        vision_config = CLIPVisionConfig(**config_of(model, "image_encoder"))
        vision = CLIPVisionModelWithProjection(vision_config)
        for net in (unet, encoder, vision):
            net.requires_grad_(False)
        mixture = mixture_class()(unet, vision_config.projection_dim)
        trained = list(mixture.parameters())
        photos = torch.randn(n * SLOTS, 3, vision_config.image_size, vision_config.image_size)
        index = torch.tensor([[2, 6]]).expand(n, SLOTS)
        people = torch.zeros(n, SLOTS, side, side)
        people[:, 0, side // 4:, :side // 2] = people[:, 1, side // 4:, side // 2:] = 1
        mask = people.amax(1, keepdim=True)

        def loss():
            with torch.no_grad():
                text = encoder(ids).last_hidden_state
                features = vision(photos).image_embeds.view(n, SLOTS, -1)
            mixture.start(text, features, index, t)
            out = unet(sample, t, text).sample
            inside = (out - noise).square() * mask / (mask.sum((1, 2, 3), keepdim=True) * channels)
            router, objects = mixture.losses(mask, people)
            return inside.sum() / n + 1e-4 * router + 1e-4 * objects

    trained = [p for p in trained if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-5, weight_decay=0.01)

    def step():
        optimizer.zero_grad(set_to_none=True)
        value = loss()
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        return value.item()
    return step, sum(p.numel() for p in trained)


def torch_times(a):
    """Runs in its own process, so that neither peer holds memory while the other is timed."""
    import diffusers
    import torch
    torch.set_num_threads(a.threads)
    step, trained = make_step(a.model, a.stages, a.batch)
    seconds, processor = [], []
    for _ in range(a.runs + 1):  # the first warms up
        start, cpu = time.perf_counter(), time.process_time()
        step()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - cpu)
    print(json.dumps({"seconds": statistics.median(seconds[1:]),
                      "processor_seconds": statistics.median(processor[1:]), "trained": trained,
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                      "versions": f"torch {torch.__version__}, diffusers {diffusers.__version__}"}))


def run_torch(a, stage):
    env = dict(os.environ, OMP_NUM_THREADS=str(a.threads), OMP_WAIT_POLICY="passive")
    command = [sys.executable, os.path.abspath(__file__), a.model, "--torch-only", "--stages", stage,
               "--threads", str(a.threads), "--runs", str(a.runs), "--batch", str(a.batch)]
    out = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(out.splitlines()[-1])


def run_moa(a, stage):
    command = [a.moa, "bench", "--train", a.model, "--stage", stage, "--json", "--runs", str(a.runs),
               "--threads", str(a.threads), "--batch", str(a.batch)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["stages"][stage]


def compare(a, stage):
    rounds = []
    for i in range(a.rounds):
        mine, peer = run_moa(a, stage), run_torch(a, stage)
        rounds.append((mine, peer))
        print(f"{stage}, round {i + 1}: moa {mine['seconds']:.3f} s (processor "
              f"{mine['processor_seconds']:.3f}), PyTorch {peer['seconds']:.3f} s "
              f"({peer['processor_seconds']:.3f})", flush=True)
    result = {"batch": a.batch, "trained": mine["trained"], "torch_trained": peer["trained"],
              "work_bytes": sum(mine[k] for k in ("work_bytes", "weight_bytes", "moment_bytes")),
              "torch_peak_bytes": peer["peak_bytes"], "versions": peer["versions"]}
    for key in ("seconds", "processor_seconds"):
        result[key] = statistics.median(m[key] for m, _ in rounds)
        result["torch_" + key] = statistics.median(p[key] for _, p in rounds)
        result["ratio_" + key] = statistics.median(m[key] / p[key] for m, p in rounds)
    print(f"{stage}: moa {result['seconds']:.3f} s, PyTorch {result['torch_seconds']:.3f} s a step of "
          f"{a.batch}; ratio {result['ratio_seconds']:.2f} by the clock, "
          f"{result['ratio_processor_seconds']:.2f} of processor time", flush=True)
    return result


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("model")
    p.add_argument("--moa", default=os.path.join(root, "build/engine/cli/moa"))
    p.add_argument("--stages", default="prior,moa")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--json")
    p.add_argument("--torch-only", action="store_true", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.torch_only:
        return torch_times(a)
    result = {"cpu": cpu_name(), "threads": a.threads,
              "stages": {stage: compare(a, stage) for stage in a.stages.split(",")}}
    print(f"{result['cpu']}, {a.threads} threads")
    if a.json:
        with open(a.json, "w") as out:
            json.dump(result, out, indent=2)
            out.write("\n")


if __name__ == "__main__":
    main()
