"""A film as input of the simulated neurons: maps of light, energy and colour, and its content.

Rests on: early areas respond to orientation, motion energy and colour opponency in their receptive
fields (Nishimoto et al. 2011; :mod:`~mindvideo.demo.motion_energy`), higher areas to the content
(Huth et al. 2012).
Leaves out: eye movements, attention, adaptation, and sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from einops import rearrange, reduce

from mindvideo.demo.motion_energy import FPS, Channel, motion_energy
from mindvideo.errors import InputError

# Presentation of Wen et al. 2018: the first frame is shown before the film, the last one after it.
STILL_SECONDS = 12.0
BIN_SECONDS = 0.4  # resolution of the responses
CELLS = 16  # colours are pooled to this size

COLOURS = ("light", "red-green", "blue-yellow")
# Typical amplitude of each (SD over films, cells and time): their unit, so that all count equally.
TYPICAL = dict(zip(COLOURS, (0.22, 0.20, 0.25)))

# Columns of the table of shots that neurons can be tuned to, if present.
ATTRIBUTES = ("family", "kind", "colour", "scene", "time", "motion")
REQUIRED = ("start", "end", "kind", "family", "colour", "scene", "motion")


@dataclass(frozen=True)
class Sight:
    """A film as neurons receive it, in bins of :data:`BIN_SECONDS`, with the stills around it."""

    times: np.ndarray
    """Centre of each bin relative to the film's onset, (n_bins,) [s]."""
    colours: dict[str, np.ndarray]
    """For each of :data:`COLOURS` (n_bins, CELLS × CELLS), signed, in units of :data:`TYPICAL`."""
    energy: dict[Channel, np.ndarray]
    """For each channel (n_bins, n_filters), 0 or more."""
    centres: dict[int, np.ndarray]
    """Centres of the filters of each fineness, (n_filters, 2)."""
    on_screen: dict[tuple[str, str], np.ndarray]
    """For each (attribute, value) the fraction of each bin in which it is on screen, (n_bins,)."""


def colour_maps(frames: np.ndarray) -> dict[str, np.ndarray]:
    """Luminance and opponent colours.

    Parameters
    ----------
    frames : (n_frames, PIXELS, PIXELS, 3) uint8

    Returns
    -------
    dict of (n_frames, CELLS × CELLS) float32
        Signed, in units of :data:`TYPICAL`.
    """
    scaled = frames.astype(np.float32) / 255
    rgb = reduce(scaled, "t (h a) (w b) c -> c t (h w)", "mean", h=CELLS, w=CELLS)
    red, green, blue = rgb
    maps = (rgb.mean(axis=0) - 0.5, red - green, blue - (red + green) / 2)
    return {name: m / np.float32(TYPICAL[name]) for name, m in zip(COLOURS, maps)}


def find_cuts(frames: np.ndarray, starts: Iterable[float]) -> list[int]:
    """First frame of each shot: the largest change within one frame of its start in the table."""
    change = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean(axis=(1, 2, 3))
    cuts = []
    for start in starts:
        near = [n for n in range(round(start * FPS) - 1, round(start * FPS) + 2) if n > 0]
        near = [n for n in near if n <= len(change)]
        if near:
            cuts.append(max(near, key=lambda n: change[n - 1]))
    return cuts


def look(frames: Iterable[np.ndarray], shots: Sequence[Mapping[str, str | float]]) -> Sight:
    """Compute the input of the neurons from a film.

    Parameters
    ----------
    frames : iterable of (PIXELS, PIXELS, 3) uint8
        :data:`~mindvideo.demo.motion_energy.FPS` frames per second.
    shots : sequence of mappings
        Each shot: `start`, `end` [s], and its content, as rows of the table of shots.

    Raises
    ------
    InputError
        If the table lacks a column.
    """
    known = set.intersection(*map(set, shots)) if shots else set()
    if missing := [name for name in REQUIRED if name not in known]:
        raise InputError(f"The table of shots lacks {', '.join(missing)}: draw the film again.")
    film = np.stack(list(frames))
    starts, ends = (np.array([float(shot[name]) for shot in shots]) for name in ("start", "end"))
    energy = motion_energy(film.mean(axis=-1) / 255, find_cuts(film, starts[1:]))
    per_bin = round(FPS * BIN_SECONDS)
    n_bins = len(film) // per_bin
    n_still = round(STILL_SECONDS / BIN_SECONDS)

    def around(values: np.ndarray) -> np.ndarray:
        """Average a map over bins, with its first and last frame as stills around it."""
        binned = rearrange(values[: n_bins * per_bin], "(t k) n -> t k n", k=per_bin).mean(axis=1)
        before, after = (np.repeat(values[[n]], n_still, axis=0) for n in (0, -1))
        return np.concatenate([before, binned, after])

    edges = BIN_SECONDS * np.arange(-n_still, n_bins + n_still + 1)
    starts[0], ends[-1] = edges[0], edges[-1]
    content = {
        name: np.array([str(s[name]) for s in shots]) for name in ATTRIBUTES if name in known
    }
    overlap = np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], starts)
    fraction = np.clip(overlap, 0, None) / BIN_SECONDS
    return Sight(
        times=(edges[:-1] + edges[1:]) / 2,
        colours={name: around(m) for name, m in colour_maps(film).items()},
        energy={
            # Stills have no motion, even if the frame that they repeat has.
            channel: around(m) * (1 if channel.rate == 0 else _moves(n_bins, n_still))
            for channel, m in energy.maps.items()
        },
        centres=energy.centres,
        on_screen={
            (attribute, str(value)): fraction[:, values == value].sum(axis=1)
            for attribute, values in content.items()
            for value in np.unique(values)
        },
    )


def _moves(n_bins: int, n_still: int) -> np.ndarray:
    """1 in the film, 0 in the stills around it, (n_bins, 1) float32."""
    return np.pad(np.ones((n_bins, 1), np.float32), ((n_still, n_still), (0, 0)))
