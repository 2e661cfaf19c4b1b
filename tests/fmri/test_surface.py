"""Volume maps on the surface: interpolated values, and NaN where no voxel of the mask is near."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from nilearn.surface import InMemoryMesh, vol_to_surf

from mindvideo.fmri.atlas import labels_of, midthickness, project
from mindvideo.fmri.surface import flat_map, inflated, on_surface

AFFINE = nib.affines.from_matvec(np.eye(3) * 4, (-80, -116, -76))
SHAPE = 41, 50, 45


def test_a_linear_map_comes_out_as_the_coordinates():
    ijk = np.moveaxis(np.indices(SHAPE), 0, -1)
    y = nib.affines.apply_affine(AFFINE, ijk)[..., 1]
    values = on_surface(y, np.ones(SHAPE, bool), AFFINE)
    coordinates, labels = midthickness()
    assert np.isnan(values[labels == 0]).all()
    np.testing.assert_allclose(values[labels > 0], coordinates[labels > 0, 1], atol=1e-3)


def test_voxels_outside_the_mask_are_left_out():
    labels = project(AFFINE, SHAPE, 4.0)
    mask = np.isin(labels, labels_of("V1"))
    volume = np.where(mask, 5.0, np.nan)
    values = on_surface(volume, mask, AFFINE)
    areas = flat_map()[1]
    assert np.nanmin(values) == pytest.approx(5)
    assert np.isfinite(values[areas == "V1"]).mean() > 0.95
    assert np.isnan(values[areas == "4"]).all()


def test_the_flat_map_has_left_on_the_left_and_neighbours_together():
    points, areas = flat_map()
    left, right = np.split(points, 2)
    assert np.nanmax(left[:, 0]) < 0 < np.nanmin(right[:, 0])
    assert np.isnan(points[areas == ""]).all()
    for area, where in (("V1", slice(len(left))), ("PHA1", slice(len(left), None))):
        members = points[where][areas[where] == area]
        assert np.ptp(members, axis=0).max() < 0.7 * np.ptp(left[np.isfinite(left[:, 1]), 1])


def test_without_a_mask_it_is_nilearns_vol_to_surf():
    volume = np.random.default_rng(0).standard_normal(SHAPE)
    coordinates, labels = midthickness()
    left = coordinates[: len(coordinates) // 2]
    mesh = InMemoryMesh(left, inflated()[1][0])
    image = nib.Nifti1Image(volume, AFFINE)
    expected = vol_to_surf(
        image, mesh, kind="ball", radius=1e-6, n_samples=10, interpolation="linear"
    )
    ours = on_surface(volume, np.ones(SHAPE, bool), AFFINE)[: len(left)]
    cortex = labels[: len(left)] > 0
    np.testing.assert_allclose(ours[cortex], expected[cortex], atol=1e-4)


def test_the_inflated_surface_has_the_same_vertices():
    points, faces = inflated()
    assert points.shape == (2, len(midthickness()[0]) // 2, 3)
    assert (np.sort(np.unique(faces[0])) == np.arange(points.shape[1])).all()
    v1 = np.split(flat_map()[1] == "V1", 2)
    assert all(points[h][v1[h], 1].mean() < -60 for h in range(2))  # at the back
