"""Recordings that are there twice, whatever was done to the second file.

Two recordings of one brain agree by what the film evokes and by what a head does; each voxel has
noise of its own, so over *all* voxels of the brain Pearson's r is near 0, and high in some areas
only. The same recording saved with another data type, scaling or compression, or filtered, agrees
with itself everywhere. So the median over voxels from all of the brain tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SAME_RECORDING = 0.8
"""Median r over voxels of the whole brain, from which on two runs are one recording."""
FEWEST = 16
"""In runs of fewer volumes chance reaches so much, and only equal values count."""
VOXELS = 500
"""So many are compared."""
SIGNATURE = (64, 256)
"""Volumes and voxels of a signature."""
BRIGHT = 0.3
"""Of the brightest voxels' mean: what is darker is air."""


def sampled_voxels(n_voxels: int) -> np.ndarray:
    """Columns of the voxels that are compared, at even steps over all: ``(<= 500,)`` int."""
    return np.unique(np.linspace(0, n_voxels - 1, VOXELS).astype(int))


def same_recordings(runs: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Pairs of runs that are one recording.

    Parameters
    ----------
    runs : (n_runs, n_volumes, n_voxels) float
        Cleaned runs; voxels from all of the brain.

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
    """A run in few numbers: products of two runs' signatures are mean r over voxels.

    Per voxel a parabola is taken out, and the rest is scaled to length 1; voxels that are dark,
    do not vary or are not finite have 0; the whole is scaled to length 1.

    Parameters
    ----------
    sample : (n_volumes, n_voxels) float
        Of a raw run: at most `SIGNATURE`; the same voxels of all runs on a grid.

    Returns
    -------
    (64 · 256,) float16
        None of a run that is too short, or without a voxel that varies.
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
    if use.any() and brightest > np.median(raw[use]):  # else the mean was taken out already
        use &= mean > BRIGHT * brightest
    if not use.any():
        return None
    out = np.zeros(SIGNATURE)
    out[-n_volumes:, :n_voxels][:, use] = values[:, use] / size[use] / np.sqrt(use.sum())
    return out.astype(np.float16).ravel()


def same_signatures(
    signatures: list[np.ndarray], chunk: int = 512
) -> Iterator[tuple[int, int, float]]:
    """Pairs of runs whose signatures agree: each run with the first before it that does.

    Parameters
    ----------
    signatures : list of (64 · 256,) float16
        From :func:`signature`.
    chunk : int
        Runs at a time: bounds the memory.

    Yields
    ------
    first, second : int
    r : float
        Mean over voxels.
    """
    for start in range(0, len(signatures), chunk):
        here = np.stack(signatures[start : start + chunk]).astype(np.float32)
        found: dict[int, tuple[int, float]] = {}
        for before in range(0, start + len(here), chunk):
            others = np.stack(signatures[before : before + chunk]).astype(np.float32)
            r = here @ others.T
            for row, column in np.argwhere(r >= SAME_RECORDING):
                first, second = before + int(column), start + int(row)
                if first < second:
                    found.setdefault(second, (first, float(r[row, column])))
        for second, (first, value) in sorted(found.items()):
            yield first, second, value
