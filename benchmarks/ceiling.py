"""Scores of clips generated from true captions: ``python -m benchmarks.ceiling``

Generates the evaluated clips of a finished run on the embedded data set from captions in place of
fMRI, and scores them as reconstructions are scored. Decoding fMRI with this U-Net cannot be
expected to score better than true captions do: content that these miss is not lost in the fMRI.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.finished_run import FinishedRun, cell, declare_config
from mindvideo.io.shots import describe_clips, load_shots
from mindvideo.models.checkpoints import load_video_unet
from mindvideo.models.encoding import encode_captions
from mindvideo.models.noise import noise_of_clips
from mindvideo.models.precision import put
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.schedulers import make_scheduler
from mindvideo.training.drawings import ClipGenerator

METRICS = ("identification_video", "kind_accuracy", "scene_accuracy", "motion_accuracy")


def generate(run: FinishedRun, captions: list[str], guidance: float, steps: int) -> np.ndarray:
    """Generate clips (n, f, h, w, 3) from captions with the tuned U-Net."""
    pretrained = run.plan.config.pretrained.stable_diffusion
    tokens = encode_captions(
        load_stable_diffusion(pretrained, "tokenizer"),
        put(load_stable_diffusion(pretrained, "text_encoder")),
        ["", *captions],
        batch_size=64,
    )
    empty, *text = torch.from_numpy(np.concatenate(list(tokens)))
    shared = run.artefact("video_tuning") / "model"
    latents = np.load(run.artefact("latents") / "latents.npy", mmap_mode="r")
    _, f, c, h, w = latents.shape
    parts = [
        ClipGenerator(
            unet=load_video_unet(shared),
            vae=load_stable_diffusion(pretrained, "vae"),
            scheduler=make_scheduler("ddim", load_stable_diffusion(pretrained, "scheduler")),
            text=torch.stack(text[start : start + 8]),
            empty=empty,
            noise=noise_of_clips(
                (len(text[start : start + 8]), c, f, h, w),
                torch.Generator().manual_seed(start),
                shared=run.settings("video_tuning").shared_noise,
            ),
            steps=steps,
            guidance=guidance,
        )()
        for start in range(0, len(text), 8)
    ]
    return np.concatenate(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    declare_config(parser)
    parser.add_argument("--every", type=int, default=1, help="take every n-th evaluated clip")
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    run = FinishedRun(arguments.config, arguments.subject, arguments.every)
    dataset, segments = run.plan.config.dataset, run.plan.config.evaluated
    shots = {
        segment: load_shots(Path(path), ["caption"])
        for segment, path in zip(segments, dataset.shots_paths(segments), strict=True)
    }
    sources = {
        "true captions": describe_clips(run.table, shots, dataset.tr)["caption"].tolist(),
        "captions by the captioner": run.captions(),
    }
    print(f"| drawn from | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}")
    with tempfile.TemporaryDirectory() as name:
        scores = pd.DataFrame()
        for source, captions in sources.items():
            clips = generate(run, captions, arguments.guidance, arguments.steps)
            scores = run.scores(clips, Path(name))
            cells = [
                f"{cell(scores.loc[metric])} (p {scores.loc[metric, 'p']:.2g})"
                for metric in METRICS
            ]
            print(f"| {source} | {' | '.join(cells)} |", flush=True)
        for column in ("ceiling", "chance"):
            cells = [f"{scores.loc[metric, column]:.3f}" for metric in METRICS]
            print(f"| ({column}) | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
