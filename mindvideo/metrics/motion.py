"""Does it move alike? Optical flow of the clip shown against that of the reconstruction."""

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
"""What later papers on the same data take."""


def optical_flow(clip: np.ndarray) -> np.ndarray:
    """Dense flow from each frame to the next (Farnebäck 2003, as OpenCV has it).

    Parameters
    ----------
    clip : ndarray, uint8, (n_frames, h, w, 3)

    Returns
    -------
    ndarray, float32, (n_frames − 1, h, w, 2)
        Rightwards and downwards [px a frame].
    """
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in np.ascontiguousarray(clip)]
    flows = np.empty((max(len(clip) - 1, 0), *clip.shape[1:3], 2), np.float32)
    for (before, after), flow in zip(pairwise(grey), flows):
        cv2.calcOpticalFlowFarneback(before, after, flow, **FARNEBACK)  # type: ignore[call-overload]
    return flows


def end_point_error(truth: np.ndarray, reconstruction: np.ndarray) -> float:
    """Mean distance between the ends of the flows' arrows, over pixels [px a frame].

    Its floor is no skill: a reconstruction that stands still errs by what the film moves, which is
    less than one errs that moves elsewhere. Read it beside :func:`direction_agreement`.

    Parameters
    ----------
    truth, reconstruction : ndarray, (…, 2)
        Flows, from :func:`optical_flow`.
    """
    difference = truth - reconstruction
    return float(np.sqrt(np.einsum("...i,...i", difference, difference)).mean())


def direction_agreement(truth: np.ndarray, reconstruction: np.ndarray) -> float:
    """Cosine between two flows as wholes: Σ u·v / √(Σ u² Σ v²).

    Every pixel says how well its directions agree, and counts by how far it moves in both.

    Parameters
    ----------
    truth, reconstruction : ndarray, (…, 2)

    Returns
    -------
    float
        1 for the same directions, 0 for unrelated ones or where either stands still, −1 for
        opposite ones.
    """
    norm = np.linalg.norm(truth) * np.linalg.norm(reconstruction)
    return float((truth * reconstruction).sum() / norm) if norm else 0.0


def mean_motion(flow: np.ndarray) -> np.ndarray:
    """What moves on the whole, and where to: a shift and a growth, fitted to a flow.

    Least squares of ``u = right + growth·x`` and ``v = down + growth·y``, x and y being counted
    from the centre of what moves. Each pixel counts by how far it moves: so it is the motion of
    what moves, however small it is before a ground that stands still.

    Parameters
    ----------
    flow : ndarray, (n_frames − 1, h, w, 2)
        From :func:`optical_flow`.

    Returns
    -------
    ndarray, (3,)
        To the right and down [frame's widths and heights a frame], growth [share a frame]; zeros
        where nothing moves.
    """
    h, w = flow.shape[1:3]
    places = np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).astype(np.float64)
    weight = np.linalg.norm(flow, axis=-1).astype(np.float64)
    if not weight.any():
        return np.zeros(3)
    weight /= weight.sum()
    over_time = weight.sum(axis=0)
    shift = np.einsum("fhw,fhwc->c", weight, flow)
    places -= np.einsum("hw,hwc->c", over_time, places)
    outwards = np.einsum("fhw,fhwc,hwc", weight, flow - shift, places)
    growth = outwards / max(np.einsum("hw,hwc,hwc", over_time, places, places), 1e-12)
    return np.array([shift[0] / w, shift[1] / h, growth])
