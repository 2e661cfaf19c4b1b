"""Censored volumes: against nilearn with a sample mask, and spikes with a known answer."""

from __future__ import annotations

import nilearn.signal
import numpy as np
import pytest

from mindvideo.fmri.censoring import clean_kept, kept_volumes
from mindvideo.fmri.cleaning import clean, nuisance
from mindvideo.fmri.drift import cosines, polynomials
from mindvideo.fmri.repetitions import mean_of_repetitions

N = 60
CENSORED = [0, 1, 9, 10, 11, 30, 59]


@pytest.fixture
def run() -> np.ndarray:
    rng = np.random.default_rng(0)
    drift = np.cumsum(rng.normal(size=(N, 25)), axis=0)
    return 1000 + 5 * drift + rng.normal(size=(N, 25))


@pytest.fixture
def confounds() -> np.ndarray:
    return np.cumsum(np.random.default_rng(1).normal(size=(N, 4)), axis=0)


@pytest.fixture
def kept() -> np.ndarray:
    return ~np.isin(np.arange(N), CENSORED)


def test_volumes_kept_match_nilearn_with_a_sample_mask(run, confounds, kept):
    drift = cosines(N, 2.0, 40.0)
    basis = nuisance(drift[kept], confounds[kept])
    cleaned = clean_kept(run, basis, kept, "mask")
    expected = nilearn.signal.clean(
        run,
        confounds=np.column_stack([drift, confounds]),
        sample_mask=np.flatnonzero(kept),
        detrend=False,
        filter=False,
        standardize="zscore_sample",
    )
    n = kept.sum()
    np.testing.assert_allclose(cleaned.values[kept] * np.sqrt((n - 1) / n), expected, atol=1e-5)
    assert not cleaned.values[~kept].any()
    np.testing.assert_array_equal(cleaned.valued, kept)


def test_interpolation_is_nilearns(run, kept):
    basis = nuisance(polynomials(N, 2)[kept])
    masked = clean_kept(run, basis, kept, "mask").values.astype(np.float64)
    filled = clean_kept(run, basis, kept, "interpolate")
    expected = nilearn.signal._interpolate_volumes(masked.copy(), kept, 2.0, False)
    inner = slice(2, 59)
    np.testing.assert_allclose(filled.values[inner], expected[inner], atol=1e-5)
    assert np.isnan(expected[[0, 1, 59]]).all()  # nilearn leaves these out
    assert not filled.values[[0, 1, 59]].any()
    assert np.flatnonzero(~filled.valued).tolist() == [0, 1, 59]


def test_a_cubic_is_interpolated_exactly():
    time = np.linspace(-1, 1, N)
    kept = ~np.isin(np.arange(N), [20, 21, 40])
    run = (time**3)[:, None] + np.zeros(2)
    values = clean_kept(run, nuisance(np.ones((N - 3, 1))), kept).values[:, 0]
    expected = (time**3 - np.mean(time[kept] ** 3)) / np.std(time[kept] ** 3)
    np.testing.assert_allclose(values, expected, atol=1e-5)


def test_a_spike_changes_nothing_once_it_is_censored(run):
    spiked, kept = run.copy(), np.arange(N) != 25
    spiked[25] += 1e5
    basis = nuisance(polynomials(N, 3)[kept])
    for how in ("mask", "interpolate"):
        np.testing.assert_array_equal(
            clean_kept(spiked, basis, kept, how).values, clean_kept(run, basis, kept, how).values
        )
    whole = nuisance(polynomials(N, 3))
    r = [
        np.corrcoef(clean(run, whole).values[kept, 0], values[kept, 0])[0, 1]
        for values in (clean(spiked, whole).values, clean_kept(spiked, basis, kept).values)
    ]
    assert r[0] < 0.9 < 0.99 < r[1]
    censored = clean_kept(spiked, basis, kept)
    rest = run[kept]
    np.testing.assert_allclose(censored.tsnr, rest.mean(axis=0) / rest.std(axis=0, ddof=1))
    np.testing.assert_allclose(censored.values[kept].std(axis=0), 1, atol=1e-5)


def test_without_censored_volumes_nothing_changes(run):
    basis, every = nuisance(polynomials(N, 3)), np.ones(N, dtype=bool)
    cleaned = clean_kept(run, basis, every)
    assert cleaned.values.tobytes() == clean(run, basis).values.tobytes()
    assert cleaned.kept.all()
    assert cleaned.present.shape == (1, 25)


def test_a_censored_value_that_is_not_finite_kills_no_voxel(run, kept):
    run[30, 3] = np.nan
    basis = nuisance(polynomials(N, 2)[kept])
    assert not clean_kept(run, basis, kept).dead.any()
    assert clean_kept(run, nuisance(polynomials(N, 2)), np.ones(N, dtype=bool)).dead[3]


def test_volumes_around_censored_ones():
    marked = np.isin(np.arange(12), [0, 5])
    assert np.flatnonzero(~kept_volumes(marked, before=1, after=2)).tolist() == [
        0,
        1,
        2,
        4,
        5,
        6,
        7,
    ]
    assert np.flatnonzero(~kept_volumes(marked, min_segment=5)).tolist() == [0, 1, 2, 3, 4, 5]
    assert kept_volumes(np.zeros(12, dtype=bool), 1, 1, 5).all()


def test_the_mean_is_over_living_voxels_and_volumes_that_are_not_masked():
    runs = np.random.default_rng(0).normal(size=(3, 6, 4)).astype(np.float32)
    assert mean_of_repetitions(runs).tobytes() == runs.mean(axis=0).tobytes()
    runs[0, 2] = 0  # masked
    runs[1, :, 3] = 0  # dead
    runs[:, 4] = 0  # masked in all
    mean = mean_of_repetitions(runs)
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean[2, :3], runs[1:, 2, :3].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(mean[2, 3], runs[2, 2, 3], rtol=1e-6)
    np.testing.assert_allclose(mean[0, 3], (runs[0, 0, 3] + runs[2, 0, 3]) / 2, rtol=1e-6)
    np.testing.assert_allclose(mean[0, :3], runs[:, 0, :3].mean(axis=0), rtol=1e-6)
    assert not mean[4].any()
