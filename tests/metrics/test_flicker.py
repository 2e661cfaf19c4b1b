import itertools
import math

import numpy as np
import pytest

from mindvideo.errors import InputError
from mindvideo.metrics.flicker import flicker, frame_change


def changes(frames):
    return np.array([frame_change(a, b) for a, b in itertools.pairwise(frames)])


def test_by_hand():
    """Clips of three frames: steps of 1 inside, 10 and 30 at the two borders."""
    levels = [0, 1, 2, 12, 13, 14, 44, 45, 46]
    result = flicker(changes([np.full((4, 5, 3), x, np.uint8) for x in levels]), 3)
    assert (result.borders, result.at_borders, result.inside, result.ratio) == (2, 20, 1, 20)


def test_falling_levels_count_as_rising_ones():
    dark, bright = np.full((1, 1, 3), 3, np.uint8), np.full((1, 1, 3), 250, np.uint8)
    assert frame_change(bright, dark) == frame_change(dark, bright) == 247


def test_noise_has_no_borders():
    frames = np.random.default_rng(0).integers(0, 256, (400, 16, 16, 3), np.uint8)
    assert flicker(changes(frames), 5).ratio == pytest.approx(1, abs=0.02)


def test_borders_that_lie_between_frames_come_before_the_next():
    """2.5 frames a clip: borders at 2.5, 5 and 7.5, so before frames 3, 5 and 8."""
    steps = np.zeros(9)
    steps[[2, 4, 7]] = 1
    result = flicker(steps, 2.5)
    assert (result.borders, result.at_borders, result.inside) == (3, 1, 0)
    assert math.isnan(result.ratio)  # all else stands still


def test_without_a_border_or_an_inside_there_is_no_ratio():
    assert math.isnan(flicker(np.ones(4), 5).at_borders)
    assert math.isnan(flicker(np.ones(4), 1).ratio)


def test_refuses_clips_without_frames():
    with pytest.raises(InputError, match="clips of 0 frames"):
        flicker(np.ones(3), 0)
