"""What a film offers to simulated neurons: maps of contrast, colour and motion, and what is shown.

Rests on: early responses follow local contrast, colour opponency and motion energy (Nishimoto et
al. 2011), higher ones what is seen (Huth et al. 2012).
Leaves out: spatial frequency and orientation (one scale of gradients stands for all), eye
movements, attention, adaptation, and everything heard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from einops import rearrange, reduce

from mindvideo.errors import InputError

# Presentation of Wen et al. 2018: the still first frame before the film, the last one after it.
STILL_SECONDS = 12.0
FPS = 10  # frames looked at a second
BIN_SECONDS = 0.5  # resolution of the responses
PIXELS = 32  # frames are looked at in this size,
CELLS = 16  # and maps pooled to this one

MAPS = ("contrast", "luminance", "red-green", "blue-yellow", "left", "right", "up", "down")
DIRECTIONS = MAPS[4:]

# Typical size of each map (SD over films, cells and time), so that all start equal.
TYPICAL = dict(zip(MAPS, (0.06, 0.22, 0.20, 0.25, 0.0015, 0.0015, 0.0015, 0.0015)))

# Columns of the table of shots that neurons may be tuned to, if they are there.
ATTRIBUTES = ("family", "kind", "colour", "scene", "time", "motion")
REQUIRED = ("start", "end", "kind", "family", "colour", "scene", "motion")


@dataclass(frozen=True)
class Sight:
    """A film as neurons meet it, in bins of :data:`BIN_SECONDS` with the stills around it."""

    times: np.ndarray
    """(n_bins,) middle of each bin, relative to the film's onset [s]."""
    maps: dict[str, np.ndarray]
    """For each of :data:`MAPS` (n_bins, CELLS, CELLS), in units of :data:`TYPICAL`."""
    shown: dict[tuple[str, str], np.ndarray]
    """For each (attribute, value) the share of each bin with it on screen, (n_bins,)."""


def _pool(x: np.ndarray) -> np.ndarray:
    return reduce(x, "t (h a) (w b) -> t h w", "mean", h=CELLS, w=CELLS)


def frame_maps(frames: np.ndarray) -> dict[str, np.ndarray]:
    """Contrast, luminance, colour and motion of successive frames.

    Motion energy in a direction is the positive part of -∂I/∂t · ∂I/∂x (or y): large where a
    gradient moves that way, whatever the sign of its contrast (a gradient scheme, as Horn & Schunck
    1981 start from; no filters tuned to speed).

    Parameters
    ----------
    frames : (n_frames, PIXELS, PIXELS, 3) uint8

    Returns
    -------
    dict of (n_frames, CELLS, CELLS) float64
        In units of :data:`TYPICAL`; luminance and colours are signed.
    """
    rgb = frames / 255.0
    red, green, blue = rearrange(rgb, "t h w c -> c t h w")
    light = rgb.mean(axis=-1)
    dy, dx = np.gradient(light, axis=(1, 2))
    dt = np.diff(light, axis=0, prepend=light[:1])
    cut = np.abs(dt).mean(axis=(1, 2), keepdims=True) > 0.1
    dt = np.where(cut, 0, dt)  # a cut is no motion
    maps = {
        "contrast": np.hypot(dx, dy),
        "luminance": light - 0.5,
        "red-green": red - green,
        "blue-yellow": blue - (red + green) / 2,
        "left": np.maximum(dt * dx, 0),
        "right": np.maximum(-dt * dx, 0),
        "up": np.maximum(dt * dy, 0),
        "down": np.maximum(-dt * dy, 0),
    }
    return {name: _pool(maps[name]) / TYPICAL[name] for name in MAPS}


def look(frames: Iterable[np.ndarray], shots: pd.DataFrame) -> Sight:
    """Look at a film.

    Parameters
    ----------
    frames : iterable of (PIXELS, PIXELS, 3) uint8
        :data:`FPS` frames a second.
    shots : DataFrame
        One row a shot: `start`, `end` [s], and what it shows.

    Raises
    ------
    InputError
        If the table lacks a column.
    """
    if missing := [name for name in REQUIRED if name not in shots]:
        raise InputError(f"The table of shots lacks {', '.join(missing)}: draw the film anew.")
    maps = frame_maps(np.stack(list(frames)))
    per_bin = round(FPS * BIN_SECONDS)
    n_bins = len(maps[MAPS[0]]) // per_bin
    n_still = round(STILL_SECONDS / BIN_SECONDS)

    def around(name: str, frames: np.ndarray) -> np.ndarray:
        binned = reduce(frames[: n_bins * per_bin], "(t k) h w -> t h w", "mean", k=per_bin)
        stills = [frames[0], frames[-1]] if name not in DIRECTIONS else [0 * frames[0]] * 2
        before, after = (np.repeat(still[None], n_still, axis=0) for still in stills)
        return np.concatenate([before, binned, after])

    edges = BIN_SECONDS * np.arange(-n_still, n_bins + n_still + 1)
    starts, ends = (shots[name].to_numpy(float, copy=True) for name in ("start", "end"))
    starts[0], ends[-1] = edges[0], edges[-1]
    overlap = np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], starts)
    share = np.clip(overlap, 0, None) / BIN_SECONDS
    shown = {
        (attribute, str(value)): share[:, (shots[attribute] == value).to_numpy()].sum(axis=1)
        for attribute in ATTRIBUTES
        if attribute in shots
        for value in sorted(shots[attribute].unique())
    }
    return Sight(
        times=(edges[:-1] + edges[1:]) / 2,
        maps={name: around(name, maps[name]) for name in MAPS},
        shown=shown,
    )
