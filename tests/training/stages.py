"""Runs the four training stages in sequence, on noise and the zoo's models."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mindvideo.io.tables import save_table
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.settings.training import (
    ContrastiveSettings,
    CotrainingSettings,
    EncoderShape,
    MbmSettings,
    VideoTuningSettings,
)
from mindvideo.stages import contrastive, cotraining, mbm, video_tuning

SHAPE = EncoderShape(
    patch_size=4,
    embed_dim=16,
    depth=1,
    num_heads=2,
    decoder_embed_dim=8,
    decoder_depth=1,
    decoder_num_heads=2,
)
SD = {"stable_diffusion": "zoo:stable-diffusion"}
FEW = {"duration": 2, "unit": "steps", "warmup": 0, "lr": 1e-3, "batch_size": 4}
WORDS = ["a cat", "a dog"]
ARRAYS = ("windows", "latents", "text", "images", "texts")
N, FRAMES, VOXELS = 6, 3, 24  # clips of a segment, frames of a clip, voxels of the subject


def no_validation(*names: str) -> dict[str, None]:
    """Inputs of a stage if the data set has no validation segments."""
    return dict.fromkeys(f"validation_{name}" for name in names)


class Stages:
    """Runs the stages in a folder, each with `changes` to its inputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rng = np.random.default_rng(0)

        def array(name: str, *shape: int) -> Path:
            np.save(folder / name, rng.standard_normal(shape, dtype=np.float32))
            return folder / name

        tokens, unet = 7, load_stable_diffusion(SD["stable_diffusion"], "unet")
        width = unet.config.cross_attention_dim
        keys = [(segment, clip) for segment in ("seg1", "seg2") for clip in range(N)]
        clips = pd.DataFrame(keys, columns=["segment", "clip"])
        latents = clips.assign(scene=range(2 * N), caption=["a cat", "a dog"] * N)
        save_table(folder / "latents.tsv", latents)
        # Windows in another order than the latents, and not for all of them.
        save_table(folder / "windows.tsv", clips.iloc[::-1][:-1])
        for segment in ("seg1", "seg2"):
            frames = rng.integers(0, 256, (N, FRAMES, 16, 16, 3), dtype=np.uint8)
            np.save(folder / f"{segment}.npy", frames)
        self.samples = array("samples.npy", 30, 16)
        self.windows = array("windows.npy", 2 * N - 1, 2, VOXELS)
        self.latents = array("latents.npy", 2 * N, FRAMES, 4, 8, 8)
        self.text = array("text.npy", 2 * N, tokens, width)
        self.images = array("images.npy", 2 * N, FRAMES, width)
        self.texts = array("texts.npy", 2 * N, 3, width)
        self.empty_text = array("empty.npy", tokens, width)

    def _outputs(self, stage: str) -> dict[str, Path]:
        state = self.folder / f"state-{stage}"
        shutil.rmtree(state, ignore_errors=True)  # as the runner does after success
        state.mkdir()
        history = self.folder / f"{stage}.tsv"
        return {
            "model": self.folder / stage,
            "history": history,
            "events": self.folder / f"{stage}-events",
            "state": state,
        }

    def mbm(
        self,
        name: str,
        samples: Path,
        start: Path | None,
        times: int = 1,
        inputs: dict[str, Path] | None = None,
        **changes: Any,
    ) -> None:
        settings = MbmSettings(**{**FEW, "encoder": SHAPE, **changes})
        outputs = self._outputs(name) | {"examples": self.folder / f"{name}-examples.npy"}
        files = {"validation_windows": None} | (inputs or {})
        mbm.main(samples=[samples] * times, start=start, settings=settings, **files, **outputs)

    def contrastive(self, **changes: Any) -> None:
        chosen = {**FEW, "encoder": SHAPE, "clip": "zoo:clip", **changes.pop("settings", {})}
        inputs = {
            "windows": self.windows,
            "repetitions": None,
            "table": self.folder / "windows.tsv",
            "mbm": self.folder / "tuned",
            "clips": [self.folder / "seg1.npy", self.folder / "seg2.npy"],
            "latents_table": self.folder / "latents.tsv",
            "text": self.text,
            "images": self.images,
            "texts": self.texts,
            **no_validation("windows", "table", "latents_table", "text", "images", "texts"),
        }
        outputs = self._outputs("contrastive")
        contrastive.main(**{**inputs, **changes}, settings=ContrastiveSettings(**chosen), **outputs)

    def video_tuning(self, **changes: Any) -> None:
        inputs = {
            "latents": self.latents,
            "text": self.text,
            "empty_text": self.empty_text,
            "table": self.folder / "latents.tsv",
            "clip_motion": None,
            **no_validation("latents", "text", "table", "clip_motion"),
        }
        settings = VideoTuningSettings(
            **{**FEW, **SD, "drawings": {"captions": 2, "steps": 1}, **changes.pop("settings", {})}
        )
        outputs = self._outputs("video") | {
            "generated": self.folder / "generated.npy",
            "generated_table": self.folder / "generated.tsv",
        }
        video_tuning.main(**{**inputs, **changes}, settings=settings, **outputs)

    def cotraining(self, **changes: Any) -> None:
        inputs = {
            "windows": self.windows,
            "repetitions": None,
            "table": self.folder / "windows.tsv",
            "latents": self.latents,
            "latents_table": self.folder / "latents.tsv",
            "encoder": self.folder / "contrastive",
            "unet": self.folder / "video",
            "clip_motion": None,
            **no_validation("windows", "table", "latents", "latents_table", "clip_motion"),
        }
        settings = CotrainingSettings(**{**FEW, **SD, **changes.pop("settings", {})})
        cotraining.main(**{**inputs, **changes}, settings=settings, **self._outputs("both"))


def weights_changed(before: torch.nn.Module, after: torch.nn.Module) -> set[str]:
    old, new = before.state_dict(), after.state_dict()
    return {name for name in old if not torch.equal(old[name], new[name])}
