"""Smoothing: it has the requested width, and does not spread broken voxels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mindvideo.fmri.atlas import N_LEFT, N_RIGHT, cortex_vertices, grayordinates, mesh_points
from mindvideo.fmri.smoothing import FWHM_PER_SD, smooth_cortex, smooth_volume

AFFINE = np.diag([2.0, 2, 4, 1])
N_CORTEX = N_LEFT + N_RIGHT


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 5, (12, 14, 10)).astype(np.float32)


def test_volumes_get_a_gaussian_in_millimetres(volume):
    sd = 6 / FWHM_PER_SD / np.array([2, 2, 4])
    expected = gaussian_filter(volume, sd)
    np.testing.assert_allclose(smooth_volume(volume, AFFINE, 6.0), expected, rtol=1e-4)


def test_a_broken_voxel_stays_alone(volume):
    whole = smooth_volume(volume, AFFINE, 6.0)
    volume[5, 5, 5] = np.nan
    volume[2, 2, 2] = np.inf
    smooth = smooth_volume(volume, AFFINE, 6.0)
    assert np.isnan(smooth[5, 5, 5])
    assert np.isinf(smooth[2, 2, 2])
    finite = np.isfinite(smooth)
    assert finite.sum() == smooth.size - 2
    np.testing.assert_allclose(smooth[finite], whole[finite], atol=1)


@pytest.mark.parametrize("fwhm", [4.0, 8.0])
def test_a_point_on_the_cortex_gets_the_requested_width(fwhm):
    run = np.zeros((3, N_CORTEX + 2), np.float32)
    centres = grayordinates(["V1", "MT", "4"])[[200, 1700, 2500]]
    run[[0, 1, 2], centres] = 1
    smooth = smooth_cortex(run, fwhm)
    left, right, n = cortex_vertices()
    points = mesh_points("midthickness_MSMAll")[np.r_[left, right + n]]
    widths = []
    for row, centre in zip(smooth[:, :N_CORTEX], centres):
        distance = np.linalg.norm(points - points[centre], axis=1)
        widths.append(np.sqrt((row * distance**2).sum() / row.sum() / 2) * FWHM_PER_SD)
    # Straight lines are shorter than geodesics along folds, and the mesh is not even.
    assert np.mean(widths) == pytest.approx(fwhm, rel=0.25)


def test_the_cortex_keeps_constants_and_leaves_out_what_is_broken():
    run = np.full((4, N_CORTEX + 3), 7, np.float32)
    run[2, 1000] = np.nan
    run[:, -1] = [1, 2, 3, 4]
    smooth = smooth_cortex(run, 5.0)
    assert np.flatnonzero(np.isnan(smooth).any(axis=0)).tolist() == [1000]
    np.testing.assert_allclose(np.delete(smooth[:, :-1], 1000, axis=1), 7, rtol=1e-5)
    np.testing.assert_array_equal(smooth[:, -1], run[:, -1])
