"""The motion energy that drives the early areas of the simulated brains.

Leaves out: fine detail (above 8 cycles a frame) and fast motion (above 2 Hz; the films are slow,
whereas Nishimoto et al. (2011) use 2 and 4 Hz). The filters are those of
:mod:`mindvideo.stimuli.motion_energy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mindvideo.stimuli.motion_energy import Channel, Filters

FPS = 15  # frame rate of the input [1/s]
PIXELS = 32  # height and width of a frame [px]
FINENESS = (2, 4, 8)  # spatial frequencies [cycles a frame]
RATES = (0, 1, 2)  # temporal frequencies [Hz]
ANGLES = tuple(range(0, 360, 45))  # directions [degrees], 0 to the right, 90 upwards
FILTERS = Filters(FPS, PIXELS, width=15, rates=RATES, fineness=FINENESS, angles=ANGLES)
CHANNELS = FILTERS.channels

# Typical amplitude of a filter's response (SD over films, places and time), by rate and fineness:
# the unit of the responses, so that all filters count equally.
TYPICAL = {
    0: {2: 44.0, 4: 14.0, 8: 3.6},
    1: {2: 5.6, 4: 3.3, 8: 1.3},
    2: {2: 0.9, 4: 0.5, 8: 0.4},
}


@dataclass(frozen=True)
class Energy:
    """Responses of the filters to a film."""

    centres: dict[int, np.ndarray]
    """For each fineness (n_filters, 2): x to the right, y upwards, in half-widths of the film."""
    maps: dict[Channel, np.ndarray]
    """For each channel (n_frames, n_filters) float32, 0 or more, in units of :data:`TYPICAL`."""


def motion_energy(light: np.ndarray, cuts: Sequence[int] = ()) -> Energy:
    """Motion energy of successive frames.

    Parameters
    ----------
    light : (n_frames, PIXELS, PIXELS) float
        Luminance, 0…1, :data:`FPS` frames per second.
    cuts : sequence of int
        First frames of new shots, as for :meth:`~mindvideo.stimuli.motion_energy.Filters.respond`.
    """
    maps = {
        channel: amplitude / np.float32(TYPICAL[int(channel.rate)][channel.fineness])
        for channel, amplitude in FILTERS.respond(light, cuts).items()
    }
    return Energy({fineness: FILTERS.centres(fineness) for fineness in FINENESS}, maps)
