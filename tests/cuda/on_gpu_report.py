#!/usr/bin/env python3
"""Makes report.md and report.json of what on-gpu.sh left in FOLDER.

usage: on_gpu_report.py FOLDER"""
import json
import os
import subprocess
import sys

NUMBERS = ("f16", "bf16", "tf32", "f32")


def read_json(path):
    """None where there is none, or a part of one."""
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def read_text(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def run(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def result_of(status):
    return {0: "passed", 124: "stopped: no time", -1: "not run"}.get(status, f"FAILED ({status})")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def unet_table(benches):
    """The U-Net's forward, alone and with guidance's two rows, beside PyTorch's; '' where nothing was measured."""
    torch = (benches.get("torch") or {}).get("milliseconds", {})
    rows = []
    for batch, net in ((1, "unet_prior"), (2, "unet_prior_pair")):
        for number in NUMBERS:
            nets = (benches.get("sd15-" + number) or {}).get("nets", {})
            own = nets[net]["seconds"] * 1e3 if net in nets else None
            eager, compiled = (torch.get(f"{number} {how}, batch {batch}") for how in ("eager", "compiled"))
            if own or eager or compiled:
                ratio = f"{own / compiled:.2f}" if own and compiled else ""
                rows.append([number, batch] + [f"{x:.2f}" if x else "" for x in (own, eager, compiled)] + [ratio])
    if not rows:
        return ""
    text = "\n## The U-Net of Stable Diffusion 1.5, 64 x 64, milliseconds\n\n"
    text += table(("numbers", "batch", "here", "PyTorch eager", "PyTorch compiled", "here / compiled"), rows)
    return text + "\nA batch of 2 is guidance's: here one latent and two texts, in PyTorch two latents.\n"


def bench_text(name, bench):
    text = f"\n## {name}\n\n"
    if "peak_gflop_per_second" in bench:
        text += f"Peak {bench['peak_gflop_per_second'] / 1e3:.1f} TFLOP/s, of a large product.\n\n"
    if bench.get("nets"):
        text += table(("network", "ms", "TFLOP/s", "of peak", "work MiB", "weights MiB"),
                      [(net, f"{r['seconds'] * 1e3:.2f}", f"{r['gflop_per_second'] / 1e3:.2f}",
                        f"{r['of_peak']:.0%}", f"{r['work_bytes'] / 2**20:.0f}", f"{r['weight_bytes'] / 2**20:.0f}")
                       for net, r in bench["nets"].items()])
    if bench.get("stages"):
        text += table(("stage", "items", "s a step", "TFLOP/s", "of peak", "MiB in all"),
                      [(stage, r["items"], f"{r['seconds']:.4f}", f"{r['gflop_per_second'] / 1e3:.2f}",
                        f"{r['of_peak']:.0%}",
                        f"{(r['work_bytes'] + r['weight_bytes'] + r['moment_bytes']) / 2**20:.0f}")
                       for stage, r in bench["stages"].items()])
    if bench.get("replacement"):
        r = bench["replacement"]
        text += (f"\nA replacement of {r['steps']} steps, guidance {r['guidance']:g}: {r['seconds']:.2f} s, "
                 f"{r['peak_bytes'] / 2**30:.2f} GiB by the plan.\n")
    for net, ops in (bench.get("ops") or {}).items():
        text += f"\nOps of {net}:\n\n"
        text += table(("op", "count", "ms", "TFLOP/s", "of peak"),
                      [(o["op"], o["count"], f"{o['seconds'] * 1e3:.3f}", f"{o['gflop_per_second'] / 1e3:.2f}",
                        f"{o['of_peak']:.0%}") for o in ops[:40]])
    return text


def failures_text(folder, steps):
    text = ""
    for s in steps:
        if s["status"] > 0:
            lines = read_text(f"{folder}/{s['step']}.log").splitlines()
            bad = [line for line in lines if line.lstrip().startswith("not ok")][:20]
            text += f"\n## {s['step']}: {result_of(s['status'])}\n\n"
            text += "```\n" + "\n".join(bad + ["..."] + lines[-25:]) + "\n```\n"
    return text


def main():
    folder = sys.argv[1]
    steps = [json.loads(line) for line in read_text(f"{folder}/rows.jsonl").splitlines()]
    benches = {n[6:-5]: read_json(f"{folder}/{n}") for n in sorted(os.listdir(folder))
               if n.startswith("bench-") and n.endswith(".json")}
    benches = {name: bench for name, bench in benches.items() if bench}
    devices = read_json(f"{folder}/devices.json")
    commit = run("git", "describe", "--always", "--dirty")
    with open(f"{folder}/report.json", "w") as f:
        json.dump({"commit": commit, "devices": devices, "steps": steps, "benches": benches}, f, indent=1)
    with open(f"{folder}/report.md", "w") as f:
        f.write("# On the GPU\n\n")
        f.write("What `tests/cuda/on-gpu.sh` found" + (f", at {commit}" if commit else "") + ".\n\n")
        f.write("```\n" + (read_text(f"{folder}/devices.txt") or "no devices were listed\n") + "```\n\n")
        f.write(table(("step", "result", "ok", "not ok", "seconds"),
                      [(s["step"], result_of(s["status"]), s["ok"], s["not_ok"], s["seconds"]) for s in steps]))
        f.write(unet_table(benches))
        f.write(failures_text(folder, steps))
        for name, bench in benches.items():
            f.write(bench_text(name, bench) if name != "torch" else "")
        for label, why in (benches.get("torch") or {}).get("failed", {}).items():
            f.write(f"\nPyTorch, {label}: {why}\n")


if __name__ == "__main__":
    main()
