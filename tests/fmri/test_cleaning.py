"""Cleaning against numpy's and scipy's own solvers, voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mindvideo.errors import InputError
from mindvideo.fmri.cleaning import clean, drift_basis, temporal_snr


@pytest.fixture
def run() -> np.ndarray:
    rng = np.random.default_rng(0)
    drift = np.cumsum(rng.normal(size=(40, 25)), axis=0)
    return (1000 + 5 * drift + rng.normal(size=(40, 25))).astype(np.float32)


@pytest.mark.parametrize("order", [0, 1, 4])
def test_matches_polyfit_and_zscore(run, order):
    cleaned, dead = clean(run, order)
    time = np.linspace(-1, 1, len(run))
    for voxel in range(run.shape[1]):
        values = run[:, voxel].astype(float)
        rest = values - np.polyval(np.polyfit(time, values, order), time)
        np.testing.assert_allclose(cleaned[:, voxel], stats.zscore(rest), atol=1e-6)
    assert not dead.any()


def test_chunks_change_nothing(run):
    np.testing.assert_array_equal(clean(run, 4, chunk=7)[0], clean(run, 4)[0])


def test_scale_and_drift_do_not_matter(run):
    time = np.linspace(-1, 1, len(run))[:, None]
    changed = 3 * run.astype(float) + 7 - 90 * time + 400 * time**4
    np.testing.assert_allclose(clean(changed, 4)[0], clean(run, 4)[0], atol=1e-4)


def test_broken_voxels_are_zero_counted_and_not_spread(run):
    whole, _ = clean(run, 4)
    broken = run.copy()
    broken[:, 3] = 812  # constant
    broken[5, 4] = np.nan
    broken[6, 5] = np.inf
    broken[:, 6] = 100 + np.arange(len(run)) ** 2  # nothing but drift
    broken[:, 7] = 0
    cleaned, dead = clean(broken, 4)
    assert np.flatnonzero(dead).tolist() == [3, 4, 5, 6, 7]
    assert not cleaned[:, dead].any()
    np.testing.assert_array_equal(cleaned[:, ~dead], whole[:, ~dead])


def test_input_stays_as_it_was(run):
    before = run.copy()
    clean(run, 4)
    np.testing.assert_array_equal(run, before)


def test_basis_is_orthonormal():
    basis = drift_basis(32, 4)
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-12)


def test_run_too_short_for_its_detrend():
    with pytest.raises(InputError, match=r"5 volumes are too few.*at least 6"):
        clean(np.zeros((5, 2)), 4)


def test_temporal_snr_is_mean_over_sd_and_0_where_there_is_none(run):
    run[:, 3] = 7
    run[5, 4] = np.nan
    found = temporal_snr(run)
    assert not found[3:5].any()
    good = np.delete(np.arange(run.shape[1]), [3, 4])
    np.testing.assert_allclose(found[good], 1 / stats.variation(run[:, good], ddof=1), rtol=1e-4)
