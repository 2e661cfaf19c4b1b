"""What one GPU does at full size: ``python -m benchmarks.gpu [--to workflow/gpu.tsv]``

Each training's step with the paper's batch, reconstruction by batch, precision and sampler, the
VAE, and the models that caption, embed and classify. Weights are random in the true architectures,
and nothing is downloaded. Each job is a separate process. Jobs that do not fit into the time limit
are left out, and named. The table is rewritten after each job; ``make resources`` copies it into
docs/reference/cost.md. ``--small`` runs tiny networks instead, to test this program itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import encoder, generation, random_weights
from benchmarks.sizes import FULL, TINY, Sizes
from mindvideo.errors import InputError
from mindvideo.io.tables import save_table
from mindvideo.models.captioner import caption_frames
from mindvideo.models.classifier import classify_clips, classify_frames
from mindvideo.models.device import device
from mindvideo.models.encoding import embed_frames, embed_texts, encode_frames
from mindvideo.models.guidance import denoise
from mindvideo.models.precision import allow_tf32
from mindvideo.models.pretrained import (
    load_captioner,
    load_clip,
    load_image_classifier,
    load_video_classifier,
)
from mindvideo.models.schedulers import make_scheduler
from mindvideo.training.gpus import peak_here

TABLE = Path("workflow/gpu.tsv")
COLUMNS = [
    *("what", "precision", "compiled", "batch", "passes", "seconds", "a_second", "unit"),
    *("teraflops", "share_of_peak", "memory_gib", "device", "torch", "date"),
]
"""Of the table. `passes`: backward passes of an optimizer step; `share_of_peak`: of the data
sheet's throughput in this precision."""

SAMPLERS = [("ddim", 200), ("dpm-solver++", 10)]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
FRAMES_AT_ONCE = 64
TRAININGS: dict[str, tuple[Callable[..., nn.Module], Callable[[Sizes], Any], bool]] = {
    "masked brain modelling": (
        encoder.autoencoder,
        lambda sizes: partial(encoder.masked, sizes=sizes),
        True,
    ),
    "contrastive": (
        encoder.encoder,
        lambda sizes: partial(encoder.contrast, sizes=sizes),
        False,
    ),
    "video tuning": (
        generation.video_model,
        lambda sizes: generation.denoising("text", sizes),
        True,
    ),
    "co-training": (
        generation.fmri_to_video,
        lambda sizes: generation.denoising("fmri", sizes),
        True,
    ),
}
"""Constructor of the model, its loss on random examples, and whether a step can be divided into
several backward passes."""

Row = dict[str, Any]


class Job(NamedTuple):
    """What one process measures."""

    what: str
    precision: str
    compiled: bool = False


