"""Growth of cost with size: ``python -m benchmarks.growth``, exponents fitted at doubled sizes.

1 is linear. Only comparisons of all with all may be above: attention over patches, and
identification of a clip among all. Subjects and segments are separate jobs: linear by construction.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from benchmarks.random_weights import SCHEDULE15
from mindvideo.fmri.cleaning import clean, nuisance
from mindvideo.fmri.drift import polynomials
from mindvideo.fmri.reproducibility import segment_z
from mindvideo.metrics.catalogue import pixel_metrics
from mindvideo.metrics.embedding import cosine_similarity, identification
from mindvideo.metrics.n_way import n_way_accuracy, top_classes
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.guidance import denoise
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.schedulers import make_scheduler
from mindvideo.models.video_unet import VideoUNet

SMALL = {"embed_dim": 256, "depth": 4, "num_heads": 4}
RNG = np.random.default_rng(0)


def cleaning(n_volumes: int, n_voxels: int) -> Callable[[], object]:
    run = RNG.normal(size=(n_volumes, n_voxels)).astype(np.float32)
    basis = nuisance(polynomials(n_volumes, 4))
    return lambda: clean(run, basis)


def reproducing(n_voxels: int) -> Callable[[], object]:
    repetitions = RNG.normal(size=(2, 240, n_voxels)).astype(np.float32)
    return lambda: segment_z(repetitions)


def encoding(windows: int, voxels: int) -> Callable[[], object]:
    encoder = FmriEncoder(num_voxels=voxels, **SMALL).eval()
    fmri = torch.randn(windows, 2, voxels)
    return torch.no_grad()(lambda: encoder(fmri))


def brain_modelling(samples: int, voxels: int) -> Callable[[], object]:
    model = MaskedAutoencoder(
        num_voxels=voxels, decoder_embed_dim=128, decoder_depth=2, decoder_num_heads=4, **SMALL
    )
    volumes = torch.randn(samples, voxels)
    return lambda: model.masked(volumes, 0.75)[0].backward()


def _unet() -> VideoUNet:
    return VideoUNet(
        block_out_channels=(64, 128),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=64,
        norm_num_groups=8,
    ).eval()


def denoising(clips: int, frames: int, steps: int) -> Callable[[], object]:
    from diffusers import DDIMScheduler

    unet = _unet()
    scheduler = make_scheduler("ddim", DDIMScheduler(**SCHEDULE15))
    latents, condition = torch.randn(clips, 4, frames, 16, 16), torch.randn(2 * clips, 77, 64)
    return lambda: denoise(unet, scheduler, latents, condition, 4.0, steps)


def pixels(clips: int) -> Callable[[], object]:
    stimuli, reconstructions = RNG.integers(0, 256, (2, clips, 6, 64, 64, 3), dtype=np.uint8)
    rows = [np.arange(clips)]
    return lambda: pixel_metrics(reconstructions, stimuli, rows, RNG, most=1)


def n_way(clips: int) -> Callable[[], object]:
    truth, scores = RNG.normal(size=(2, clips, 1000))
    classes = top_classes(truth, 3)
    return lambda: n_way_accuracy(scores, classes, 50)


def identifying(clips: int) -> Callable[[], object]:
    embeddings = RNG.normal(size=(2, clips, 256))
    return lambda: identification(cosine_similarity(*embeddings))


AXES: dict[str, tuple[Callable[[int], Callable[[], object]], int]] = {
    "cleaning, by volumes": (lambda n: cleaning(n, 20_000), 120),
    "cleaning, by voxels": (lambda n: cleaning(240, n), 10_000),
    "reproducibility, by voxels": (reproducing, 20_000),
    "masked brain modelling, by samples": (lambda n: brain_modelling(n, 4192), 4),
    "masked brain modelling, by voxels": (lambda n: brain_modelling(8, n), 2048),
    "encoder, by windows": (lambda n: encoding(n, 4096), 4),
    "encoder, by voxels (attention between patches)": (lambda n: encoding(4, n), 2048),
    "denoising, by clips": (lambda n: denoising(n, 6, 2), 2),
    "denoising, by frames": (lambda n: denoising(2, n, 2), 6),
    "denoising, by steps": (lambda n: denoising(2, 6, n), 2),
    "pixel metrics, by clips": (pixels, 20),
    "50-way accuracy, by clips": (n_way, 2000),
    "identification, by clips (all pairs)": (identifying, 1000),
}
"""Constructor of a timed call by size, and the smallest size."""


def seconds(run: Callable[[], object], n_repetitions: int = 5) -> float:
    """Time of the fastest call."""
    best = float("inf")
    for _ in range(n_repetitions + 1):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    cv2.setNumThreads(1)
    torch.manual_seed(0)
    print("| cost | sizes | seconds | exponent |\n|---|---|---|---|")
    for name, (make, smallest) in AXES.items():
        sizes = [smallest * 2**i for i in range(4)]
        times = [seconds(make(size)) for size in sizes]
        exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        cells = [", ".join(f"{n:,}" for n in sizes), ", ".join(f"{t:.3g}" for t in times)]
        print(f"| {name} | {' | '.join(cells)} | {exponent:.2f} |", flush=True)


if __name__ == "__main__":
    main()
