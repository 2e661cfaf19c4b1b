"""Windows of consecutive volumes, the encoder's input (paper 3.3).

>>> import numpy as np
>>> volumes = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])  # three volumes of three voxels
>>> times = ClipTimes(tr=2.0, seconds=2.0, size=2, end="repeat")
>>> windows = cut(pad(volumes, patch_size=2), times, n_clips=3)
>>> windows.shape
(3, 2, 4)
>>> windows[2]  # the last volume twice
array([[7, 8, 9, 0],
       [7, 8, 9, 0]])
"""

from __future__ import annotations

import numpy as np

from mindvideo.clip_times import ClipTimes, Interpolation
from mindvideo.errors import InputError


def pad(values: np.ndarray, patch_size: int) -> np.ndarray:
    """Pad the voxel axis (the last) with zeros, up to the next multiple of `patch_size`.

    If the number of voxels is already a multiple, nothing is added; the released code adds a whole
    patch.
    """
    missing = -values.shape[-1] % patch_size
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])


def pad_by_wrapping(values: np.ndarray, patch_size: int) -> np.ndarray:
    """Pad the voxel axis (the last) with its first voxels again, as the released code does.

    If the number of voxels is already a multiple of `patch_size`, a whole patch is added.
    """
    missing = patch_size - values.shape[-1] % patch_size
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)], mode="wrap")


def cut(volumes: np.ndarray, times: ClipTimes, n_clips: int) -> np.ndarray:
    """Cut one window per clip.

    Windows extend forward in time, as in the released code, since the response follows the clip.
    Beyond the last volume, they have it again (:class:`~mindvideo.clip_times.ClipTimes`).

    Parameters
    ----------
    volumes : (n_volumes, n_voxels)
        One segment, from the first clip's first volume on.
    times : ClipTimes
    n_clips : int

    Returns
    -------
    (n_clips, size, n_voxels)
    """
    first = np.array(times.first_volumes(n_clips))
    return resample(volumes, first[:, None] + np.arange(times.size), times.interpolation)


def resample(
    volumes: np.ndarray, positions: np.ndarray, interpolation: Interpolation, chunk: int = 4096
) -> np.ndarray:
    """Values at positions between volumes.

    Parameters
    ----------
    volumes : (n_volumes, n_voxels) float
    positions : (...) float
        On the axis of volumes, at least 0. Those beyond the last volume have its values.
    interpolation : {"nearest", "linear", "cubic"}
        The nearest volume, a straight line between two volumes, or a cubic spline through all
        (`scipy.interpolate.make_interp_spline`).
    chunk : int
        Voxels at a time, which limits memory.

    Returns
    -------
    (..., n_voxels), of the same type
        If all positions are whole numbers, the volumes themselves, whatever the interpolation.
    """
    positions = np.minimum(positions, len(volumes) - 1)
    nearest = np.floor(positions + 0.5).astype(int)
    if interpolation == "nearest" or np.array_equal(nearest, positions):
        return volumes[nearest]
    # Imported here since it takes a while, and clips are usually as long as volumes.
    from scipy.interpolate import make_interp_spline

    order = min({"linear": 1, "cubic": 3}[interpolation], len(volumes) - 1)
    out = np.empty((*positions.shape, volumes.shape[1]), volumes.dtype)
    for start in range(0, volumes.shape[1], chunk):
        here = slice(start, start + chunk)
        block = volumes[:, here].astype(np.float64)
        out[..., here] = make_interp_spline(np.arange(len(volumes)), block, k=order)(positions)
    return out


def derangement(n: int, seed: int) -> np.ndarray:
    """A random permutation of n items without fixed points (Sattolo's algorithm: one cycle).

    Returns
    -------
    (n,) int

    Raises
    ------
    InputError
        If n is less than 2.
    """
    if n < 2:
        raise InputError(f"{n} window cannot be shuffled: windows.shuffle needs at least 2.")
    rng = np.random.default_rng(seed)
    order = np.arange(n)
    for last in range(n - 1, 0, -1):
        other = int(rng.integers(last))
        order[[last, other]] = order[[other, last]]
    return order
