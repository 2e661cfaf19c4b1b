"""Maps are read back as they were written, and other programs can tell what they are."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, Cifti2Image
from nilearn.masking import intersect_masks

from mindvideo.errors import InputError
from mindvideo.io.maps import read_labels, read_map, read_mask, read_masks, write_labels, write_map
from mindvideo.io.spaces import Grayordinates, Grid, Space

SHAPE = (5, 6, 4)
AFFINE = np.array([[3.0, 0, 0, -7], [0, 3, 0, -9], [0, 0, 3, -6], [0, 0, 0, 1]])
VOLUME = Space(Grid(AFFINE, SHAPE), np.random.default_rng(0).random(SHAPE) < 0.4)
MODELS = BrainModelAxis.from_surface(np.array([0, 2, 3, 7]), 10, "CORTEX_LEFT")
MODELS += BrainModelAxis.from_surface(np.array([1, 2]), 10, "CORTEX_RIGHT")
MODELS += BrainModelAxis(
    name="CIFTI_STRUCTURE_THALAMUS_LEFT",
    voxel=np.array([[1, 2, 3]]),
    affine=AFFINE,
    volume_shape=SHAPE,
)
CORTEX = Space(Grayordinates(MODELS), np.array([1, 1, 0, 1, 1, 0, 1], bool))
NAMES = {1: ("L_V1", (1.0, 0.0, 0.0, 1.0)), 2: ("L_V2", (0.0, 1.0, 0.0, 1.0))}


@pytest.mark.parametrize(
    ("kind", "stored"), [(float, np.float32), (int, np.int16), (bool, np.uint8)]
)
def test_volumes_are_read_back(tmp_path, kind, stored):
    path = tmp_path / "map.nii.gz"
    written = (np.arange(len(VOLUME)) + 1).astype(kind)
    write_map(path, written, VOLUME, name="t", intent=("t test", (17,)))
    values, grid = read_map(path)
    np.testing.assert_array_equal(values[VOLUME.mask], written)
    assert not values[~VOLUME.mask].any()
    assert grid.same(VOLUME.grid)
    assert grid.mni
    header = nib.load(path).header
    assert header.get_data_dtype() == stored
    assert header.get_intent() == ("t test", (17.0,), "t")


def test_native_volumes_do_not_claim_to_be_mni(tmp_path):
    space = Space(Grid(AFFINE, SHAPE, mni=False), VOLUME.mask)
    write_map(tmp_path / "map.nii.gz", np.ones(len(space)), space, name="r")
    assert nib.load(tmp_path / "map.nii.gz").header["sform_code"] == 1
    assert not read_map(tmp_path / "map.nii.gz")[1].mni


def test_grayordinates_are_read_back_with_name_and_intent(tmp_path):
    path = tmp_path / "r.dscalar.nii"
    write_map(path, np.arange(5.0), CORTEX, name="r between repeats")
    values, grid = read_map(path)
    np.testing.assert_array_equal(values[CORTEX.mask], np.arange(5))
    assert grid.same(CORTEX.grid)
    image = nib.load(path)
    assert isinstance(image, Cifti2Image)
    assert image.header.get_axis(0).name.tolist() == ["r between repeats"]
    assert image.header.get_axis(1) == MODELS
    assert image.nifti_header.get_intent("code")[0] == 3006  # dense scalars
    assert image.get_data_dtype() == np.float32


def test_labels_of_grayordinates_have_their_table(tmp_path):
    path = tmp_path / "areas.dlabel.nii"
    write_labels(path, np.array([1, 2, 1, 2, 1]), CORTEX, name="areas", names=NAMES)
    labels, space = read_labels(path)
    assert labels.tolist() == [1, 2, 1, 2, 1]
    np.testing.assert_array_equal(space.mask, CORTEX.mask)
    image = nib.load(path)
    assert image.nifti_header.get_intent("code")[0] == 3007  # dense labels
    assert image.header.get_axis(0).label[0][2] == NAMES[2]


def test_labels_of_volumes(tmp_path):
    path = tmp_path / "areas.nii.gz"
    write_labels(path, np.full(len(VOLUME), 2), VOLUME, name="areas", names=NAMES)
    labels, space = read_labels(path)
    assert (labels == 2).all()
    np.testing.assert_array_equal(space.mask, VOLUME.mask)
    assert nib.load(path).header.get_intent()[0] == "label"


def test_empty_map_of_labels(tmp_path):
    path = tmp_path / "regions.nii.gz"
    write_map(path, np.zeros(len(VOLUME), int), VOLUME, name="none")
    with pytest.raises(InputError, match="no voxel has a label"):
        read_labels(path)


def test_a_series_is_no_map(tmp_path):
    path = tmp_path / "two.dscalar.nii"
    axes = nib.cifti2.ScalarAxis(["a", "b"]), MODELS
    nib.save(Cifti2Image(np.zeros((2, 7), np.float32), axes), path)
    with pytest.raises(InputError, match="is not a map, one value per grayordinate"):
        read_map(path)


def test_places_say_where_voxels_lie():
    places = VOLUME.grid.places(VOLUME.index)
    np.testing.assert_array_equal(np.stack([*places.values()], 1), np.argwhere(VOLUME.mask))
    places = CORTEX.grid.places(CORTEX.index)
    assert places["grayordinate"].tolist() == [0, 1, 3, 4, 6]
    assert places["structure"].tolist() == [*["CORTEX_LEFT"] * 3, "CORTEX_RIGHT", "THALAMUS_LEFT"]
    assert places["vertex"].tolist() == [0, 2, 7, 1, -1]


def test_masks_are_on_the_runs_grid_and_not_empty(tmp_path):
    path = tmp_path / "mask.nii.gz"
    write_map(path, np.ones(len(VOLUME), bool), VOLUME, name="brain")
    np.testing.assert_array_equal(read_mask(path, VOLUME.grid), VOLUME.mask)
    shifted = Grid(AFFINE + np.eye(4, k=3), SHAPE)
    with pytest.raises(InputError, match="Resample it to the runs' grid"):
        read_mask(path, shifted)
    write_map(path, np.zeros(len(VOLUME), bool), VOLUME, name="brain")
    with pytest.raises(InputError, match="this mask is empty"):
        read_mask(path, VOLUME.grid)


def test_masks_of_runs_are_intersected_as_nilearn_does(tmp_path):
    rng = np.random.default_rng(1)
    paths = [tmp_path / f"run{n}_mask.nii.gz" for n in range(3)]
    for path in paths:
        space = Space(VOLUME.grid, rng.random(SHAPE) < 0.8)
        write_map(path, np.ones(len(space), bool), space, name="brain")
    expected = intersect_masks([str(p) for p in paths], threshold=1, connected=False).get_fdata()
    common = read_masks(paths, VOLUME.grid)
    np.testing.assert_array_equal(common, expected > 0)
    assert common.sum() < min(read_mask(p, VOLUME.grid).sum() for p in paths)
    np.testing.assert_array_equal(
        read_masks(paths[:1], VOLUME.grid), read_mask(paths[0], space.grid)
    )


def test_a_mask_that_does_not_go_with_the_others_is_named(tmp_path):
    paths = [tmp_path / f"run{n}_mask.nii.gz" for n in range(2)]
    write_map(paths[0], np.ones(len(VOLUME), bool), VOLUME, name="brain")
    rest = Space(VOLUME.grid, ~VOLUME.mask)
    write_map(paths[1], np.ones(len(rest), bool), rest, name="brain")
    with pytest.raises(
        InputError, match=r"run1_mask.nii.gz: no voxel is both in this mask and in all 2"
    ):
        read_masks(paths, VOLUME.grid)
    moved = Space(Grid(AFFINE + np.eye(4, k=3), SHAPE), VOLUME.mask)
    write_map(paths[1], np.ones(len(moved), bool), moved, name="brain")
    with pytest.raises(InputError, match=r"run1_mask.nii.gz: this mask has .*the runs have"):
        read_masks(paths, VOLUME.grid)
