#!/usr/bin/env python3
"""Times the SD 1.5 U-Net forward in PyTorch on the first GPU, eager and compiled, by number type and
batch, and prints JSON: what `moa bench --device cuda` is read beside.  Random weights, 64 x 64 latents,
77 tokens.  Needs: pip install torch diffusers."""
import json
import statistics
import time

import torch
import diffusers
from diffusers import UNet2DConditionModel

RUNS = 20


def milliseconds(unet, sample, text):
    times = []
    with torch.inference_mode():
        for i in range(RUNS + 5):  # the first ones warm up
            torch.cuda.synchronize()
            start = time.perf_counter()
            unet(sample, 501, encoder_hidden_states=text)
            torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[5:])


def main():
    torch.manual_seed(0)
    result = {"torch": torch.__version__, "diffusers": diffusers.__version__,
              "device": torch.cuda.get_device_name(0), "milliseconds": {}}
    for name, dtype in (("f32", torch.float32), ("tf32", torch.float32), ("f16", torch.float16), ("bf16", torch.bfloat16)):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
        unet = UNet2DConditionModel(
            sample_size=64, cross_attention_dim=768, attention_head_dim=8,
            block_out_channels=(320, 640, 1280, 1280),
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3).eval().cuda().to(dtype)
        for batch in (1, 2):
            sample = torch.randn(batch, 4, 64, 64, device="cuda", dtype=dtype)
            text = torch.randn(batch, 77, 768, device="cuda", dtype=dtype)
            result["milliseconds"][f"{name} eager, batch {batch}"] = milliseconds(unet, sample, text)
            compiled = torch.compile(unet, mode="reduce-overhead")
            result["milliseconds"][f"{name} compiled, batch {batch}"] = milliseconds(compiled, sample,
                                                                                      text)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
