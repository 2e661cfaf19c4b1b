"""Motion energy of clips: direction and detail, at the low rate of clips."""

from __future__ import annotations

import numpy as np
import pytest

from mindvideo.stimuli.motion_energy import Channel, Filters, of_clips

FPS, SIZE = 3, 72


def grating(angle, rate=0.75, fineness=4, n_clips=10):
    """Clips of stripes that drift towards an angle (0 right, 90 up)."""
    x, y = np.meshgrid(*[np.arange(SIZE) / (SIZE - 1)] * 2)
    along = x * np.cos(np.deg2rad(angle)) - y * np.sin(np.deg2rad(angle))
    time = np.arange(n_clips * 6)[:, None, None] / FPS
    light = 0.5 + 0.4 * np.sin(2 * np.pi * (fineness * along - rate * time))
    return (
        (np.repeat(light[..., None], 3, axis=-1) * 255)
        .astype(np.uint8)
        .reshape(n_clips, 6, SIZE, SIZE, 3)
    )


def by_channel(features):
    """Mean of the features of each channel, away from the ends."""
    filters = Filters(FPS, 32, 5, rates=(0, FPS / 4))
    sizes = [len(filters.centres(channel.fineness)) for channel in filters.channels]
    parts = np.split(features[2:-2].mean(axis=0), np.cumsum(sizes)[:-1])
    return {channel: part.mean() for channel, part in zip(filters.channels, parts)}


@pytest.mark.parametrize("angle", [0, 45, 180, 270])
def test_a_direction_drives_the_filters_of_that_direction(angle):
    energy = by_channel(of_clips(grating(angle), FPS))
    moving = {c.angle: v for c, v in energy.items() if c.rate and c.fineness == 4}
    assert max(moving, key=moving.get) == angle
    assert moving[angle] > 10 * moving[(angle + 180) % 360]


def test_stills_have_orientation_and_detail_and_no_motion():
    energy = by_channel(of_clips(grating(90, rate=0, fineness=8), FPS))
    still = {c: v for c, v in energy.items() if not c.rate}
    assert max(still, key=still.get) == Channel(0, 8, 90)
    assert max(v for c, v in energy.items() if c.rate) < 0.01 * max(still.values())


def test_a_rate_that_is_no_whole_number_is_scaled():
    clips = grating(180)
    np.testing.assert_array_equal(of_clips(clips, 3.02), of_clips(clips, 3.0))


def test_clips_of_one_length_have_as_many_features_as_filters():
    features = of_clips(grating(0, n_clips=4)[:, :, :16, :16], FPS)
    assert features.shape[0] == 4
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    ("fps", "width", "rates"), [(15, 15, (0, 1, 2)), (4, 5, (0, 1)), (6, 8, (0, 1))]
)
def test_a_shot_is_filtered_as_by_pymoten_between_stills(fps, width, rates):
    filters = Filters(fps, 16, width, rates, fineness=(2, 4))
    light = np.random.default_rng(0).random((23, 16, 16))
    pyramid = filters._pyramid
    expected = []
    for start, end in ((0, 9), (9, 23)):
        shot = np.pad(light[start:end], ((width, width), (0, 0), (0, 0)), mode="edge") - 0.5
        responses = pyramid.project_stimulus_batched(
            shot.reshape(len(shot), -1).astype(np.float32), output_nonlinearity=lambda x: x
        )
        expected.append(responses[width:-width])
    stills = (light - 0.5).reshape(23, -1).astype(np.float32).astype(float)
    amplitudes = filters._amplitudes(stills, [0, 9, 23])
    np.testing.assert_allclose(amplitudes, np.concatenate(expected), rtol=1e-5, atol=1e-6)
