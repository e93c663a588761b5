#!/usr/bin/env python3
"""Times the SD 1.5 U-Net forward of `moa bench` beside PyTorch's, in turns, and prints the ratio.

usage: peer_torch.py MODEL [--moa build/engine/cli/moa] [--threads N] [--rounds N] [--json FILE]

MODEL has the shapes of SD 1.5 (tests/golden/make_full.py writes one).  PyTorch runs the same shape,
float32, batch 1, 64 x 64 latents, 77 tokens, through diffusers' UNet2DConditionModel with random
weights: the values do not change its time.  Both use the same number of threads, one after the
other, and every round runs both, so that a busy or throttled machine slows both alike; the ratio
is that of the medians.  Needs: pip install torch diffusers (any recent version).
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time


def torch_times(threads, rounds):
    """Runs in its own process, so that neither peer holds memory while the other is timed."""
    import torch
    from diffusers import UNet2DConditionModel
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=64, cross_attention_dim=768, attention_head_dim=8,
        block_out_channels=(320, 640, 1280, 1280),
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3).eval()
    sample, text = torch.randn(1, 4, 64, 64), torch.randn(1, 77, 768)
    times = []
    with torch.inference_mode():
        for i in range(rounds + 1):  # the first run warms up
            start = time.perf_counter()
            unet(sample, 501, encoder_hidden_states=text)
            times.append(time.perf_counter() - start)
    import diffusers
    print(json.dumps({"seconds": times[1:], "versions": f"torch {torch.__version__}, "
                      f"diffusers {diffusers.__version__}"}))


def run_torch(threads):
    env = dict(os.environ, OMP_NUM_THREADS=str(threads))
    out = subprocess.run([sys.executable, __file__, "--torch-only", "--threads", str(threads)],
                         env=env, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(out.splitlines()[-1])


def run_moa(moa, model, threads):
    out = subprocess.run([moa, "bench", model, "--unet", "--json", "--runs", "1", "--threads", str(threads)],
                         check=True, stdout=subprocess.PIPE).stdout
    return json.loads(out)["nets"]


def cpu_name():
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("model", nargs="?")
    p.add_argument("--moa", default=os.path.join(root, "build/engine/cli/moa"))
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--json")
    p.add_argument("--torch-only", action="store_true", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.torch_only:
        return torch_times(a.threads, 1)
    if not a.model:
        p.error("which model?")
    torch_s, prior_s, moa_s, third_s = [], [], [], []
    for i in range(a.rounds):
        mine = run_moa(a.moa, a.model, a.threads)
        peer = run_torch(a.threads)
        torch_s += peer["seconds"]
        prior_s.append(mine["unet_prior"]["seconds"])
        moa_s.append(mine["unet_moa"]["seconds"])
        third_s.append(mine["unet_moa_third"]["seconds"])
        print(f"round {i + 1}: moa prior {prior_s[-1]:.2f} s, moa with a subject {moa_s[-1]:.2f} s, "
              f"PyTorch {torch_s[-1]:.2f} s", flush=True)
    prior, moa, third, torch = map(statistics.median, (prior_s, moa_s, third_s, torch_s))
    result = {"cpu": cpu_name(), "threads": a.threads, "versions": peer["versions"],
              "unet_prior": prior, "unet_moa": moa, "unet_moa_third": third, "torch": torch,
              "prior_to_torch": prior / torch, "moa_to_prior": moa / prior,
              "moa_third_to_prior": third / prior}
    print(f"{result['cpu']}, {a.threads} threads, {result['versions']}")
    print(f"U-Net, prior: {prior:.2f} s; PyTorch: {torch:.2f} s; ratio {prior / torch:.2f}")
    print(f"U-Net, MoA with one subject: {moa:.2f} s; to the prior {moa / prior:.2f}")
    print(f"the same, a third of the picture selected: {third:.2f} s; {third / prior:.2f}")
    if a.json:
        with open(a.json, "w") as out:
            json.dump(result, out, indent=2)
            out.write("\n")


if __name__ == "__main__":
    main()
