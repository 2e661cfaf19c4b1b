"""Rates at which clips hold a whole number of frames; advice that is taken when typed back."""

import re

import pytest

from mindvideo.errors import InputError
from mindvideo.stimuli.rates import frames_per_clip, rates_up_to, whole_rate


def test_clips_hold_a_whole_number_of_frames():
    assert frames_per_clip(2, 3) == 6
    assert frames_per_clip(0.8, 5) == 4
    with pytest.raises(InputError, match=r"6\.6 frames"):
        frames_per_clip(2.2, 3)


@pytest.mark.parametrize(
    ("tr", "fps", "frames"),
    [(1.4, 3, [4, 5]), (1.49, 3, [4, 5]), (0.72, 1, [1]), (1.1, 24, [26, 27])],
)
def test_advised_rates_are_accepted_as_they_are_printed(tr, fps, frames):
    with pytest.raises(InputError, match="must have a whole number") as error:
        frames_per_clip(tr, fps)
    advised = re.findall(r"([\d.]+) \((\d+) frames? a clip\)", str(error.value))
    assert [frames_per_clip(tr, float(rate)) for rate, _ in advised] == frames
    assert [int(n) for _, n in advised] == frames
    for (rate, _), n in zip(advised, frames):
        assert whole_rate(tr, float(rate)) == n / tr


def test_the_advice_below_a_films_rate_is_not_above_it():
    assert rates_up_to(24, 1.4) == ", such as 23.5714 (33 frames a clip)"
    assert rates_up_to(24, 2) == ", such as 24 (48 frames a clip)"
    assert rates_up_to(0.5, 1.4) == ""
    assert rates_up_to(float("inf"), 2) == ""


@pytest.mark.parametrize(
    ("tr", "fps"), [(2, 29.97), (2, 23.976), (2, 3.001), (1.4, 4.29), (2, 0.1)]
)
def test_other_rates_are_no_rounded_ones(tr, fps):
    assert whole_rate(tr, fps) == fps
    with pytest.raises(InputError, match="must have a whole number"):
        frames_per_clip(tr, fps)


@pytest.mark.parametrize(("tr", "fps"), [(2, 3), (0.8, 5), (1.5, 2), (0.72, 25), (2, 0.5)])
def test_rates_that_are_exact_stay_as_they_are(tr, fps):
    assert whole_rate(tr, fps) == fps
