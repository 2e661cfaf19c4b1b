"""What each lever of the guided step is worth: ``python -m benchmarks.levers [--width 96]``

Old and new run in turns in one process, many times; medians and minima of both are compared, and
their results. Seconds are wall clock on a GPU, CPU time of one thread otherwise, which other work
on the machine disturbs least. Levers of the UNet are measured at a fraction of Stable Diffusion
1.5's width, unless ``--width 320``; projections alone at its true widths.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.generation import build
from benchmarks.random_weights import UNET15, VAE15
from benchmarks.sizes import FULL
from mindvideo.models.device import device
from mindvideo.models.video_unet import VideoUNet

GUIDED = 2
WIDTHS = (320,) * 5 + (640,) * 5 + (1280,) * 6
"""Of the transformer blocks of Stable Diffusion 1.5."""


class Lever(NamedTuple):
    """Two ways to compute the same."""

    name: str
    old: Callable[[], Tensor]
    new: Callable[[], Tensor]


def levers(width: int, latent: int, compiled: bool) -> list[Lever]:
    """Levers of the UNet and the VAE."""
    settings = UNET15 | {"block_out_channels": (width, 2 * width, 4 * width, 4 * width)}
    unet = build(VideoUNet, **settings).eval()
    latents = torch.randn(GUIDED, 4, FULL.frames, latent, latent, device=device())
    condition = torch.randn(GUIDED, FULL.tokens, FULL.width, device=device())
    projected, one = unet.project(condition), [condition[:1], condition[1:]]

    def step(unet: nn.Module, latents: Tensor, condition: Any) -> Tensor:
        return unet(latents, 500, condition).float()

    def changed(network: nn.Module, **to: Any) -> Any:
        return nn.Module.to(copy.deepcopy(network), **to)

    last, half = {"memory_format": torch.channels_last}, {"dtype": torch.bfloat16}
    rough = (latents.bfloat16(), condition.bfloat16())
    now = partial(step, unet, latents, condition)
    in_half = partial(step, changed(unet, **half), *rough)
    half_last = partial(step, changed(changed(unet, **half), **last), *rough)
    vae = build(AutoencoderKL, **VAE15 | {"block_out_channels": _narrow(width)}).eval()
    images = torch.randn(FULL.frames, 4, latent, latent, device=device())

    def decode(vae: Any, images: Tensor) -> Tensor:
        return vae.decode(images).sample.float()

    rows = [
        Lever(
            "keys and values of the condition once a clip",
            now,
            partial(step, unet, latents, projected),
        ),
        Lever(
            "both branches of the guidance in a batch",
            lambda: torch.cat([step(unet, x, c) for x, c in zip(latents.split(1), one)]),
            now,
        ),
        Lever("channels last, fp32", now, partial(step, changed(unet, **last), latents, condition)),
        Lever("bf16", now, in_half),
        Lever("channels last, bf16", in_half, half_last),
        Lever("bf16 and channels last", now, half_last),
        Lever(
            "VAE: channels last, fp32",
            partial(decode, vae, images),
            partial(decode, changed(vae, **last), images),
        ),
        Lever(
            "VAE: bf16 and channels last",
            partial(decode, vae, images),
            partial(decode, changed(changed(vae, **half), **last), images.bfloat16()),
        ),
    ]
    if compiled:
        rows.append(Lever("compiled", now, partial(step, torch.compile(unet), latents, condition)))
    return rows


def _narrow(width: int) -> tuple[int, ...]:
    return tuple(width * n // 320 // 32 * 32 for n in VAE15["block_out_channels"])


def projections() -> list[Lever]:
    """Levers of projections, at the true widths of all blocks."""
    images, rows = GUIDED * FULL.frames, []
    tokens = {320: 1024, 640: 256, 1280: 64}
    x = {n: torch.randn(images * tokens[n], n, device=device()) for n in tokens}
    three = [torch.randn(3, n, n, device=device()) for n in WIDTHS]
    fused = [weight.flatten(0, 1) for weight in three]
    rows.append(
        Lever(
            "queries, keys and values by one matrix",
            lambda: _last([[x[w.shape[-1]] @ part.T for part in w][2] for w in three]),
            lambda: _last([(x[w.shape[-1]] @ w.T)[:, -w.shape[-1] :] for w in fused]),
        )
    )
    times = torch.randn(GUIDED, 1280, device=device())
    maps = [torch.randn(n, 1280, device=device()) for n in (320,) * 5 + (640,) * 5 + (1280,) * 12]
    of_frames = times.repeat_interleave(FULL.frames, 0)
    rows.append(
        Lever(
            "projections of the time once a clip instead of once a frame",
            lambda: _last([of_frames @ w.T for w in maps]),
            lambda: _last([(times @ w.T).repeat_interleave(FULL.frames, 0) for w in maps]),
        )
    )
    return rows


def _last(results: list[Tensor]) -> Tensor:
    return results[-1]


def shares() -> dict[str, float]:
    """Parts of the floating-point operations of a guided step at full size, without computing it.

    Of what depends on the condition only, and of what both branches have in common: everything
    before the first cross-attention.
    """
    with torch.device("meta"):
        unet = VideoUNet(**UNET15).eval()
        latents = torch.randn(GUIDED, 4, FULL.frames, FULL.latent, FULL.latent)
        condition = torch.randn(GUIDED, FULL.tokens, FULL.width)
    with FlopCounterMode(display=False) as counter:
        unet(latents, 500, condition)
    counts = counter.get_flop_counts()
    total = counter.get_total_flops()

    def of(*names: str) -> float:
        return sum(sum(counts.get(f"VideoUNet.{name}", {}).values()) for name in names) / total

    names = [name for name, _ in unet.named_modules()]
    cross = [name for name in names if name.endswith(("attn2.to_k", "attn2.to_v"))]
    first = "down_blocks.0.attentions.0"
    common = ("conv_in", "down_blocks.0.resnets.0", f"{first}.proj_in")
    block = f"{first}.transformer_blocks.0.attn1"
    times = [name for name in names if name.endswith("time_emb_proj")]
    return {
        "TFLOP of a guided step": total / 1e12,
        "projections of the condition": of(*cross),
        "projections of the time": of(*times),
        "the second branch before the first cross-attention": of(*common, block) / GUIDED,
    }


@torch.no_grad()
def compare(lever: Lever, repetitions: int) -> str:
    """A row of the table."""
    clock = time.perf_counter if device().type == "cuda" else time.process_time
    results, times = [], np.empty((2, repetitions))
    for i in range(-1, repetitions):  # the first one warms up, or compiles
        for k, run in enumerate((lever.old, lever.new)):
            start = clock()
            result = run()
            if device().type == "cuda":
                torch.cuda.synchronize()
            if i >= 0:
                times[k, i] = clock() - start
            else:
                results.append(result)
    old, new = results
    same = "the same bits"
    if not torch.equal(old, new):
        same = f"{float((new - old).norm() / old.norm()):.0e} relative"
    middle, least = np.median(times, axis=1), times.min(axis=1)
    cells = [lever.name, f"{middle[0]:.3g}", f"{middle[1]:.3g}", f"{middle[1] / middle[0]:.3f}"]
    return " | ".join([*cells, f"{least[1] / least[0]:.3f}", same])


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--width", type=int, default=96, help="of the first level (true: 320)")
    parser.add_argument("--latent", type=int, default=16, help="height and width (true: 32)")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--compile", action="store_true", help="also torch.compile: minutes")
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="starts of names")
    arguments = parser.parse_args()
    if device().type != "cuda":
        torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, share in shares().items():
        print(f"{name}: {share:.4f}", flush=True)
    print(
        "\n| lever | old [s] | new [s] | ratio | of minima | results |\n|---|---|---|---|---|---|"
    )
    for lever in projections() + levers(arguments.width, arguments.latent, arguments.compile):
        if lever.name.startswith(tuple(arguments.only)):
            print(f"| {compare(lever, arguments.repetitions)} |", flush=True)


if __name__ == "__main__":
    main()
