"""Duplicate recordings, even where the second file was converted or filtered.

Two recordings of one brain share only what the film evokes, and head motion. Each voxel has its own
noise, so over *all* voxels of the brain Pearson's r is near 0, and high in some areas only. The
same recording saved with another data type, scaling or compression, or filtered, correlates with
itself everywhere. So the median over voxels of the whole brain distinguishes the two cases.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SAME_RECORDING = 0.8
"""Two runs whose median r over voxels of the whole brain is at least this are one recording."""
FEWEST = 16
"""Runs of fewer volumes reach such an r by chance: they are one recording only if equal."""
VOXELS = 500
"""Number of voxels that are compared."""
SIGNATURE = (64, 256)
"""Volumes and voxels of a signature."""
BRIGHT = 0.3
"""Fraction of the brightest voxels' mean below which a voxel is air."""


def sampled_voxels(n_voxels: int) -> np.ndarray:
    """Columns of the voxels that are compared, evenly spaced over all: ``(<= 500,)`` int."""
    return np.unique(np.linspace(0, n_voxels - 1, VOXELS).astype(int))


def same_recordings(runs: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Pairs of runs that are the same recording.

    Parameters
    ----------
    runs : (n_runs, n_volumes, n_voxels) float
        Cleaned runs; voxels of the whole brain.

    Yields
    ------
    first, second : int
    r : float
        Median over the voxels that vary in both.
    """
    centred = runs - runs.mean(axis=1, keepdims=True)
    size = np.sqrt(np.einsum("rtv,rtv->rv", centred, centred))
    units = centred / np.where(size > 0, size, 1)[:, None]
    for first in range(len(runs)):
        for second in range(first + 1, len(runs)):
            alive = (size[first] > 0) & (size[second] > 0)
            if not alive.any():
                continue
            if np.array_equal(runs[first], runs[second]):
                yield first, second, 1.0
            elif runs.shape[1] >= FEWEST:
                r = np.einsum("tv,tv->v", units[first], units[second])[alive]
                if (median := float(np.median(r))) >= SAME_RECORDING:
                    yield first, second, median


def signature(sample: np.ndarray) -> np.ndarray | None:
    """A short vector of a run: the product of two runs' signatures is their mean r over voxels.

    In each voxel a parabola is regressed out, and the residual is scaled to length 1. Voxels that
    are dark, constant or not finite are 0. The whole vector is scaled to length 1.

    Parameters
    ----------
    sample : (n_volumes, n_voxels) float
        Part of a raw run, of at most the shape `SIGNATURE`; the same voxels of all runs on a grid.

    Returns
    -------
    (64 · 256,) float16, or None
        None if the run is too short, or no voxel varies.
    """
    n_volumes, n_voxels = sample.shape
    if n_volumes < FEWEST:
        return None
    values = sample.astype(np.float64)
    values[:, ~np.isfinite(values).all(axis=0)] = 0
    mean, raw = values.mean(axis=0), values.std(axis=0)
    basis, _ = np.linalg.qr(np.vander(np.linspace(-1, 1, n_volumes), 3))
    values -= basis @ (basis.T @ values)
    size = np.linalg.norm(values, axis=0)
    use = size > 1e-6 * (np.abs(mean) + raw)
    brightest = np.percentile(mean[use], 95) if use.any() else 0
    if use.any() and brightest > np.median(raw[use]):  # else the mean has been subtracted already
        use &= mean > BRIGHT * brightest
    if not use.any():
        return None
    out = np.zeros(SIGNATURE)
    out[-n_volumes:, :n_voxels][:, use] = values[:, use] / size[use] / np.sqrt(use.sum())
    return out.astype(np.float16).ravel()


def same_signatures(
    signatures: list[np.ndarray], chunk: int = 512
) -> Iterator[tuple[int, int, float]]:
    """Pairs of runs whose signatures agree: each run with the first earlier one that agrees.

    Parameters
    ----------
    signatures : list of (64 · 256,) float16
        From :func:`signature`.
    chunk : int
        Runs at a time, which limits memory.

    Yields
    ------
    first, second : int
    r : float
        Mean over voxels.
    """
    for start in range(0, len(signatures), chunk):
        here = np.stack(signatures[start : start + chunk]).astype(np.float32)
        first_match: dict[int, tuple[int, float]] = {}
        for before in range(0, start + len(here), chunk):
            others = np.stack(signatures[before : before + chunk]).astype(np.float32)
            r = here @ others.T
            for row, column in np.argwhere(r >= SAME_RECORDING):
                first, second = before + int(column), start + int(row)
                if first < second:
                    first_match.setdefault(second, (first, float(r[row, column])))
        for second, (first, value) in sorted(first_match.items()):
            yield first, second, value
