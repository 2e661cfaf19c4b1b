"""Runs of any form through regions, clean, select and windows, for tests with a known answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.io.maps import read_labels, read_map
from mindvideo.run_files import files_of, key_of
from mindvideo.settings.base import RunTiming
from mindvideo.settings.fmri import CleanSettings, RegionSettings, SelectionSettings, WindowSettings
from mindvideo.stages import clean, regions, select, windows

N_KEPT = 20
N_VOLUMES = N_KEPT + 3
SEGMENTS = ("seg1", "seg2", "seg3", "seg4")


def values_of(n: int, seeing: np.ndarray, segment: int, repetition: int) -> np.ndarray:
    """A run (volumes, n): some voxels respond to the film, all else is noise."""
    film = np.random.default_rng(segment).standard_normal((N_VOLUMES, 1))
    noise = np.random.default_rng([segment, repetition]).standard_normal((N_VOLUMES, n))
    noise[:, seeing] += 4 * film
    return (1000 + 10 * noise).astype(np.float32)


def through_the_stages(folder, space, run_of, voxels=None, labels=None, **selection):
    """Run the four stages; `run_of` writes a run of (segment, repetition) and returns its path."""
    paths = [[run_of(s, r) for r in (1, 2)] for s in range(len(SEGMENTS))]
    ends = {"gifti": (".dscalar.nii", ".dlabel.nii"), "cifti": (".dscalar.nii", ".dlabel.nii")}
    ends |= {"parcels": (".pscalar.nii", ".plabel.nii"), "array": (".tsv", ".tsv")}
    of_map, of_labels = ends[space]
    files = files_of(paths[0][0])
    out = {name: folder / (name + of_labels) for name in ("regions", "networks")}
    regions.main(
        run=Path(files[0]),
        right=Path(files[1]) if files[1:] else None,
        voxels=voxels,
        labels=labels,
        settings=RegionSettings(space=space, key=key_of(paths[0][0])),
        **out,
    )
    for segment, of_segment in zip(SEGMENTS, paths):
        pairs = [files_of(path) for path in of_segment]
        settings = CleanSettings(
            tr=2,
            timing=2 * [RunTiming(drop_start=1, drop_end=2)],
            n_volumes=N_KEPT,
            detrend_order=1,
            keys=list(map(key_of, of_segment)) if key_of(of_segment[0]) else [],
        )
        clean.main(
            runs=[Path(pair[0]) for pair in pairs],
            right=[Path(pair[1]) for pair in pairs if pair[1:]],
            regions=out["regions"],
            cleaned=folder / f"{segment}.npy",
            tsnr=folder / f"{segment}_tsnr{of_map}",
            alive=folder / f"{segment}_alive.npy",
            table=folder / f"{segment}_runs.tsv",
            settings=settings,
        )
    select.main(
        cleaned=[folder / f"{segment}.npy" for segment in SEGMENTS],
        tables=[folder / f"{segment}_runs.tsv" for segment in SEGMENTS],
        voxels=folder / "voxels.tsv",
        settings=SelectionSettings(criterion="threshold", min_r=0.75, **selection),
        **out,
        **{name: folder / f"{name}{of_map}" for name in ("r", "z", "t", "p", "mask")},
    )
    windows.main(
        cleaned=[folder / f"{segment}.npy" for segment in SEGMENTS],
        voxels=folder / "voxels.tsv",
        windows=folder / "train.npy",
        table=folder / "train.tsv",
        settings=WindowSettings(tr=2, seconds=2, end="repeat", patch_size=16),
    )
    mask, grid = read_map(folder / f"mask{of_map}")
    assert grid.same(read_labels(out["regions"])[1].grid)
    return mask > 0, pd.read_csv(folder / "voxels.tsv", sep="\t"), grid
