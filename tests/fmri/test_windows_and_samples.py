"""Windows and samples on arrays small enough to write out."""

from __future__ import annotations

import numpy as np
import pytest

from mindvideo.clip_times import ClipTimes
from mindvideo.errors import InputError
from mindvideo.fmri.samples import average, detrend, standardise
from mindvideo.fmri.windows import cut, derangement, pad
from mindvideo.sizes import check_recorded

VOLUMES = np.arange(5.0)[:, None] * [1, 10]


@pytest.mark.parametrize(
    ("size", "lag", "expected"),
    [
        (1, 0, [[0], [1], [2], [3], [4]]),
        (2, 0, [[0, 1], [1, 2], [2, 3], [3, 4], [4, 4]]),
        (3, 0, [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 4], [4, 4, 4]]),
        (2, 2, [[2, 3], [3, 4], [4, 4], [4, 4], [4, 4]]),
    ],
)
def test_windows_look_forward_and_stop_at_the_end(size, lag, expected):
    times = ClipTimes(tr=2, seconds=2, size=size, end="repeat")
    windows = cut(VOLUMES[lag:], times, len(VOLUMES))
    np.testing.assert_array_equal(windows[..., 0], expected)
    np.testing.assert_array_equal(windows[..., 1], 10 * np.array(expected))


@pytest.mark.parametrize(("size", "lag", "n_clips"), [(2, 5, 0), (6, 0, 5), (4, 2, 5)])
def test_windows_that_do_not_fit_are_refused(size, lag, n_clips):
    said = rf"windows of {size} volumes, {lag} volumes .* in the 5 volumes .*windows\.lag"
    with pytest.raises(InputError, match=said):
        check_recorded(size, lag, 5, n_clips)
    check_recorded(size=3, lag=2, n_volumes=5, n_clips=1)


@pytest.mark.parametrize(("n", "padded"), [(15, 16), (16, 16), (17, 32), (4183, 4192)])
def test_padding_goes_to_the_next_multiple_only(n, padded):
    out = pad(np.ones((2, n)), 16)
    assert out.shape == (2, padded)
    assert out.sum() == 2 * n
    assert not out[:, n:].any()


@pytest.mark.parametrize("n", [2, 3, 50])
def test_shuffling_leaves_nothing_in_place(n):
    for seed in range(20):
        order = derangement(n, seed)
        assert sorted(order) == list(range(n))
        assert (order != np.arange(n)).all()
    np.testing.assert_array_equal(derangement(n, 7), derangement(n, 7))


def test_one_window_cannot_be_shuffled():
    with pytest.raises(InputError, match="at least 2"):
        derangement(1, 0)


def test_average_leaves_out_the_rest():
    volumes = np.arange(14.0).reshape(7, 2)
    np.testing.assert_array_equal(average(volumes, 3), [volumes[:3].mean(0), volumes[3:6].mean(0)])
    with pytest.raises(InputError, match="7 volumes, but one sample averages 8"):
        average(volumes, 8)


def test_standardise_uses_one_scale_for_all():
    samples = np.random.default_rng(0).normal(5, 3, (20, 40))
    out = standardise(samples)
    assert out.mean() == pytest.approx(0, abs=1e-6)
    assert out.std() == pytest.approx(1, abs=1e-6)
    assert out.dtype == np.float32
    np.testing.assert_allclose(np.corrcoef(out.ravel(), samples.ravel())[0, 1], 1)


def test_standardise_can_give_each_voxel_its_own_scale():
    samples = np.random.default_rng(0).normal(5, [1, 30, 1], (20, 3))
    samples[:, 2] = 7.1 + 1e-9 * samples[:, 0]  # constant up to rounding
    out = standardise(samples, "voxel")
    expected = (samples - samples.mean(0)) / samples.std(0)
    np.testing.assert_allclose(out[:, :2], expected[:, :2], atol=1e-6)
    assert not out[:, 2].any()
    assert out.dtype == np.float32
    assert not standardise(samples[:1], "voxel").any()  # a single sample is its own mean


def test_detrending_removes_what_a_polynomial_fits_and_keeps_the_mean():
    """The reference is numpy's fit of an ordinary polynomial."""
    rng = np.random.default_rng(0)
    times = np.arange(60.0)
    run = rng.normal(size=(60, 3)) + 1e4 + times[:, None] * [0, 3, -2] + 0.1 * times[:, None] ** 2
    fitted = np.stack([np.polyval(np.polyfit(times, v, 2), times) for v in run.T], axis=1)
    np.testing.assert_allclose(detrend(run, 2), run - fitted + run.mean(0), atol=1e-6)
    with pytest.raises(InputError, match=r"3 volumes are too few .* order 2: at least 4"):
        detrend(run[:3], 2)


@pytest.mark.parametrize(("bad", "why"), [(np.ones(3), "all the same"), ([1, np.nan], "not all")])
def test_samples_without_scale_are_an_error(bad, why):
    with pytest.raises(InputError, match=why):
        standardise(np.array([bad], dtype=float))
