"""Cleaning against numpy's and scipy's own solvers, voxel by voxel."""

from __future__ import annotations

import nilearn.signal
import numpy as np
import pytest
from scipy import stats

from mindvideo.errors import InputError
from mindvideo.fmri.cleaning import clean, nuisance
from mindvideo.fmri.drift import cosines, polynomials
from mindvideo.fmri.variation import near_constant


@pytest.fixture
def run() -> np.ndarray:
    rng = np.random.default_rng(0)
    drift = np.cumsum(rng.normal(size=(40, 25)), axis=0)
    return (1000 + 5 * drift + rng.normal(size=(40, 25))).astype(np.float32)


def drift(run: np.ndarray, order: int = 4) -> np.ndarray:
    return nuisance(polynomials(len(run), order))


@pytest.mark.parametrize("order", [0, 1, 4])
def test_matches_polyfit_and_zscore(run, order):
    result = clean(run, drift(run, order))
    cleaned, dead = result.values, result.dead
    time = np.linspace(-1, 1, len(run))
    for voxel in range(run.shape[1]):
        values = run[:, voxel].astype(float)
        rest = values - np.polyval(np.polyfit(time, values, order), time)
        np.testing.assert_allclose(cleaned[:, voxel], stats.zscore(rest), atol=1e-6)
    assert not dead.any()


@pytest.fixture
def confounds() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.cumsum(rng.normal(size=(40, 5)), axis=0) * [1, 1e-4, 1e3, 1, 1] + [0, 0, 500, 0, 0]


@pytest.mark.parametrize("with_confounds", [False, True])
def test_cosines_and_confounds_match_nilearn(run, confounds, with_confounds):
    drifts, regressors = cosines(40, 2.0, 30.0), confounds if with_confounds else None
    cleaned = clean(run, nuisance(drifts, regressors)).values
    # nilearn's filter does not remove the drift of the confounds; its regression is the same.
    options: dict = {"filter": "cosine", "high_pass": 1 / 30, "t_r": 2.0}
    if with_confounds:
        options = {"filter": False, "confounds": np.column_stack([drifts[:, :-1], confounds])}
    expected = nilearn.signal.clean(
        run.astype(float), detrend=False, standardize="zscore_sample", **options
    )
    np.testing.assert_allclose(cleaned * np.sqrt(39 / 40), expected, atol=1e-5)


def test_polynomial_and_confounds_match_least_squares(run, confounds):
    cleaned = clean(run, nuisance(polynomials(40, 4), confounds)).values
    design = np.column_stack([np.vander(np.linspace(-1, 1, 40), 5), confounds])
    rest = run - design @ np.linalg.lstsq(design, run.astype(float), rcond=None)[0]
    np.testing.assert_allclose(cleaned, stats.zscore(rest), atol=1e-5)


def test_dependent_and_constant_confounds_change_nothing(run, confounds):
    drifting = polynomials(40, 4)
    more = np.column_stack([confounds, confounds[:, 0] - 2 * confounds[:, 2], np.full(40, 7.0)])
    more = np.column_stack([more, np.zeros(40), drifting[:, 3]])
    assert nuisance(drifting, more).shape == (40, 10)
    np.testing.assert_allclose(
        clean(run, nuisance(drifting, more)).values,
        clean(run, nuisance(drifting, confounds)).values,
        atol=1e-5,
    )


def test_chunks_change_nothing(run):
    basis = drift(run)
    np.testing.assert_allclose(
        clean(run, basis, chunk=7).values, clean(run, basis).values, atol=1e-6
    )
    out = np.zeros((3, *run.shape), np.float32)
    clean(np.asfortranarray(run), basis, out=out[1])
    np.testing.assert_allclose(out[1], clean(run, basis).values, atol=1e-6)
    assert not out[[0, 2]].any()


def test_scale_and_drift_do_not_matter(run):
    time = np.linspace(-1, 1, len(run))[:, None]
    changed = 3 * run.astype(float) + 7 - 90 * time + 400 * time**4
    np.testing.assert_allclose(
        clean(changed, drift(run)).values, clean(run, drift(run)).values, atol=1e-4
    )


