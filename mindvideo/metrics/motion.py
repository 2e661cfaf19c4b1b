"""Optical flow of the stimulus compared with that of the reconstruction."""

from __future__ import annotations

from itertools import pairwise

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
    places = np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).astype(np.float64)
    weight = np.linalg.norm(flow, axis=-1).astype(np.float64)
    if not weight.any():
        return np.zeros(3)
    weight /= weight.sum()
    over_time = weight.sum(axis=0)
    translation = np.einsum("fhw,fhwc->c", weight, flow)
    places -= np.einsum("hw,hwc->c", over_time, places)
    outwards = np.einsum("fhw,fhwc,hwc", weight, flow - translation, places)
    expansion = outwards / max(np.einsum("hw,hwc,hwc", over_time, places, places), 1e-12)
    return np.array([translation[0] / w, translation[1] / h, expansion])
