"""Cut the selected voxels of all segments into the encoder's windows."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.fmri.windows import cut, derangement, pad
from mindvideo.settings import WindowSettings
from mindvideo.stages import Input, Inputs, Output

log = logging.getLogger(__name__)


def _write(
    paths: list[Path], columns: np.ndarray, settings: WindowSettings, windows: Path, table: Path
) -> np.ndarray:
    """Write the windows of one split and the table of their clips; return the mean window.

    Memory holds one segment.
    """
    lengths = []
    for path in paths:
        shape = np.load(path, mmap_mode="r").shape
        if shape[2] <= columns.max():
            raise InputError(
                f"{path} has {shape[2]} voxels, the table of selected voxels names column "
                f"{columns.max()}: they belong to different subjects or grids. Select anew."
            )
        lengths.append(shape[1])
    n = sum(lengths)
    # Row i holds the window of clip order[i]: so the clip in row c of the table goes to place[c].
    place = np.argsort(derangement(n, settings.seed)) if settings.shuffle else np.arange(n)
    padded = len(columns) + -len(columns) % settings.patch_size
    out = np.lib.format.open_memmap(
        windows, mode="w+", dtype=np.float32, shape=(n, settings.size, padded)
    )
    total = np.zeros(out.shape[1:])
    for path, end, length in zip(paths, np.cumsum(lengths), lengths):
        repeats = np.load(path, mmap_mode="r")
        volumes = np.stack([repeat[:, columns] for repeat in repeats]).mean(axis=0)
        cut_out = cut(pad(volumes, settings.patch_size), settings.size, settings.lag)
        out[place[end - length : end]] = cut_out
        total += cut_out.sum(axis=0, dtype=np.float64)
    out.flush()
    clips = [
        pd.DataFrame({"segment": path.stem, "clip": np.arange(length)})
        for path, length in zip(paths, lengths)
    ]
    pd.concat(clips).to_csv(table, sep="\t", index=False)
    log.info("%s: %d windows of %d volumes × %d voxels", windows.stem, *out.shape)
    return (total / n).astype(np.float32)


def main(
    *,
    train: Inputs,
    test: Inputs,
    voxels: Input,
    train_windows: Output,
    train_table: Output,
    test_windows: Output,
    test_table: Output,
    null_window: Output,
    settings: WindowSettings,
) -> None:
    """Write windows (n, w, v) float32 with their clips, and the null window (w, v).

    Repeats are averaged; voxels follow the table's order, with zeros up to a multiple of the patch
    size. The null window is the mean of the training windows unless `settings.null` says the test
    windows'. A segment's name is its file's.
    """
    columns = pd.read_csv(voxels, sep="\t")["column"].to_numpy()
    if (zeros := -len(columns) % settings.patch_size) > len(columns):
        log.warning(
            "%d of the %d columns of a window hold a voxel, the others are padding, all zero: "
            "select more voxels, or lower encoder.patch_size (%d)",
            len(columns), len(columns) + zeros, settings.patch_size,
        )  # fmt: skip
    means = {
        "train-mean": _write(train, columns, settings, train_windows, train_table),
        "test-mean": _write(test, columns, settings, test_windows, test_table),
    }
    np.save(null_window, means[settings.null])
