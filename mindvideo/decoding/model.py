"""A trained model: the files and settings that decode the fMRI of one subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from mindvideo.contents import file_digest
from mindvideo.decoding.generator import (
    Generator,
    load_conditions,
    load_generator,
    needs_mean_tokens,
)
from mindvideo.errors import InputError
from mindvideo.io.released import read_config
from mindvideo.io.sidecars import check_voxels
from mindvideo.io.tables import load_table
from mindvideo.models.conditions import Tokens
from mindvideo.models.precision import allow_tf32
from mindvideo.models.trained import load_saved_pipeline
from mindvideo.settings.decoding import RecordingSettings
from mindvideo.settings.evaluation import ReconstructionSettings
from mindvideo.validation import explain


@dataclass(frozen=True)
class Recording:
    """How runs become windows: the settings, and the maps and tables of voxels."""

    settings: RecordingSettings
    regions: Path
    """Map of the areas: its voxels are cleaned."""
    voxels: Path
    """Table of the selected voxels."""


@dataclass(frozen=True)
class TrainedModel:
    """All that turns windows of one subject into clips; weights are not loaded.

    Attributes
    ----------
    place : Path
        The folder that the user named.
    networks : Path
        The folder with ``unet/`` and ``fmri_encoder/``.
    settings : ReconstructionSettings
    complete : bool
        Whether `networks` is a whole pipeline. If not, the parts of Stable Diffusion that the
        settings name are added.
    null_window, motion, empty_text : Path or None
        Negative condition (w, v), decoder of motion, tokens of the empty caption.
    train_windows : Path or None
        Windows whose mean tokens are a condition.
    mean_tokens, mean_window : Path or None
        The mean of these tokens (tokens, d), and of the windows (w, v), in place of the windows.
    recording : Recording or None
        None: only windows can be decoded.
    """

    place: Path
    networks: Path
    settings: ReconstructionSettings
    complete: bool = False
    null_window: Path | None = None
    motion: Path | None = None
    empty_text: Path | None = None
    train_windows: Path | None = None
    mean_tokens: Path | None = None
    mean_window: Path | None = None
    recording: Recording | None = None

    def with_settings(
        self, changes: Mapping[str, Any], null_window: Path | None = None
    ) -> TrainedModel:
        """The same model with some settings of `reconstruction` changed, or another null window.

        Raises
        ------
        InputError
            If the settings are not valid, or guidance lacks its null window.
        """
        changes = {name: value for name, value in changes.items() if value is not None}
        if null_window is not None:
            changes["negative"] = "null-window"
        try:
            settings = ReconstructionSettings.model_validate(self.settings.model_dump() | changes)
        except ValidationError as error:
            raise InputError(explain(error, "settings", ReconstructionSettings)) from None
        model = replace(self, settings=settings, null_window=null_window or self.null_window)
        if settings.guided and settings.negative == "null-window" and model.null_window is None:
            raise InputError(
                f"{self.place} has no null window, the negative condition of the guidance: give "
                "one with --null-window (the mean of the training windows, volumes × voxels), or "
                "leave guidance out with --guidance 1"
            )
        return model

    @property
    def encoder(self) -> dict[str, Any]:
        """Configuration of the encoder."""
        return read_config(self.networks / "fmri_encoder")

    def check(self, windows: np.ndarray, source: Path) -> None:
        """Raise an error if an array is not windows of this model's voxels.

        Raises
        ------
        InputError
        """
        encoder = self.encoder
        # A released configuration does not have the number of voxels of the weights.
        if encoder.get("_class_name") in ("FmriEncoder", "LinearEncoder"):
            expected = encoder["window_size"], encoder["num_voxels"]
            if windows.shape[1:] != expected:
                raise InputError(
                    f"{source}: windows of {windows.shape[1]} volumes × {windows.shape[2]} "
                    f"voxels, but {self.place} was trained on {expected[0]} volumes × "
                    f"{expected[1]} voxels: give windows of the same subject, selection of voxels "
                    "and window size"
                )
        check_voxels(source, encoder.get("voxels"), self.place)

    def columns(self, n_voxels: int) -> np.ndarray:
        """Columns of the selected voxels among the `n_voxels` of the regions, in stored order.

        Raises
        ------
        InputError
            If the table is not the one that the encoder was trained with, or not of these regions.
        """
        assert self.recording is not None
        path, trained_on = self.recording.voxels, self.encoder.get("voxels")
        if trained_on and (digest := file_digest(path)) != trained_on:
            raise InputError(
                f"{path}: another selection of voxels ({digest[:12]}…) than {self.place} was "
                f"trained on ({trained_on[:12]}…): restore the table, or train again"
            )
        columns = load_table(path, ["column"])["column"].to_numpy()
        if columns.max() >= n_voxels:
            raise InputError(
                f"{path} names column {columns.max()}, but {self.recording.regions} has {n_voxels} "
                "voxels: they belong to different subjects or grids"
            )
        return columns

    def load(self, windows: Path, shape: tuple[int, ...]) -> Generator:
        """Load the networks and the conditions.

        Parameters
        ----------
        windows : Path
            Where the windows come from, for messages and for the check of voxels.
        shape : tuple
            (w, v) of the windows.

        Raises
        ------
        InputError
            If weights, conditions and windows do not fit each other, or the precision needs a GPU.
        """
        allow_tf32(self.settings.tf32)
        if not self.complete:
            assert self.null_window is not None
            return load_generator(
                self.networks,
                self.settings,
                windows,
                shape,
                null_window=self.null_window,
                train_windows=self.train_windows,
                empty_text=self.empty_text,
                motion=self.motion,
            )
        pipeline = load_saved_pipeline(self.networks, self.settings.precision).ready(
            compiled=self.settings.compile
        )
        mean = None
        if needs_mean_tokens(self.settings):
            if self.mean_tokens is None or self.mean_window is None:
                raise InputError(
                    f"{self.place} has no mean tokens, which its settings name as a condition"
                )
            tokens = Tokens(torch.from_numpy(np.load(self.mean_tokens))[None])
            mean = tokens, np.load(self.mean_window)
        conditions = load_conditions(
            self.settings,
            shape,
            null_window=self.null_window,
            mean=mean,
            empty_text=self.empty_text,
        )
        return Generator(pipeline, conditions, self.settings, self.motion)


def load_windows(path: Path) -> np.ndarray:
    """Read one window (w, v) or several (n, w, v).

    Returns
    -------
    ndarray, float32, (n, w, v)

    Raises
    ------
    InputError
        If it is no such array, is empty, or has values that are not finite.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        windows = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(
            f"{path}: not an array of numpy ({error}): windows are a .npy file of shape (windows, "
            "volumes, voxels)"
        ) from error
    if not isinstance(windows, np.ndarray) or windows.dtype.kind != "f":
        kind = getattr(windows, "dtype", "several arrays")
        raise InputError(
            f"{path}: {kind}; expected floating-point numbers: z-scored responses as the stage "
            "`windows` writes them"
        )
    if windows.ndim == 2:
        windows = windows[None]
    if windows.ndim != 3 or not windows.size:
        raise InputError(
            f"{path}: an array of shape {windows.shape}; expected windows (windows, volumes, "
            "voxels), or one window (volumes, voxels)"
        )
    broken = ~np.isfinite(windows).all(axis=(1, 2))
    if broken.any():
        raise InputError(
            f"{path}: {broken.sum()} of {len(windows)} windows have values that are not finite "
            f"numbers, first window {int(broken.argmax())}: set dead voxels to 0, as the stage "
            "`clean` does"
        )
    return np.ascontiguousarray(windows, dtype=np.float32)
