"""Runs: what is read back, and every way in which a file can be wrong."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ScalarAxis

from mindvideo.errors import InputError
from mindvideo.io.runs import (
    Grid,
    read_dtseries,
    read_grid,
    read_labels,
    read_run,
    write_dtseries,
    write_map,
    write_run,
)

SHAPE = (5, 6, 4)
GRID = Grid(np.array([[3.0, 0, 0, -7], [0, 3, 0, -9], [0, 0, 3, -6], [0, 0, 0, 1]]), SHAPE)
MASK = np.random.default_rng(0).random(SHAPE) < 0.4
KEEP, DROP, TR = 9, (1, 2), 2.0


def values(n_volumes: int = 12) -> np.ndarray:
    return 1000 + 20 * np.random.default_rng(1).standard_normal((*SHAPE, n_volumes))


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "seg1_1.nii.gz"
    write_run(file, values(), GRID, TR, step=0.1)
    return file


def read(path, grid=GRID, tr=TR):
    return read_run(path, MASK, grid, keep=KEEP, drop=DROP, tr=tr)


def test_reads_the_kept_volumes_of_the_mask(path):
    run = read(path)
    assert run.dtype == np.float32
    np.testing.assert_allclose(run, values()[MASK].T[1:-2], atol=0.051)


def test_written_run_has_its_units_grid_and_slope(path):
    image = nib.load(path)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert image.header.get_zooms() == (3, 3, 3, 2)
    assert image.get_data_dtype() == np.int16
    assert image.dataobj.slope == pytest.approx(0.1)
    assert read_grid(path).same(GRID)


def test_equal_runs_are_equal_files(path, tmp_path):
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / path.name
    write_run(again, values(), GRID, TR, step=0.1)
    assert again.read_bytes() == path.read_bytes()


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"seg9_1.nii.gz does not exist.*dataset.exclude"):
        read(tmp_path / "seg9_1.nii.gz")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_truncated_gzip(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"seg1_1.nii.gz cannot be read.*download incomplete"):
        read(path)


def test_damaged_gzip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"seg1_1.nii.gz cannot be read"):
        read(path)


def test_truncated_unpacked_file(tmp_path):
    path = tmp_path / "seg1_1.nii"
    write_run(path, values(), GRID, TR, step=0.1)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match=r"seg1_1.nii cannot be read"):
        read(path)


def test_something_else_under_the_name(tmp_path):
    path = tmp_path / "seg1_1.nii.gz"
    path.write_text("<html>not found</html>")
    with pytest.raises(InputError, match=r"seg1_1.nii.gz cannot be read"):
        read(path)


def test_not_four_dimensional(tmp_path):
    path = tmp_path / "t1w.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros(SHAPE, np.float32), GRID.affine), path)
    with pytest.raises(InputError, match=r"t1w.nii.gz is 5×6×4; a 4-D run"):
        read(path)


def test_cifti_where_a_volume_was_needed(tmp_path):
    path = tmp_path / "seg1_1_Atlas.dtseries.nii"
    write_dtseries(path, np.zeros((4, 3)), BrainModelAxis.from_mask(np.ones(3), "CORTEX_LEFT"), 2)
    with pytest.raises(InputError, match=r"It is a CIFTI file: name the volume"):
        read(path)


@pytest.mark.parametrize(("n", "why"), [(10, "is the download complete"), (14, "dataset.timing")])
def test_wrong_number_of_volumes(tmp_path, n, why):
    path = tmp_path / "seg3_2.nii.gz"
    write_run(path, values(n), GRID, TR, step=0.1)
    with pytest.raises(InputError, match=rf"seg3_2.nii.gz: {n} volumes, 12 expected.*{why}"):
        read(path)


@pytest.mark.parametrize(
    "grid",
    [
        Grid(GRID.affine + 0.5 * np.eye(4, k=3), SHAPE),
        Grid(GRID.affine @ np.diag([-1, 1, 1, 1]), SHAPE),
        Grid(GRID.affine, (5, 6, 5)),
    ],
    ids=["shifted", "flipped", "larger"],
)
def test_another_grid(path, grid):
    with pytest.raises(InputError, match=r"seg1_1.nii.gz lies on another grid than the regions"):
        read(path, grid)


def test_rounding_of_the_affine_is_the_same_grid(path):
    read(path, Grid(GRID.affine + 0.001, SHAPE))


@pytest.mark.parametrize(("tr", "warns"), [(2.0, False), (0.72, True)])
def test_headers_tr_is_only_warned_of(path, caplog, tr, warns):
    with caplog.at_level(logging.WARNING):
        read(path, tr=tr)
    assert ("its header says TR 2 s" in caplog.text) == warns


def test_headers_tr_in_milliseconds(tmp_path, caplog):
    path = tmp_path / "seg1_1.nii.gz"
    image = nib.Nifti1Image(values().astype(np.float32), GRID.affine)
    image.header.set_zooms((3, 3, 3, 2000))
    image.header.set_xyzt_units("mm", "msec")
    nib.save(image, path)
    with caplog.at_level(logging.WARNING):
        read(path)
    assert not caplog.text


def test_few_broken_voxels_are_left_to_cleaning_and_many_are_an_error(tmp_path):
    path = tmp_path / "seg1_1.nii.gz"
    run = values().astype(np.float32)
    first = tuple(np.argwhere(MASK)[0])
    run[(*first, 5)] = np.nan
    nib.save(nib.Nifti1Image(run, GRID.affine), path)
    assert np.isnan(read(path)).sum() == 1
    run[:, :, :, 5] = np.inf
    nib.save(nib.Nifti1Image(run, GRID.affine), path)
    with pytest.raises(InputError, match=rf"{MASK.sum()} of {MASK.sum()} voxels.*not finite"):
        read(path)


@pytest.mark.parametrize(
    ("kind", "stored"), [(float, np.float32), (int, np.int16), (bool, np.uint8)]
)
def test_maps_are_read_back(tmp_path, kind, stored):
    path = tmp_path / "map.nii.gz"
    written = (np.arange(MASK.sum()) + 1).astype(kind)
    write_map(path, written, MASK, GRID)
    image = nib.load(path)
    assert image.get_data_dtype() == stored
    np.testing.assert_array_equal(np.asarray(image.dataobj)[MASK], written)
    assert not np.asarray(image.dataobj)[~MASK].any()
    assert read_labels(path)[1].same(GRID)


def test_empty_map_of_labels(tmp_path):
    path = tmp_path / "regions.nii.gz"
    write_map(path, np.zeros(MASK.sum(), int), MASK, GRID)
    with pytest.raises(InputError, match="no voxel has a label"):
        read_labels(path)


# --- CIFTI ----------------------------------------------------------------------------------------

VERTICES = np.array([0, 2, 3, 7]), np.array([1, 2, 9])
MODELS = BrainModelAxis.from_surface(VERTICES[0], 10, "CORTEX_LEFT") + BrainModelAxis.from_surface(
    VERTICES[1], 10, "CORTEX_RIGHT"
)
COLUMNS = np.array([5, 0, 2])


def series(n: int = 6) -> np.ndarray:
    return np.random.default_rng(2).normal(1e4, 50, (n, 7)).astype(np.float32)


@pytest.fixture
def cifti(tmp_path):
    path = tmp_path / "rest.dtseries.nii"
    write_dtseries(path, series(), MODELS, 0.72)
    return path


def test_reads_grayordinates_in_the_order_asked_for(cifti):
    np.testing.assert_array_equal(
        read_dtseries(cifti, COLUMNS, VERTICES, tr=0.72), series()[:, COLUMNS]
    )


def test_another_layout(cifti):
    with pytest.raises(InputError, match=r"rest.dtseries.nii: 4 \+ 3 cortical.*cifti-output 91k"):
        read_dtseries(cifti, COLUMNS, (np.arange(4), np.arange(3)), tr=0.72)


def test_no_series(tmp_path):
    path = tmp_path / "map.dscalar.nii"
    nib.save(Cifti2Image(series(1), (ScalarAxis(["a"]), MODELS)), path)
    with pytest.raises(InputError, match="is no dense series"):
        read_dtseries(path, COLUMNS, VERTICES, tr=0.72)


def test_volume_where_a_series_was_needed(path):
    with pytest.raises(InputError, match="is no dense series"):
        read_dtseries(path, COLUMNS, VERTICES, tr=0.72)


def test_truncated_series(cifti):
    cifti.write_bytes(cifti.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"rest.dtseries.nii cannot be read"):
        read_dtseries(cifti, COLUMNS, VERTICES, tr=0.72)


def test_missing_series(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_dtseries(tmp_path / "none.dtseries.nii", COLUMNS, VERTICES, tr=0.72)


def test_series_that_is_not_finite(tmp_path):
    path = tmp_path / "rest.dtseries.nii"
    broken = series()
    broken[3, 2] = np.nan
    write_dtseries(path, broken, MODELS, 0.72)
    with pytest.raises(InputError, match="1 of 3 grayordinates have values that are not finite"):
        read_dtseries(path, COLUMNS, VERTICES, tr=0.72)


def test_series_step_is_only_warned_of(cifti, caplog):
    with caplog.at_level(logging.WARNING):
        read_dtseries(cifti, COLUMNS, VERTICES, tr=0.8)
    assert "TR 0.72 s" in caplog.text
