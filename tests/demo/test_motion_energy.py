"""The filters are tuned to direction, orientation and place; cuts and stills are no motion."""

from __future__ import annotations

import numpy as np
import pytest

from mindvideo.demo import world
from mindvideo.demo.motion_energy import (
    ANGLES,
    CHANNELS,
    FILTERS,
    FINENESS,
    FPS,
    PIXELS,
    Channel,
    motion_energy,
)

SECONDS = 3


def grating(fineness: float, rate: float, angle: float) -> np.ndarray:
    """Stripes that drift towards an angle (0 right, 90 up), (n_frames, PIXELS, PIXELS)."""
    x, y = np.meshgrid(*[np.arange(PIXELS) / (PIXELS - 1)] * 2)
    along = x * np.cos(np.deg2rad(angle)) - y * np.sin(np.deg2rad(angle))
    time = np.arange(SECONDS * FPS)[:, None, None] / FPS
    return 0.5 + 0.4 * np.sin(2 * np.pi * (fineness * along - rate * time))


def size(energy, channel: Channel) -> float:
    return float(energy.maps[channel][FPS:-FPS].mean())


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("rate", [1, 2])
def test_a_drifting_grating_drives_the_matching_channel_most(rate, angle):
    energy = motion_energy(grating(4, rate, angle))
    sizes = {a: size(energy, Channel(rate, 4, a)) for a in ANGLES}
    assert max(sizes, key=sizes.__getitem__) == angle
    assert sizes[angle] > 10 * sizes[(angle + 180) % 360]


def test_orientation_and_fineness_are_separated():
    for fineness in FINENESS[1:]:
        energy = motion_energy(grating(fineness, 0, 45))
        sizes = {c: size(energy, c) for c in CHANNELS if c.rate == 0}
        same = {c.angle: v for c, v in sizes.items() if c.fineness == fineness}
        assert max(same, key=same.__getitem__) == 45
        other = 12 - fineness
        assert same[45] > 2 * sizes[Channel(0, other, 45)]


def test_what_stands_still_or_is_cut_does_not_move():
    still, other = grating(4, 0, 0), grating(8, 0, 90)
    half = len(still) // 2
    cut = np.concatenate([still[:half], other[half:]])
    moving = [channel for channel in CHANNELS if channel.rate]
    peak = {}
    for name, film, cuts in (("still", still, ()), ("cut", cut, (half,)), ("unknown", cut, ())):
        energy = motion_energy(film, cuts)
        peak[name] = max(float(energy.maps[channel].max()) for channel in moving)
    assert peak["still"] < 0.01
    assert peak["cut"] < 0.01
    assert peak["unknown"] > 1


def test_answers_come_from_where_the_film_moves():
    film = np.full((SECONDS * FPS, PIXELS, PIXELS), 0.5)
    film[:, : PIXELS // 2, PIXELS // 2 :] = grating(8, 1, 0)[:, : PIXELS // 2, PIXELS // 2 :]
    weights = motion_energy(film).maps[Channel(1, 8, 0)].mean(axis=0)
    x, y = np.average(FILTERS.centres(8), axis=0, weights=weights)
    assert x > 0.3
    assert y > 0.3


@pytest.mark.parametrize(("motion", "angle"), [("left", 180), ("right", 0), ("rising", 90)])
def test_rendered_subjects_move_as_the_table_says(motion, angle):
    rng = np.random.default_rng(0)
    sizes = dict.fromkeys(ANGLES[::2], 0.0)
    n = 0
    while n < 3:
        shot = world.draw_shot(rng, 3.0)
        if shot.motion != motion:
            continue
        n += 1
        film = np.stack([world.render(shot, t / FPS, PIXELS) for t in range(3 * FPS)])
        energy = motion_energy(film.mean(axis=-1) / 255)
        for a in sizes:
            sizes[a] += sum(float(energy.maps[Channel(1, f, a)].mean()) for f in FINENESS)
    assert max(sizes, key=sizes.__getitem__) == angle
