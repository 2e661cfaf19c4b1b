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


def _split(
    paths: list[Path], columns: np.ndarray, settings: WindowSettings
) -> tuple[np.ndarray, pd.DataFrame]:
    """Windows of the segments of one split, and the table of the clips that they belong to."""
    windows, tables = [], []
    for path in paths:
        repeats = np.load(path, mmap_mode="r")
        if repeats.shape[2] <= columns.max():
            raise InputError(
                f"{path} has {repeats.shape[2]} voxels, the table of selected voxels names column "
                f"{columns.max()}: they belong to different subjects or grids. Select anew."
            )
        volumes = np.stack([repeat[:, columns] for repeat in repeats]).mean(axis=0)
        windows.append(cut(pad(volumes, settings.patch_size), settings.size, settings.lag))
        tables.append(pd.DataFrame({"segment": path.stem, "clip": np.arange(len(volumes))}))
    joined = np.concatenate(windows)
    if settings.shuffle:
        joined = joined[derangement(len(joined), settings.seed)]
    return joined, pd.concat(tables, ignore_index=True)


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
    splits = {"train": _split(train, columns, settings), "test": _split(test, columns, settings)}
    outputs = {"train": (train_windows, train_table), "test": (test_windows, test_table)}
    for name, (windows, table) in splits.items():
        np.save(outputs[name][0], windows.astype(np.float32))
        table.to_csv(outputs[name][1], sep="\t", index=False)
        log.info("%s: %d windows of %d volumes × %d voxels", name, *windows.shape)
    null = splits["train" if settings.null == "train-mean" else "test"][0]
    np.save(null_window, null.mean(axis=0, dtype=np.float64).astype(np.float32))
