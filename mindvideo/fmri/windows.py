"""Windows of consecutive volumes, the encoder's input (paper 3.3)."""

from __future__ import annotations

import numpy as np

from mindvideo.errors import InputError


def pad(values: np.ndarray, patch_size: int) -> np.ndarray:
    """Zeros at the end of the voxel axis (the last), up to the next multiple of `patch_size`.

    The released code adds a whole patch where the count is a multiple already; here it stays.
    """
    missing = -values.shape[-1] % patch_size
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])


def volumes_of_clips(n: int, size: int, lag: int = 0) -> np.ndarray:
    """Volumes of each clip's window, t + lag, …, t + lag + size - 1, of a segment of n volumes.

    Forward windows, as the released code takes them: the response to a clip comes after it. Those
    of the last clips pass the segment's end.

    Returns
    -------
    (n, size) int

    Raises
    ------
    InputError
        If all of them do.
    """
    check_lag(lag, n)
    return np.arange(n)[:, None] + lag + np.arange(size)


def cut(volumes: np.ndarray, size: int, lag: int = 0) -> np.ndarray:
    """One window a clip (:func:`volumes_of_clips`), clamped at the segment's end.

    Parameters
    ----------
    volumes : (n_volumes, n_voxels)
        One segment, one volume a clip.
    size : int
        Volumes in a window.
    lag : int
        Volumes between a clip and its window.

    Returns
    -------
    (n_volumes, size, n_voxels)

    Raises
    ------
    InputError
        If the lag passes the segment's end.
    """
    n = len(volumes)
    return volumes[np.minimum(volumes_of_clips(n, size, lag), n - 1)]


def check_lag(lag: int, n_volumes: int) -> None:
    """Refuse a lag that passes a segment's end.

    Raises
    ------
    InputError
    """
    if lag >= n_volumes:
        raise InputError(
            f"A lag of {lag} volumes passes the end of a segment of {n_volumes}: no window is "
            "left. Lower dataset.lag, or windows.lag where it is set."
        )


def derangement(n: int, seed: int) -> np.ndarray:
    """A random order of n things in which none stays in place (Sattolo's algorithm: one cycle).

    Raises
    ------
    InputError
        With fewer than two things.
    """
    if n < 2:
        raise InputError(f"{n} window cannot be shuffled: windows.shuffle needs at least 2.")
    rng = np.random.default_rng(seed)
    order = np.arange(n)
    for last in range(n - 1, 0, -1):
        other = int(rng.integers(last))
        order[[last, other]] = order[[other, last]]
    return order
