"""Scores of linear baselines: ``python -m benchmarks.linear``

Decodes the test windows of a finished run by ridge regression in place of the encoder, and scores
the clips as reconstructions are scored:

- *ridge*: windows → text tokens of the captions, the condition that the video U-Net was tuned on.
  This U-Net, before co-training, generates the clips with the settings, the starting noise and the
  decoded motion of the run's own reconstructions. The negative condition is the prediction from
  the run's negative window.
- *ridge, rescaled*: the same predictions, scaled to the variance of the training tokens.
- *retrieval*: windows → CLIP embedding of a clip; the training clip whose embedding is nearest is
  copied.

Nothing is chosen on test clips: penalties follow from leave-one-out errors on training windows, the
scale from predictions for training segments that were left out, and there is nothing else to set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks.finished_run import FinishedRun, cell
from mindvideo.fmri.decoding import fit_decoder, predict
from mindvideo.io.clips import load_frames
from mindvideo.io.motion import load_decoder
from mindvideo.io.tables import load_table, rows_of
from mindvideo.metrics.embedding import cosine_similarity
from mindvideo.models.device import device
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.schedulers import make_scheduler
from mindvideo.models.trained import PRECISIONS, negative_window, noise_generator
from mindvideo.models.video_unet import VideoUNet
from mindvideo.settings.evaluation import ReconstructionSettings

METRICS = {
    "identification_video": "identification, video",
    "identification_frame": "identification, image",
    "kind_accuracy": "kind",
    "scene_accuracy": "scene",
    "motion_accuracy": "motion",
    "frame_50_way": "image 50-way",
    "ssim": "SSIM",
    "flow_agreement": "flow agreement",
}


class LinearEncoder(nn.Module):
    """A linear map in place of the fMRI encoder: windows (b, w, v) → tokens (b, tokens, d).

    Parameters
    ----------
    coef : ndarray, shape (tokens · d, w · v)
    intercept : ndarray, shape (tokens · d,)
    shape : tuple of int
        Tokens, and their width d.
    """

    def __init__(self, coef: np.ndarray, intercept: np.ndarray, shape: tuple[int, int]) -> None:
        super().__init__()
        self.shape, self.config = shape, {"out_dim": shape[1]}
        self.linear = nn.Linear(*coef.T.shape)
        self.linear.weight.data = torch.tensor(coef, dtype=torch.float32)
        self.linear.bias.data = torch.tensor(intercept, dtype=torch.float32)

    @property
    def dtype(self) -> torch.dtype:
        return self.linear.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.linear.weight.device

    def forward(self, windows: Tensor) -> Tensor:
        return self.linear(windows.flatten(1)).unflatten(1, self.shape)


class Baselines:
    """Ridge regression on the training windows of a run, and the test clips that follow from it.

    Parameters
    ----------
    run : FinishedRun
    """

    def __init__(self, run: FinishedRun) -> None:
        self.run, self.table = run, load_table(run.folder / "windows/train.tsv")
        self.windows = np.load(run.folder / "windows/train.npy")
        latents = self._shared("latents")
        row = rows_of(self.table, load_table(latents / "table.tsv"), latents / "table.tsv")
        self.tokens = np.load(latents / "text.npy", mmap_mode="r")[row]  #        n tokens d
        embeddings = np.load(self._shared("embeddings") / "images.npy", mmap_mode="r")
        self.embeddings = embeddings[row].mean(axis=1)  #                         n d
        clips = self._shared("clips")
        paths = [clips / f"{segment}.npy" for segment in run.plan.config.dataset.train]
        self.frames = load_frames(paths, self.table)
        self.unet = self._shared("video_tuning") / "model"
        self._kept: dict[str, np.ndarray] = {}

    def _shared(self, artefact: str) -> Path:
        return self.run.results / self.run.plan.home(artefact, self.run.subject) / artefact

    def encoder(self, *, stretch: bool) -> LinearEncoder:
        """Regression to text tokens; fitted once, whether its predictions are rescaled or not."""

        def keep(name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
            if name not in self._kept:
                self._kept[name] = compute()
            return self._kept[name]

        targets = self.tokens.reshape(len(self.tokens), -1)
        decoder = fit_decoder(self.windows, targets, self._segments(), stretch=stretch, keep=keep)
        median = np.median(decoder.correlation[targets.std(axis=0) > 0])
        print(
            f"median r of token values, left-out training segments: {median:.2f}", file=sys.stderr
        )
        return LinearEncoder(decoder.coef, decoder.intercept, self.tokens.shape[1:])

    def generate(self, *, stretch: bool) -> np.ndarray:
        """Generate a clip for each test window: (n, f, h, w, 3)."""
        return generate(self.run, self.encoder(stretch=stretch), self.unet)

    def retrieve(self) -> np.ndarray:
        """Copy a training clip for each test window: (n, f, h, w, 3)."""
        decoder = fit_decoder(self.windows, self.embeddings, self._segments(), stretch=False)
        predicted = predict(self.run.windows, decoder.coef, decoder.intercept)
        return np.stack([self.frames[row] for row in nearest(predicted, self.embeddings)])

    def _segments(self) -> np.ndarray:
        return self.table["segment"].to_numpy()


def generate(run: FinishedRun, encoder: nn.Module, unet: Path) -> np.ndarray:
    """Generate the test clips (n, f, h, w, 3), as the stage `reconstruct` does.

    Parameters
    ----------
    run : FinishedRun
    encoder : nn.Module
        Windows → tokens, in place of the run's encoder.
    unet : Path
        Folder of the video U-Net.
    """
    settings: ReconstructionSettings = run.settings("reconstruct")
    noise_schedule = load_stable_diffusion(settings.stable_diffusion, "scheduler")
    pipeline = MindVideoPipeline(
        vae=load_stable_diffusion(settings.stable_diffusion, "vae"),
        unet=VideoUNet.from_pretrained(unet),
        fmri_encoder=encoder,
        scheduler=make_scheduler(settings.scheduler, noise_schedule),
    )
    pipeline.in_precision(PRECISIONS[settings.precision]).to(device())
    pipeline.set_progress_bar_config(disable=True)
    windows, null = run.windows, np.load(run.folder / "windows/null.npy")
    negative = negative_window(settings.negative, null, windows.shape[1:])
    motion = None
    if settings.moving_noise:
        motion = predict(windows, *load_decoder(run.motion(), windows[0].size))
    parts = []
    for start in range(0, len(windows), settings.batch_size):
        batch = range(len(windows))[start : start + settings.batch_size]
        clips = pipeline(
            windows[batch],
            negative,
            num_frames=settings.num_frames,
            height=settings.size,
            width=settings.size,
            num_inference_steps=settings.steps,
            guidance_scale=1.0 if negative is None else settings.guidance,
            generator=[noise_generator(settings.seed, clip) for clip in batch],
            shared_noise=settings.shared_noise,
            motion=None if motion is None else motion[batch],
        )
        parts.append(np.asarray(clips))
    return np.concatenate(parts)


def nearest(predicted: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """For each predicted embedding (m, d), the nearest of others (n, d): int, (m,).

    By the cosine of what remains without the mean of the others: regression shrinks its predictions
    towards this mean, and the embeddings next to it would otherwise be the nearest of most.

    >>> nearest(np.array([[5.0, 5.1]]), np.array([[5.0, 7.0], [5.0, 3.0]])).tolist()
    [0]
    """
    mean = embeddings.mean(axis=0)
    return cosine_similarity(predicted - mean, embeddings - mean).argmax(axis=1)


def baseline_scores(run: FinishedRun, out: Path) -> dict[str, pd.DataFrame]:
    """Metrics of each baseline; those that are in the folder `out` are not computed again."""
    baselines = Baselines(run)
    methods = {
        "retrieval": baselines.retrieve,
        "ridge": partial(baselines.generate, stretch=False),
        "ridge, rescaled": partial(baselines.generate, stretch=True),
    }
    scores = {}
    for name, clips in methods.items():
        folder = out / name.replace(", ", "-")
        if not (folder / "metrics.tsv").exists():
            folder.mkdir(parents=True, exist_ok=True)
            run.scores(clips(), folder)
        scores[name] = load_table(folder / "metrics.tsv").set_index("metric")
    return scores


def finished_scores(run: FinishedRun) -> dict[str, pd.DataFrame]:
    """Metrics that the workflow has computed: of the control, if it is there, and of the chain."""
    paths = {
        "control": run.folder / "variants/shuffled/metrics.tsv",
        "MinD-Video": run.folder / "metrics.tsv",
    }
    return {
        name: load_table(path).set_index("metric") for name, path in paths.items() if path.exists()
    }


def table(scores: dict[str, pd.DataFrame]) -> str:
    """One row for each metric, one column for each method, in Markdown."""
    (first, *_) = scores.values()
    lines = [f"| | chance | {' | '.join(scores)} |", "|---|---|" + "---|" * len(scores)]
    for metric in (metric for metric in METRICS if metric in first.index):
        chance = pd.to_numeric(first.loc[metric, "chance"], errors="coerce")
        cells = [f"{cell(of.loc[metric])}, p = {of.loc[metric, 'p']:.2g}" for of in scores.values()]
        written = "–" if np.isnan(chance) else f"{chance:.3f}"
        lines.append(f"| {METRICS[metric]} | {written} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--subject", default="sub1")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder for the clips and scores of the baselines; those that are there are read",
    )
    arguments = parser.parse_args()
    run = FinishedRun(arguments.config, arguments.subject)
    finished = finished_scores(run)
    chain = {name: finished.pop(name) for name in ("MinD-Video",) if name in finished}
    print(table(finished | baseline_scores(run, arguments.out) | chain))


if __name__ == "__main__":
    main()