def test_broken_voxels_are_zero_counted_and_not_spread(run):
    whole = clean(run, drift(run)).values
    broken = run.copy()
    broken[:, 3] = 812  # constant
    broken[5, 4] = np.nan
    broken[6, 5] = np.inf
    broken[:, 6] = 100 + np.arange(len(run)) ** 2  # only drift
    broken[:, 7] = 0
    result = clean(broken, drift(run))
    assert np.flatnonzero(result.not_finite).tolist() == [4, 5]
    assert np.flatnonzero(result.constant).tolist() == [3, 6, 7]
    assert not result.values[:, result.dead].any()
    np.testing.assert_allclose(result.values[:, ~result.dead], whole[:, ~result.dead], atol=1e-6)


def test_input_stays_as_it_was(run):
    before = run.copy()
    clean(run, drift(run))
    np.testing.assert_array_equal(run, before)


def test_basis_is_orthonormal(confounds):
    for basis in (nuisance(polynomials(40, 4)), nuisance(polynomials(40, 4), confounds)):
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-9)


def test_run_too_short_for_its_regressors():
    with pytest.raises(InputError, match=r"5 volumes are too few to regress out 5.*at least 6"):
        nuisance(polynomials(5, 4))
    with pytest.raises(InputError, match=r"8 volumes are too few.*fewer clean.confounds"):
        nuisance(polynomials(8, 1), np.random.default_rng(0).normal(size=(8, 30)))


def test_temporal_snr_is_mean_over_sd_and_0_where_there_is_none(run):
    run[:, 3] = 7
    run[5, 4] = np.nan
    tsnr = clean(run, drift(run)).tsnr
    assert not tsnr[3:5].any()
    good = np.delete(np.arange(run.shape[1]), [3, 4])
    np.testing.assert_allclose(tsnr[good], 1 / stats.variation(run[:, good], ddof=1), rtol=1e-4)


# --- outside the brain mask -----------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1e-3, 1000])
def test_traces_of_resampling_are_not_brought_to_full_weight(run, level):
    """Outside the mask, voxels are never exactly constant: 1e-6 × noise, around any mean."""
    whole = clean(run, drift(run))
    rng = np.random.default_rng(2)
    traced = run.astype(np.float64)
    traced[:, :20] = level + 1e-6 * rng.standard_normal((len(run), 20))  # most of the voxels
    cleaned = clean(traced, drift(run))
    dead = np.arange(run.shape[1]) < 20
    np.testing.assert_array_equal(cleaned.dead, dead)
    np.testing.assert_array_equal(cleaned.near_constant | cleaned.constant, dead)
    assert cleaned.near_constant[:20].all() or level == 1000  # relative to 1000, 1e-6 is rounding
    assert not cleaned.values[:, dead].any()
    assert not cleaned.tsnr[dead].any()
    np.testing.assert_array_equal(cleaned.values[:, 20:], whole.values[:, 20:])


def test_quiet_voxels_of_the_brain_stay(run):
    quiet = run.copy()
    quiet[:, 3] = run[:, 3].mean() + (run[:, 3] - run[:, 3].mean()) / 50
    assert not clean(quiet, drift(run)).dead.any()


def test_the_floor_is_relative_to_the_run_whatever_its_units(run):
    traced = run.copy()
    traced[:, 3] = 1e-4 * (run[:, 3] - run[:, 3].mean())
    for scale in (1e-6, 1, 1e6):
        assert np.flatnonzero(clean(scale * traced, drift(run)).near_constant).tolist() == [3]


def test_few_degrees_of_freedom_say_nothing_of_an_sd():
    sd = np.r_[np.ones(50), 1e-6, 0]
    assert np.flatnonzero(near_constant(sd, 10)).tolist() == [50]
    assert not near_constant(sd, 3).any()
    assert not near_constant(np.zeros(4), 10).any()
