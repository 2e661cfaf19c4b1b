"""Cut the selected voxels of segments into the encoder's windows."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.fmri.repetitions import mean_of_repetitions
from mindvideo.fmri.windows import cut, derangement, pad
from mindvideo.io.tables import find_segment, save_table
from mindvideo.settings.fmri import WindowSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes

log = logging.getLogger(__name__)

MEAN, SEPARATE = "mean", "separate"


@chapter("fMRI")
@makes("windows", made_from=["clean", "selection"])
def main(
    *,
    cleaned: Inputs,
    voxels: Input,
    windows: Output,
    table: Output,
    segment: str | None = None,
    repetitions: str = MEAN,
    settings: WindowSettings,
) -> None:
    """Write windows (n_windows, size, n_voxels) float32, and the table of their clips.

    The first volume of a segment is that of its first clip. Repetitions are averaged, unless
    `repetitions` is ``separate``: windows are then (n_windows, n_repetitions, size, n_voxels), and
    a segment with fewer repetitions than others has some of them twice. Voxels follow the order of
    the table `voxels`, with zeros up to a multiple of the patch size. Segments are named after
    their files. With `segment`, only its windows are written; shuffled windows come from all
    segments given. Only one segment is in memory at a time.
    """
    if repetitions not in (MEAN, SEPARATE):
        raise InputError(f"--repetitions {repetitions}: expected {MEAN} or {SEPARATE}")
    columns = pd.read_csv(voxels, sep="\t")["column"].to_numpy()
    padding = -len(columns) % settings.patch_size
    if padding > len(columns):
        log.warning(
            "only %d of the %d columns of a window are voxels, the others are zero padding: select "
            "more voxels, or lower encoder.patch_size (%d)",
            len(columns),
            len(columns) + padding,
            settings.patch_size,
        )
    lengths, counts = [], []
    for path in cleaned:
        shape = np.load(path, mmap_mode="r").shape
        if shape[2] <= columns.max():
            raise InputError(
                f"{path} has {shape[2]} voxels, but the table of selected voxels names column "
                f"{columns.max()}: they belong to different subjects or grids. Select voxels again."
            )
        counts.append(shape[0])
        lengths.append(settings.n_clips.get(path.stem) or settings.times.n_clips_in(shape[1]))
    n = sum(lengths)
    clips = pd.concat(
        pd.DataFrame({"segment": path.stem, "clip": np.arange(length)})
        for path, length in zip(cleaned, lengths)
    ).reset_index(drop=True)
    kept = np.arange(n) if segment is None else np.array(find_segment(clips, segment))
    row = np.full(n, -1)
    row[kept] = np.arange(len(kept))
    # Row i has the window of clip order[i], so the window of clip c is written to row place[c].
    place = np.argsort(derangement(n, settings.seed)) if settings.shuffle else np.arange(n)
    row = row[place]
    out = np.lib.format.open_memmap(
        windows,
        mode="w+",
        dtype=np.float32,
        shape=(
            len(kept),
            *([max(counts)] if repetitions == SEPARATE else []),
            settings.size,
            len(columns) + padding,
        ),
    )
    for path, end, length in zip(cleaned, np.cumsum(lengths), lengths):
        rows = row[end - length : end]
        if (rows < 0).all():
            continue
        runs = np.stack([run[:, columns] for run in np.load(path, mmap_mode="r")])
        if repetitions == SEPARATE:
            in_turn = np.arange(max(counts)) % len(runs)
            of_segment = np.stack([_cut(run, length, settings) for run in runs[in_turn]], axis=1)
        else:
            of_segment = _cut(mean_of_repetitions(runs), length, settings)
        out[rows[rows >= 0]] = of_segment[rows >= 0]
    out.flush()
    save_table(table, clips.iloc[kept])
    log.info("%s: %d windows of %d volumes × %d voxels", windows.stem, len(out), *out.shape[-2:])


def _cut(volumes: np.ndarray, n_clips: int, settings: WindowSettings) -> np.ndarray:
    """Volumes (t, v) of a segment → windows (n, w, v), padded."""
    return cut(pad(volumes, settings.patch_size), settings.times, n_clips)
