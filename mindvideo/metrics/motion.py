"""Optical flow of the stimulus compared with that of the reconstruction."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, get_args

import cv2
import numpy as np

FARNEBACK = {
    "pyr_scale": 0.5,
    "levels": 3,
    "winsize": 15,
    "iterations": 3,
    "poly_n": 5,
    "poly_sigma": 1.2,
    "flags": 0,
}
"""Parameters of later papers on the same data."""


Direction = Literal["left", "right", "up", "down", "towards", "away", "camera", "other", "still"]
"""What moves in a clip: the subject to a side, towards or away from the camera, or in another way
(turning, say); the whole picture, as if the camera moved; or nothing."""
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

STILL = 0.002  # mean motion below which nothing moves [widths of the picture per frame]
WHOLE = 0.75  # fraction of the picture that moves if the camera does,
PARALLEL = 0.98  # and length of the mean of its flow vectors, relative to their mean length
GROWING = 0.015  # least expansion [fraction per frame],
EVEN = 0.2  # and least ratio of its parts along the two axes; a turning subject changes along one
LEAST_SHARE = 0.05, 0.2  # of the flow's energy in an expansion, and in a translation


def optical_flow(clip: np.ndarray) -> np.ndarray:
    """Dense flow from each frame to the next (Farnebäck 2003, OpenCV's implementation).

    Parameters
    ----------
    clip : ndarray, uint8, (n_frames, h, w, 3)

    Returns
    -------
    ndarray, float32, (n_frames − 1, h, w, 2)
        Motion to the right and down [px per frame].
    """
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in np.ascontiguousarray(clip)]
    flows = np.empty((max(len(clip) - 1, 0), *clip.shape[1:3], 2), np.float32)
    for (before, after), flow in zip(pairwise(grey), flows):
        cv2.calcOpticalFlowFarneback(before, after, flow, **FARNEBACK)  # type: ignore[call-overload]
    return flows


def end_point_error(truth: np.ndarray, reconstruction: np.ndarray) -> float:
    """Mean distance between the end points of the flow vectors, over pixels [px per frame].

    A low error need not mean skill: a static reconstruction errs by the motion of the film, which
    is less than the error of one that moves in another direction. Interpret it together with
    :func:`direction_agreement`.

    Parameters
    ----------
    truth, reconstruction : ndarray, (…, 2)
        Flows, from :func:`optical_flow`.

    Examples
    --------
    >>> end_point_error(np.array([[3.0, 0.0]]), np.array([[0.0, 4.0]]))
    5.0
    """
    difference = truth - reconstruction
    return float(np.sqrt(np.einsum("...i,...i", difference, difference)).mean())


def direction_agreement(truth: np.ndarray, reconstruction: np.ndarray) -> float:
    """Cosine between two flows as wholes: Σ u·v / √(Σ u² Σ v²).

    Each pixel contributes the agreement of its directions, weighted by its motion in both flows.

    Parameters
    ----------
    truth, reconstruction : ndarray, (…, 2)

    Returns
    -------
    float
        1 for the same directions, 0 for unrelated ones or if either is static, −1 for opposite
        ones.

    Examples
    --------
    >>> right = np.array([[1.0, 0.0]])
    >>> direction_agreement(right, 3 * right), direction_agreement(right, -right)
    (1.0, -1.0)
    """
    norm = np.linalg.norm(truth) * np.linalg.norm(reconstruction)
    return float((truth * reconstruction).sum() / norm) if norm else 0.0


def mean_motion(flow: np.ndarray) -> np.ndarray:
    """Fit a translation and an expansion to a flow.

    Least squares of ``u = right + expansion·x`` and ``v = down + expansion·y``, with x and y
    relative to the centre of the moving pixels. Each pixel is weighted by its motion, so that the
    fit describes the moving object, however small it is against a static background. Translation
    and expansion cannot represent rotation.

    Parameters
    ----------
    flow : ndarray, (n_frames − 1, h, w, 2)
        From :func:`optical_flow`.

    Returns
    -------
    ndarray, (3,)
        Translation to the right and down [widths and heights of the picture per frame], and
        expansion [fraction per frame]; zeros if nothing moves.
    """
    h, w = flow.shape[1:3]
    weight = np.linalg.norm(flow, axis=-1).astype(np.float64)
    if not weight.any():
        return np.zeros(3)
    weight /= weight.sum()
    translation, places = _translation(flow, weight)
    over_time = weight.sum(axis=0)
    outwards = np.einsum("fhw,fhwc,hwc", weight, flow - translation, places)
    expansion = outwards / max(np.einsum("hw,hwc,hwc", over_time, places, places), 1e-12)
    return np.array([translation[0] / w, translation[1] / h, expansion])


def _translation(flow: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of a flow (2,), and the places of pixels relative to their mean (h, w, 2)."""
    h, w = flow.shape[1:3]
    places = np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).astype(np.float64)
    translation = np.einsum("fhw,fhwc->c", weight, flow)
    return translation, places - np.einsum("hw,hwc->c", weight.sum(axis=0), places)


def direction(flow: np.ndarray) -> Direction:
    """Describe the motion of a clip by one of :data:`DIRECTIONS`.

    From the translation and the expansion that :func:`mean_motion` fits, and from the fraction of
    the picture that moves. The limits were chosen on clips of the demo's films.

    Parameters
    ----------
    flow : ndarray, (n_frames − 1, h, w, 2)
        From :func:`optical_flow`.
    """
    width = flow.shape[2]
    speed = np.linalg.norm(flow, axis=-1).astype(np.float64)
    if not speed.size or speed.mean() < STILL * width:
        return "still"
    parallel = np.linalg.norm(flow.mean(axis=(0, 1, 2), dtype=np.float64)) / speed.mean()
    moving = (speed > 0.25 * np.percentile(speed, 98)).mean()
    if parallel > PARALLEL and moving > WHOLE:
        return "camera"
    weight = speed / speed.sum()
    (right, down), places = _translation(flow, weight)
    outwards = np.einsum("fhw,fhwc,hwc->c", weight, flow - (right, down), places)
    spread = np.einsum("hw,hwc,hwc->c", weight.sum(axis=0), places, places)
    energy = np.einsum("fhw,fhwc->", weight, flow.astype(np.float64) ** 2)
    expansion = outwards.sum() / spread.sum()
    along_axes = outwards / spread
    in_expansion, in_translation = expansion**2 * spread.sum(), right**2 + down**2
    least_expansion, least_translation = (share * energy for share in LEAST_SHARE)
    is_even = along_axes.min() * along_axes.max() > 0 and (
        np.abs(along_axes).min() > EVEN * np.abs(along_axes).max()
    )
    if is_even and abs(expansion) > GROWING and in_expansion > least_expansion:
        return "towards" if expansion > 0 else "away"
    if in_translation > least_translation:
        if abs(right) > abs(down):
            return "right" if right > 0 else "left"
        return "down" if down > 0 else "up"
    return "other"
