"""What generates clips and films: the trained models, and what they are conditioned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from mindvideo.errors import InputError
from mindvideo.fmri.decoding import predict
from mindvideo.io.motion import load_decoder
from mindvideo.io.sidecars import check_voxels
from mindvideo.models.conditions import Tokens, mean_tokens
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.trained import load_pipeline, negative_window, noise_generator
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


@dataclass(frozen=True)
class Generator:
    """Models, conditions and settings that turn windows into clips.

    Attributes
    ----------
    pipeline : MindVideoPipeline
    conditions : Conditions
    settings : ClipSettings
    motion : Path or None
        The decoder of the clips' motion (stage `motion`), needed for moving noise.
    """

    pipeline: MindVideoPipeline
    conditions: Conditions
    settings: ClipSettings
    motion: Path | None = None

    @property
    def guidance(self) -> float:
        """Scale of the guidance; 1 without a negative condition."""
        return 1.0 if self.conditions.negative is None else self.settings.guidance

    def motion_of(self, windows: np.ndarray) -> np.ndarray | None:
        """Motion (n, 3) of the clips of windows (n, w, v); None if noise does not move.

        Clips that all have the mean of the tokens as their condition also have the motion of the
        mean training window.

        Raises
        ------
        InputError
            If noise moves and there is no decoder of motion, or it is for other windows.
        """
        if not self.settings.moving_noise:
            return None
        if self.motion is None:
            raise InputError(
                "moving_noise: true needs a decoder of motion: compute it with `mindvideo motion`, "
                "and pass it as --motion"
            )
        if self.conditions.window is not None:
            windows = np.broadcast_to(self.conditions.window, windows.shape)
        return predict(windows, *load_decoder(self.motion, windows[0].size))

    def generate(
        self, windows: np.ndarray, numbers: Sequence[int], motion: np.ndarray | None
    ) -> np.ndarray:
        """Clips, uint8 (b, f, h, w, 3), of windows (b, w, v), computed as one batch.

        The noise of a clip depends only on the seed and on the clip's number, so that neither the
        batch size nor the other windows matter, up to rounding. A model of still images generates
        one, which is repeated.

        Parameters
        ----------
        windows : ndarray, shape (b, w, v)
        numbers : sequence of int
            Number of each clip among all evaluated clips.
        motion : ndarray, shape (b, 3), or None
            From :meth:`motion_of`.
        """
        settings = self.settings
        clips = self.pipeline(
            self.conditions.of(windows, len(windows)),
            self.conditions.negative,
            num_frames=1 if settings.still else settings.num_frames,
            height=settings.size,
            width=settings.size,
            num_inference_steps=settings.steps,
            guidance_scale=self.guidance,
            generator=[noise_generator(settings.seed, number) for number in numbers],
            shared_noise=settings.shared_noise,
            motion=motion,
        )
        frames = np.asarray(clips)
        return frames.repeat(settings.num_frames, axis=1) if settings.still else frames


def load_generator(
    model: Path,
    settings: ClipSettings,
    windows: Path,
    shape: tuple[int, ...],
    *,
    null_window: Path,
    train_windows: Path | None,
    empty_text: Path | None,
    motion: Path | None = None,
) -> Generator:
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
    null_window, train_windows, empty_text, motion
        Only files that the settings need are read.

    Raises
    ------
    InputError
        If a file is needed that was not given, or windows are of another shape or other voxels.
    """
    pipeline = load_pipeline(
        model,
        settings.stable_diffusion,
        settings.scheduler,
        settings.precision,
    ).ready(compiled=settings.compile)
    check_voxels(windows, pipeline.fmri_encoder.config["voxels"], model)
    mean = None
    if needs_mean_tokens(settings):
        mean = mean_condition(pipeline, load_training_windows(train_windows, shape))
    conditions = load_conditions(
        settings, shape, null_window=null_window, mean=mean, empty_text=empty_text
    )
    return Generator(pipeline, conditions, settings, motion)


def needs_mean_tokens(settings: ClipSettings) -> bool:
    """Whether the mean of the training windows' tokens is a condition."""
    return "mean-tokens" in (settings.negative, settings.condition)


def mean_condition(pipeline: MindVideoPipeline, training: np.ndarray) -> tuple[Tokens, np.ndarray]:
    """The mean of the tokens of training windows (n, w, v), and the mean window (w, v)."""
    return mean_tokens(pipeline.fmri_encoder, training), _mean(training)


def load_conditions(
    settings: ClipSettings,
    shape: tuple[int, ...],
    *,
    null_window: Path | None,
    mean: tuple[Tokens, np.ndarray] | None,
    empty_text: Path | None,
) -> Conditions:
    """Load the conditions that the settings name.

    Parameters
    ----------
    settings
    shape
        (w, v) of the windows.
    null_window, empty_text
        Only files that the settings need are read.
    mean
        :func:`mean_condition`, if :func:`needs_mean_tokens`.

    Raises
    ------
    InputError
        If a file is needed that was not given, or the null window is of another shape.
    """
    tokens, window = mean if mean else (None, None)
    negative: np.ndarray | Tokens | None = tokens
    if not settings.guided:
        negative = None
    elif settings.negative == "empty-caption":
        negative = _empty_caption(empty_text)
    elif settings.negative != "mean-tokens":
        null = _null_window(null_window) if settings.negative == "null-window" else np.zeros(shape)
        negative = negative_window(settings.negative, null, shape)
    if settings.condition == "fmri":
        return Conditions(negative)
    return Conditions(negative, tokens, window)


def load_training_windows(path: Path | None, shape: tuple[int, ...]) -> np.ndarray:
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


def _null_window(path: Path | None) -> np.ndarray:
    if path is None:
        raise InputError(
            "guidance needs a negative condition: give the null window, the mean of the training "
            "windows, with --null-window; or leave guidance out with --guidance 1"
        )
    return np.load(path)


def _empty_caption(path: Path | None) -> Tokens:
    if path is None:
        raise InputError(
            "negative: empty-caption needs the tokens of the empty caption: compute them with "
            "`mindvideo latents`, and pass them as --empty-text"
        )
    return Tokens(torch.from_numpy(np.load(path)).float()[None])
