"""Moving noise: what it is at each frame, and where it goes."""

import numpy as np
import pytest
import torch

from mindvideo.models.noise import moving_noise

SHAPE = (4, 6, 16, 12)  # c f h w
STILL = np.zeros(3)


def draw(motion, seed=0, shape=SHAPE):
    return moving_noise(shape, np.asarray(motion, float), torch.Generator().manual_seed(seed))


def neighbours(noise):
    """Correlation of each element with the one to its right, and the one below."""
    return [
        (noise[..., :, 1:] * noise[..., :, :-1]).mean(),
        (noise[..., 1:, :] * noise[..., :-1, :]).mean(),
    ]


def test_still_noise_is_the_same_in_each_frame():
    noise = draw(STILL)
    assert noise.shape == SHAPE
    assert torch.equal(noise, noise[:, :1].expand(SHAPE))
    assert torch.equal(noise, draw(STILL))
    assert not torch.equal(noise, draw(STILL, seed=1))


@pytest.mark.parametrize("motion", [(0, 0, 0), (0.11, -0.04, 0), (0, 0, 0.2), (0.03, 0.02, -0.2)])
def test_each_frame_is_white(motion):
    """With mean 0 and variance 1, neighbours being independent unless it expands."""
    noise = draw(motion, shape=(64, 6, 16, 12))  # 12288 elements a frame
    for frame in noise.unbind(1):
        assert frame.mean().abs() < 0.04
        assert frame.std() == pytest.approx(1, abs=0.03)
        assert max(map(abs, neighbours(frame))) < (0.15 if motion[2] else 0.04)


@pytest.mark.parametrize(("right", "down"), [(1, 0), (-2, 0), (0, 1), (1, -1)])
def test_it_moves_by_whole_elements(right, down):
    """Two frames apart, so that both stand on the grid or both half an element beside it."""
    noise = draw((right / 12, down / 16, 0))
    for first, then in zip(noise.unbind(1), noise.unbind(1)[2:]):
        back = then.roll((-2 * down, -2 * right), dims=(-2, -1))
        inside = (slice(None), slice(4, -4), slice(4, -4))
        assert torch.allclose(back[inside], first[inside], atol=1e-5)


def test_it_moves_by_parts_of_an_element():
    """Half an element a frame: half of an element is left in place, none in the second frame."""
    noise = draw((0.5 / 12, 0, 0), shape=(64, 6, 16, 12))
    first, second, third = noise.unbind(1)[:3]
    assert (first * second).mean() == pytest.approx(0.5, abs=0.04)
    assert (first[..., :-1] * second[..., 1:]).mean() == pytest.approx(0.5, abs=0.04)
    assert (first[..., :-1] * third[..., 1:]).mean() == pytest.approx(1, abs=0.04)


def test_expansion_moves_away_from_the_middle():
    """What is in the middle stays there; at the right it goes right, at the left left."""
    noise = draw((0, 0, 0.05), shape=(256, 6, 16, 16))
    first, second = noise[:, 2], noise[:, 3]

    def goes_right(columns):
        there = (first[..., columns] * second[..., columns.start + 1 : columns.stop + 1]).mean()
        back = (first[..., columns] * second[..., columns.start - 1 : columns.stop - 1]).mean()
        return float(there - back)

    assert goes_right(slice(12, 14)) > 0.15
    assert abs(goes_right(slice(7, 9))) < 0.05
    assert goes_right(slice(2, 4)) < -0.15


def test_noise_that_moves_far_is_periodic():
    assert draw((2.5, 0, 0)).isfinite().all()
    assert draw((0, 0, 3)).isfinite().all()
