"""Correlations and tests against scipy, voxel by voxel."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from mindvideo.errors import InputError
from mindvideo.fmri.reproducibility import out_of_line, over_segments, pairwise_r, segment_z


def segment(
    seed: int, n_repetitions: int = 2, n_volumes: int = 30, n_voxels: int = 12
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(n_volumes, n_voxels)) * np.linspace(0, 2, n_voxels)
    return signal + rng.normal(size=(n_repetitions, n_volumes, n_voxels))


def test_pearson_is_scipys():
    repetitions = segment(0)
    expected = [stats.pearsonr(*repetitions[:, :, v]).statistic for v in range(12)]
    np.testing.assert_allclose(next(pairwise_r(repetitions, [(0, 1)])), expected, atol=1e-6)


@pytest.mark.parametrize("n_repetitions", [2, 4])
def test_pairs_of_repetitions_are_averaged_as_z(n_repetitions):
    repetitions = segment(1, n_repetitions)
    for voxel in range(12):
        pairs = combinations(repetitions[:, :, voxel], 2)
        z = [np.arctanh(stats.pearsonr(a, b).statistic) for a, b in pairs]
        assert segment_z(repetitions)[voxel] == pytest.approx(np.mean(z), abs=1e-6)


@pytest.mark.parametrize("tail", ["two-sided", "greater"])
def test_t_test_is_scipys(tail):
    z = np.stack([segment_z(segment(seed)) for seed in range(18)])
    result = over_segments(z, tail)
    for voxel in range(z.shape[1]):
        test = stats.ttest_1samp(z[:, voxel], 0, alternative=tail)
        assert result.t[voxel] == pytest.approx(test.statistic, rel=1e-6)
        assert result.p[voxel] == pytest.approx(test.pvalue, rel=1e-6)
    np.testing.assert_allclose(result.r, np.tanh(z.mean(0)), atol=1e-12)


@pytest.mark.parametrize("tail", ["two-sided", "greater"])
def test_signed_ranks_are_scipys(tail):
    z = np.stack([segment_z(segment(seed)) for seed in range(12)])
    z[3, 5] = np.nan
    result = over_segments(z, tail, "wilcoxon")
    for voxel in np.delete(np.arange(z.shape[1]), 5):
        expected = stats.wilcoxon(z[:, voxel], alternative=tail).pvalue
        assert result.p[voxel] == pytest.approx(expected, abs=1e-6)
    assert np.flatnonzero(~result.valid).tolist() == [5]
    np.testing.assert_array_equal(result.t, over_segments(z, tail).t)


def test_chunks_of_voxels_change_nothing():
    repetitions = segment(7, n_repetitions=3)
    np.testing.assert_allclose(segment_z(repetitions, chunk=5), segment_z(repetitions), atol=1e-12)


def test_swapped_repetitions_are_out_of_line():
    runs = {seed: segment(seed, n_volumes=60, n_voxels=200) for seed in range(6)}
    z = np.stack([segment_z(runs[seed]) for seed in runs])
    assert out_of_line(z)[0] == []
    runs[1][1], runs[4][1] = runs[4][1].copy(), runs[1][1].copy()
    odd, r = out_of_line(np.stack([segment_z(runs[seed]) for seed in runs]))
    assert odd == [1, 4]
    assert r[[0, 2, 3, 5]].min() > 0.5 > 0.2 > np.abs(r[[1, 4]]).max()


def test_noise_is_not_called_swapped():
    rng = np.random.default_rng(0)
    for _ in range(20):
        z = np.stack([segment_z(rng.normal(size=(2, 40, 300))) for _ in range(8)])
        assert out_of_line(z)[0] == []


def test_null_p_values_are_uniform():
    rng = np.random.default_rng(3)
    z = np.stack([segment_z(rng.normal(size=(2, 40, 2000))) for _ in range(18)])
    assert stats.kstest(over_segments(z, "greater").p, "uniform").pvalue > 0.01


def test_dead_voxel_is_untested_not_zero():
    repetitions = segment(2)
    repetitions[1, :, 5] = 0
    z = np.stack([segment_z(repetitions), *(segment_z(segment(s)) for s in range(3))])
    result = over_segments(z, "greater")
    assert np.flatnonzero(~result.valid).tolist() == [5]


def test_one_repetition_is_an_error():
    with pytest.raises(InputError, match="at least 2 runs, but this one has 1"):
        segment_z(segment(5, n_repetitions=1))


def test_one_segment_is_an_error():
    with pytest.raises(InputError, match="at least 2 of them, found 1"):
        over_segments(np.zeros((1, 4)), "greater")
