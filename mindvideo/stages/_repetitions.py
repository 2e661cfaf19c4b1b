"""The windows of each repetition, of which a training averages random mixtures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.io.sidecars import voxels_of


def windows_to_train_on(
    windows: Path, fmri: np.ndarray, repetitions: Path | None, *, mix: bool
) -> np.ndarray:
    """The windows of each repetition (n, r, w, v) if they are to be mixed, or else `fmri`.

    Parameters
    ----------
    windows : Path
        Windows whose repetitions are averaged.
    fmri : ndarray, shape (n, w, v)
        What they contain.
    repetitions : Path or None
        The same windows of each repetition.
    mix : bool
        The setting `mix_repetitions`.

    Raises
    ------
    InputError
        If the windows of each repetition are needed and missing, or are not those of `windows`.
    """
    if not mix:
        return fmri
    if repetitions is None:
        raise InputError(
            "mix_repetitions: true needs the windows of each repetition: compute them with "
            "`mindvideo windows --repetitions separate`, and pass them as --repetitions"
        )
    separate = np.load(repetitions, mmap_mode="r")
    if separate.ndim != 4 or (len(separate), *separate.shape[2:]) != fmri.shape:
        raise InputError(
            f"{repetitions}: an array of shape {separate.shape}; expected ({len(fmri)} windows, "
            f"repetitions, {fmri.shape[1]} volumes, {fmri.shape[2]} voxels), like {windows}: cut "
            "both from the same runs"
        )
    if voxels_of(repetitions) != voxels_of(windows):
        raise InputError(f"{repetitions} and {windows} were cut from other voxels: cut both again")
    return separate
