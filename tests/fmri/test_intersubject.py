"""Correlation between subjects, against a plain loop; voxels that a subject lacks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mindvideo.fmri.intersubject import NOWHERE, between_subjects_z, columns_at
from mindvideo.fmri.reproducibility import over_segments


def runs(seed, n_repetitions=1, n_volumes=60, n_voxels=6, signal=0.0):
    """Noise, and a time course that all subjects share."""
    shared = np.random.default_rng(99).normal(size=(n_volumes, n_voxels))
    noise = np.random.default_rng(seed).normal(size=(n_repetitions, n_volumes, n_voxels))
    return (signal * shared + noise).astype(np.float32)


def test_columns_are_those_of_the_same_place():
    found = columns_at(np.array([2, 5, 9, 11]), np.array([1, 2, 9]))
    assert found.tolist() == [1, NOWHERE, 2, NOWHERE]


@pytest.mark.parametrize("chunk", [2, 4096])
def test_z_is_that_of_the_mean_of_the_others(chunk):
    own, others = runs(0, 2, signal=1), [runs(seed, seed, signal=1) for seed in (1, 2, 3)]
    columns = [np.arange(6), np.array([5, 4, 3, 2, 1, 0]), np.arange(6)]
    z = between_subjects_z(own, list(zip(others, columns)), chunk=chunk)
    for voxel in range(6):
        mean = own[:, :, voxel].astype(float).mean(axis=0)
        courses = [o[:, :, c[voxel]].astype(float).mean(axis=0) for o, c in zip(others, columns)]
        of_others = np.mean([stats.zscore(course) for course in courses], axis=0)
        assert np.tanh(z[voxel]) == pytest.approx(stats.pearsonr(mean, of_others).statistic)


def test_a_voxel_that_a_subject_lacks_or_that_is_dead_is_untested():
    own, one, two = (runs(seed, 2, signal=2) for seed in (0, 1, 2))
    own[:, :, 1] = 0
    one[:, :, 2] = 0
    one[0, :, 3] = 0  # dead in one of two repetitions: the other counts
    columns = np.arange(6)
    z = between_subjects_z(own, [(one, columns), (two, np.where(columns == 4, NOWHERE, columns))])
    assert np.flatnonzero(np.isnan(z)).tolist() == [1, 2, 4]
    assert z[[0, 3, 5]].min() > 0.5


def test_unequal_lengths_are_compared_up_to_the_shortest():
    own, other = runs(0, signal=2), runs(1, signal=2)
    columns = np.arange(6)
    expected = between_subjects_z(own[:, :50], [(other[:, :50], columns)])
    np.testing.assert_allclose(between_subjects_z(own, [(other[:, :50], columns)]), expected)


def test_p_is_uniform_if_subjects_have_nothing_in_common():
    columns = np.arange(2000)
    z = [
        between_subjects_z(
            runs(3 * segment, n_volumes=40, n_voxels=2000),
            [(runs(3 * segment + n, n_volumes=40, n_voxels=2000), columns) for n in (1, 2)],
        )
        for segment in range(18)
    ]
    assert stats.kstest(over_segments(z, "greater").p, "uniform").pvalue > 0.01
