"""What generates clips and films: the trained models, and what they are conditioned on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from mindvideo.errors import InputError
from mindvideo.io.sidecars import check_voxels
from mindvideo.models.conditions import Tokens, mean_tokens
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.trained import load_pipeline, negative_window
from mindvideo.settings.evaluation import ClipSettings

Windows = TypeVar("Windows")


@dataclass(frozen=True)
class Conditions:
    """The negative condition, and what replaces the windows.

    Attributes
    ----------
    negative : ndarray (w, v), Tokens (b = 1), or None
        None: there is no guidance.
    tokens : Tokens (b = 1), or None
        The condition of every clip; None: that of its window.
    window : ndarray (w, v), or None
        The mean training window, if `tokens` are the mean of its windows' tokens.
    """

    negative: np.ndarray | Tokens | None
    tokens: Tokens | None = None
    window: np.ndarray | None = None

    def of(self, windows: Windows, n: int) -> Windows | Tokens:
        """The conditions of n clips: their windows, or tokens in place of these."""
        return windows if self.tokens is None else self.tokens.repeated(n)


def load_generator(
    model: Path,
    settings: ClipSettings,
    windows: Path,
    shape: tuple[int, ...],
    *,
    null_window: Path,
    train_windows: Path | None,
    empty_text: Path | None,
) -> tuple[MindVideoPipeline, Conditions]:
    """Load the models after co-training, and the conditions that the settings name.

    Parameters
    ----------
    model
        Folder that co-training has written.
    settings
    windows
        The windows to reconstruct, which must be of the voxels that the model was trained on.
    shape
        (w, v) of these windows.
    null_window, train_windows, empty_text
        Only files that the settings need are read.

    Raises
    ------
    InputError
        If a file is needed that was not given, or windows are of another shape or other voxels.
    """
    pipeline = load_pipeline(
        model, settings.stable_diffusion, settings.scheduler, settings.precision
    )
    check_voxels(windows, pipeline.fmri_encoder.config["voxels"], model)
    tokens = window = None
    if "mean-tokens" in (settings.negative, settings.condition):
        training = _training_windows(train_windows, shape)
        tokens, window = mean_tokens(pipeline.fmri_encoder, training), _mean(training)
    negative: np.ndarray | Tokens | None = tokens
    if not settings.guided:
        negative = None
    elif settings.negative == "empty-caption":
        negative = _empty_caption(empty_text)
    elif settings.negative != "mean-tokens":
        negative = negative_window(settings.negative, np.load(null_window), shape)
    if settings.condition == "fmri":
        return pipeline, Conditions(negative)
    return pipeline, Conditions(negative, tokens, window)


def _training_windows(path: Path | None, shape: tuple[int, ...]) -> np.ndarray:
    if path is None:
        raise InputError(
            "mean-tokens needs the training windows: compute them with `mindvideo windows`, and "
            "pass them as --train-windows"
        )
    windows = np.load(path, mmap_mode="r")
    if windows.shape[1:] != shape:
        raise InputError(
            f"{path}: windows of shape {windows.shape[1:]}, but the test windows have {shape}: "
            "compute both from the same run of the stage `windows`"
        )
    return windows


def _mean(windows: np.ndarray) -> np.ndarray:
    return windows.mean(axis=0, dtype=np.float64).astype(np.float32)


def _empty_caption(path: Path | None) -> Tokens:
    if path is None:
        raise InputError(
            "negative: empty-caption needs the tokens of the empty caption: compute them with "
            "`mindvideo latents`, and pass them as --empty-text"
        )
    return Tokens(torch.from_numpy(np.load(path)).float()[None])
