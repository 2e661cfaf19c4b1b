"""Windows of consecutive volumes, the encoder's input (paper 3.3).

>>> import numpy as np
>>> volumes = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])  # three volumes of three voxels
>>> volumes_of_clips(3, size=2)
array([[0, 1],
       [1, 2],
       [2, 3]])
>>> windows = cut(pad(volumes, patch_size=2), size=2)
>>> windows.shape
(3, 2, 4)
>>> windows[2]  # clamped: the last volume twice
array([[7, 8, 9, 0],
       [7, 8, 9, 0]])
"""

from __future__ import annotations

import numpy as np

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


def volumes_of_clips(n: int, size: int, lag: int = 0) -> np.ndarray:
    """Volumes of each clip's window, t + lag, …, t + lag + size - 1, of a segment of n volumes.

    Windows extend forward in time, as in the released code, since the response follows the clip.
    The windows of the last clips extend beyond the segment's end.

    Parameters
    ----------
    n : int
        Volumes of the segment, one per clip.
    size : int
        Volumes in a window.
    lag : int
        Haemodynamic delay in volumes, between a clip and its window.

    Returns
    -------
    (n, size) int

    Raises
    ------
    InputError
        If all windows are beyond the segment's end.
    """
    check_lag(lag, n)
    return np.arange(n)[:, None] + lag + np.arange(size)


def cut(volumes: np.ndarray, size: int, lag: int = 0) -> np.ndarray:
    """Cut one window per clip (:func:`volumes_of_clips`), clamped at the segment's end.

    Parameters
    ----------
    volumes : (n_volumes, n_voxels)
        One segment, one volume per clip.
    size : int
        Volumes in a window.
    lag : int
        Haemodynamic delay in volumes, between a clip and its window.

    Returns
    -------
    (n_volumes, size, n_voxels)

    Raises
    ------
    InputError
        If the lag is longer than the segment.
    """
    n = len(volumes)
    return volumes[np.minimum(volumes_of_clips(n, size, lag), n - 1)]


def check_lag(lag: int, n_volumes: int) -> None:
    """Raise an error if the lag is longer than the segment.

    Raises
    ------
    InputError
    """
    if lag >= n_volumes:
        raise InputError(
            f"A lag of {lag} volumes is too long for a segment of {n_volumes} volumes: no window "
            "is left. Lower dataset.lag, or windows.lag if it is set."
        )


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