def train(job: Job, sizes: Sizes) -> Iterator[Row]:
    """An optimizer step with the paper's batch, in as few backward passes as memory allows."""
    make, loss_of, divides = TRAININGS[job.what]
    batch = sizes.batches[job.what]
    model = make(sizes).to(device()).train()
    passes = [n for n in range(1, batch + 1) if batch % n == 0] if divides else [1]
    for n in passes:
        try:
            result = encoder.measure_step(
                model, loss_of(sizes), [batch // n] * n, 3, job.precision, job.compiled
            )
        except torch.OutOfMemoryError:
            if n == passes[-1]:
                raise
            torch.cuda.empty_cache()
            continue
        yield {
            "batch": batch,
            "passes": n,
            "seconds": result["seconds"],
            "a_second": batch / result["seconds"],
            "unit": "examples",
            "teraflops": result["flops"] / result["seconds"] / 1e12,
            "memory_gib": result["memory"],
        }
        return


def reconstruct(job: Job, sizes: Sizes) -> Iterator[Row]:
    """Clips under guidance by sampler and batch, and the VAE alone."""
    pipeline = generation.random_pipeline(sizes).in_precision(DTYPES[job.precision])
    pipeline.ready(compiled=job.compiled)
    unet, few = pipeline.unet, 3
    for clips in sizes.clips:
        latents = torch.randn(clips, 4, sizes.frames, sizes.latent, sizes.latent, device=device())
        condition = torch.randn(2 * clips, sizes.tokens, sizes.width, device=device())

        def steps(sampler: str, n: int) -> None:
            scheduler = make_scheduler(sampler, pipeline.scheduler)
            denoise(unet, scheduler, latents, condition, scale=12.5, steps=n)  # noqa: B023

        steps("ddim", 1)  # compiles, if at all
        decoding = generation.seconds(lambda: pipeline.decode(latents), 2)  # noqa: B023
        with FlopCounterMode(display=False) as counter:
            steps("ddim", 1)
        for sampler, n in SAMPLERS:
            took = generation.seconds(partial(steps, sampler, few), 2) / few
            whole = took * n + decoding
            yield {
                "what": f"reconstruction, {n} steps of {sampler}",
                "batch": clips,
                "seconds": whole,
                "a_second": clips / whole,
                "unit": "clips",
                "teraflops": counter.get_total_flops() / took / 1e12,
                "memory_gib": generation.peak(),
            }
        n_frames = clips * sizes.frames
        yield {
            "what": "decoding by the VAE",
            "batch": n_frames,
            "seconds": decoding,
            "a_second": n_frames / decoding,
            "unit": "frames",
            "memory_gib": generation.peak(),
        }
    frames = pictures(sizes, max(sizes.clips))
    run = partial(_all, partial(encode_frames, pipeline.vae, batch_size=sizes.frames), frames)
    if job.precision == "fp32":  # the stage `latents` encodes in single precision
        yield _rate("encoding by the VAE", run, frames.shape[0] * frames.shape[1], "frames")


def pictures(sizes: Sizes, clips: int) -> np.ndarray:
    """Random clips, uint8 (n, f, h, w, 3)."""
    shape = (clips, sizes.frames, 8 * sizes.latent, 8 * sizes.latent, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _all(function: Callable[..., Any], *arguments: Any) -> list[Any]:
    return list(function(*arguments))


def _rate(what: str, run: Callable[[], object], batch: int, unit: str) -> Row:
    run()
    took = generation.seconds(run, 2)
    return {
        "what": what,
        "batch": batch,
        "seconds": took,
        "a_second": batch / took,
        "unit": unit,
        "memory_gib": generation.peak(),
    }


def apply_models(job: Job, sizes: Sizes) -> Iterator[Row]:
    """Captions, CLIP and classifiers, with their preprocessing."""
    names = ["clip", "captioner", "image_classifier", "video_classifier"]
    with tempfile.TemporaryDirectory() as folder:
        places = sizes.models or random_weights.write_models(Path(folder), names)
        clip = load_clip(places["clip"])
        captioner = load_captioner(places["captioner"])
        images = load_image_classifier(places["image_classifier"])
        videos = load_video_classifier(places["video_classifier"])
    n = FRAMES_AT_ONCE if sizes is FULL else 2
    clips = pictures(sizes, n)
    frames = np.ascontiguousarray(clips[:, 0])
    caption = partial(caption_frames, *captioner, batch_size=n, max_tokens=20)
    texts = ["a man riding a wave on top of a surfboard"] * n
    for model in (clip.model, captioner[1], images[1], videos[1]):
        model.to(device(), DTYPES[job.precision])
    yield _rate("captions", partial(_all, caption, frames), n, "frames")
    yield _rate("CLIP, frames", lambda: embed_frames(clip, list(frames)), n, "frames")
    yield _rate("CLIP, texts", lambda: embed_texts(clip, texts), n, "texts")
    yield _rate("classification of frames", lambda: classify_frames(*images, frames), n, "frames")
    few = clips[: max(1, n // 4)]
    yield _rate("classification of clips", lambda: classify_clips(*videos, few), len(few), "clips")


OTHERS = {"reconstruction": reconstruct, "models": apply_models}
JOBS = [
    *(Job(name, "bf16") for name in TRAININGS),
    Job("reconstruction", "bf16"),
    Job("models", "fp32"),
    Job("models", "bf16"),
    Job("reconstruction", "fp32"),
    *(Job(name, "fp32") for name in TRAININGS),
    Job("reconstruction", "bf16", compiled=True),
    Job("masked brain modelling", "bf16", compiled=True),
    Job("contrastive", "bf16", compiled=True),
    Job("co-training", "bf16", compiled=True),
    Job("video tuning", "bf16", compiled=True),
]
"""In the order of what is needed most: the last ones are left out if the time is up."""


def measure(job: Job, sizes: Sizes) -> list[Row]:
    """Rows of the table. Single precision may round to TF32, as the workflow lets it."""
    torch.manual_seed(0)
    allow_tf32(True)
    where = torch.cuda.get_device_name() if device().type == "cuda" else "CPU"
    peak = peak_here(device(), job.precision)
    rows = []
    for row in OTHERS.get(job.what, train)(job, sizes):
        if peak and "teraflops" in row:
            row["share_of_peak"] = row["teraflops"] / peak
        rows.append(
            {"what": job.what, "precision": job.precision, "compiled": job.compiled}
            | row
            | {"device": where, "torch": torch.__version__, "date": datetime.now(UTC).date()}
        )
    return rows


def measure_apart(number: int, seconds: float) -> list[Row] | str:
    """Measure in a separate process, or say why there is no result."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--alone", f"{number}"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return "out of time"
    if done.returncode:
        return f"failed with exit status {done.returncode}"
    return json.loads(done.stdout.splitlines()[-1])


def run(jobs: list[int], to: Path, limit: float, small: bool) -> list[str]:
    """Write the table after each job, and return what is not measured, and why."""
    start, rows, left_out = time.monotonic(), [], []
    for number in jobs:
        job = JOBS[number]
        left = limit - (time.monotonic() - start)
        name = f"{job.what}, {job.precision}{', compiled' * job.compiled}"
        if left <= 0:
            left_out.append(f"{name}: out of time")
            continue
        result = measure(job, TINY) if small else measure_apart(number, left)
        if isinstance(result, str):
            left_out.append(f"{name}: {result}")
            continue
        rows += result
        table = pd.DataFrame(rows).reindex(columns=COLUMNS)
        save_table(to, table.astype({"passes": "Int64"}))
        print(f"{time.monotonic() - start:5.0f} s  {name}", flush=True)
    return left_out


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, default=TABLE, help="the table")
    parser.add_argument("--limit", type=float, default=480, help="time for all jobs [s]")
    parser.add_argument("--small", action="store_true", help="tiny networks, fp32, not compiled")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="starts of names of jobs")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.alone is not None:
        print(json.dumps(measure(JOBS[arguments.alone], FULL), default=str))
        return
    if device().type != "cuda" and not arguments.small:
        raise InputError(
            "torch finds no GPU, and at full size a processor takes hours: run it on a machine "
            "with a GPU, or pass --small to test the program itself"
        )
    chosen = [
        number
        for number, job in enumerate(JOBS)
        if not (arguments.small and (job.compiled or job.precision != "fp32"))
        and (not arguments.only or job.what.startswith(tuple(arguments.only)))
    ]
    left_out = run(chosen, arguments.to, arguments.limit, arguments.small)
    for line in left_out:
        print(f"not measured: {line}")


if __name__ == "__main__":
    main()
