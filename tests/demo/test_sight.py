"""Input of the neurons: colours, cuts, and stills before and after the film."""

from __future__ import annotations

import numpy as np
import pytest

from mindvideo.demo.motion_energy import FPS, PIXELS
from mindvideo.demo.sight import colour_maps, find_cuts, look
from mindvideo.errors import InputError

SECONDS = 12
CONTENT = {"kind": "dog", "family": "animal", "colour": "red", "scene": "beach", "motion": "still"}
SHOT = {"start": 0.0, "end": float(SECONDS), **CONTENT}


def noise(seconds: float = SECONDS) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (round(FPS * seconds), PIXELS, PIXELS, 3), np.uint8)


def grey(seconds: float = SECONDS) -> np.ndarray:
    return np.full((round(FPS * seconds), PIXELS, PIXELS, 3), 128, np.uint8)


def test_stills_before_and_after_belong_to_the_first_and_last_shot():
    shots = [SHOT | {"end": 4.3}, SHOT | {"start": 4.3, "scene": "sea"}]
    sight = look(grey(), shots)
    beach, sea = sight.on_screen["scene", "beach"], sight.on_screen["scene", "sea"]
    np.testing.assert_allclose(beach + sea, 1)
    np.testing.assert_allclose(sight.times[[0, -1]], [-11.8, SECONDS + 11.8])
    assert beach[sight.times < 4].all()
    assert beach[np.abs(sight.times - 4.2) < 0.1].item() == pytest.approx(0.75)


def test_stills_show_the_first_and_last_frame_without_motion():
    sight = look(noise(), [SHOT])
    before, after = sight.times < 0, sight.times > SECONDS
    for channel, values in sight.energy.items():
        assert np.ptp(values[before], axis=0).max() == 0
        assert bool(values[after].any()) == (channel.rate == 0)
    light = sight.colours["light"]
    np.testing.assert_array_equal(light[before], np.repeat(light[:1], before.sum(), axis=0))


def test_cuts_are_located_near_their_times_in_the_table():
    frames = grey(4)
    frames[31:] = 200
    assert find_cuts(frames, [2.0]) == [31]  # the table's 2 s would be frame 30
    assert find_cuts(frames, [3.999]) == [len(frames) - 1]


def test_colours_are_opponent_and_signed():
    frames = grey(1)
    frames[:, : PIXELS // 2] = (200, 40, 40)
    frames[:, PIXELS // 2 :] = (40, 40, 200)
    maps = {name: values[0] for name, values in colour_maps(frames).items()}
    top, bottom = slice(None, maps["light"].size // 2), slice(maps["light"].size // 2, None)
    assert maps["red-green"][top].min() > 1
    assert np.abs(maps["red-green"][bottom]).max() < 1e-6
    assert maps["blue-yellow"][top].max() < 0 < maps["blue-yellow"][bottom].min()


def test_table_without_a_column():
    with pytest.raises(InputError, match="lacks scene, motion"):
        look(grey(), [{name: SHOT[name] for name in SHOT if name not in ("scene", "motion")}])
