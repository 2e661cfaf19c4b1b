"""Runs: they are read back as written, and each way in which a file can be wrong."""

from __future__ import annotations

import gzip
import logging

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ScalarAxis, SeriesAxis

from mindvideo.decoding.recordings import cleaned_run
from mindvideo.errors import InputError
from mindvideo.fmri.cleaning import standardise
from mindvideo.io import runs
from mindvideo.io.cifti import write_dtseries
from mindvideo.io.headers import read_run_header
from mindvideo.io.runs import read_dtseries, read_run, series_length, write_run
from mindvideo.io.spaces import Grayordinates, Grid, Space
from mindvideo.settings.base import RunTiming
from mindvideo.settings.fmri import CleanSettings

SHAPE = (5, 6, 4)
GRID = Grid(np.array([[3.0, 0, 0, -7], [0, 3, 0, -9], [0, 0, 3, -6], [0, 0, 0, 1]]), SHAPE)
MASK = np.random.default_rng(0).random(SHAPE) < 0.4
START, KEEP, TR = 1, 9, 2.0


def values(n_volumes: int = 12) -> np.ndarray:
    return 1000 + 20 * np.random.default_rng(1).standard_normal((*SHAPE, n_volumes))


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "seg1_1.nii.gz"
    write_run(file, values(), GRID, TR, step=0.1)
    return file


def read(path, grid=GRID, tr=TR):
    return read_run(path, Space(grid, MASK), start=START, keep=KEEP, tr=tr)


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
    assert read_run_header(path, "volume").grid.same(GRID)


def test_equal_runs_are_equal_files(path, tmp_path):
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / path.name
    write_run(again, values(), GRID, TR, step=0.1)
    assert again.read_bytes() == path.read_bytes()


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"seg9_1.nii.gz: does not exist.*dataset.exclude"):
        read(tmp_path / "seg9_1.nii.gz")


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.95])
def test_truncated_gzip(path, fraction):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(fraction * len(whole))])
    with pytest.raises(InputError, match=r"seg1_1.nii.gz: (cannot be read.*incomplete|is empty)"):
        read(path)


def test_damaged_gzip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"seg1_1.nii.gz: cannot be read"):
        read(path)


def test_truncated_unpacked_file(tmp_path):
    path = tmp_path / "seg1_1.nii"
    write_run(path, values(), GRID, TR, step=0.1)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match=r"seg1_1.nii: cannot be read"):
        read(path)


def test_something_else_under_the_name(tmp_path):
    path = tmp_path / "seg1_1.nii.gz"
    path.write_text("<html>not found</html>")
    with pytest.raises(InputError, match=r"seg1_1.nii.gz: is not a NIfTI .*a web page \(HTML\)"):
        read(path)


def test_not_four_dimensional(tmp_path):
    path = tmp_path / "t1w.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros(SHAPE, np.float32), GRID.affine), path)
    with pytest.raises(InputError, match=r"t1w.nii.gz: is 5×6×4, a 3-D map; expected a 4-D run"):
        read(path)


def test_cifti_where_a_volume_was_needed(tmp_path):
    path = tmp_path / "seg1_1_Atlas.dtseries.nii"
    write_dtseries(path, np.zeros((4, 3)), BrainModelAxis.from_mask(np.ones(3), "CORTEX_LEFT"), 2)
    with pytest.raises(
        InputError, match=r"CIFTI file; expected a 4-D run.*the volume.*dataset.space: cifti"
    ):
        read(path)


def clean(path, space, tr, before, during, after):
    """Clean a run of a film of `during` volumes, of which `before` and `after` are outside it."""
    timing = RunTiming(drop_start=before, drop_end=after)
    length = {"n_volumes": during, "n_volumes_of_film": during}
    settings = CleanSettings(tr=tr, timing=[timing], detrend_order=0, **length)
    return cleaned_run(path, space, settings, timing).values


@pytest.mark.parametrize(("n", "why"), [(10, "is the file complete"), (14, "dataset.timing")])
def test_wrong_number_of_volumes(tmp_path, n, why):
    path = tmp_path / "seg3_2.nii.gz"
    write_run(path, values(n), GRID, TR, step=0.1)
    with pytest.raises(InputError, match=rf"seg3_2.nii.gz: {n} volumes, but 12 expected.*{why}"):
        clean(path, Space(GRID, MASK), TR, 1, 9, 2)


def test_any_number_of_volumes_may_follow_a_film(tmp_path):
    """The first nine after the first are cleaned, whatever follows; fewer are named."""
    path = tmp_path / "seg3_2.nii.gz"
    write_run(path, values(14), GRID, TR, step=0.1)
    expected = standardise(values(14)[MASK].T[1:10])
    cleaned = clean(path, Space(GRID, MASK), TR, 1, 9, None)
    np.testing.assert_allclose(cleaned, expected, atol=0.01)
    write_run(path, values(9), GRID, TR, step=0.1)
    said = "seg3_2.nii.gz: 9 volumes, but the windows of its clips need 10: is the file complete"
    with pytest.raises(InputError, match=said):
        clean(path, Space(GRID, MASK), TR, 1, 9, None)


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
    with pytest.raises(InputError, match=r"seg1_1.nii.gz is on another grid than the regions"):
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


def test_broken_voxels_are_left_to_cleaning(tmp_path):
    path = tmp_path / "seg1_1.nii.gz"
    run = values().astype(np.float32)
    run[(*np.argwhere(MASK)[0], 5)] = np.nan
    nib.save(nib.Nifti1Image(run, GRID.affine), path)
    assert np.isnan(read(path)).sum() == 1


def test_each_volume_is_smoothed_before_its_voxels_are_selected(path):
    def neighbour(volume):
        assert volume.dtype == np.float32
        return np.roll(volume, 1, axis=0)

    run = read_run(path, Space(GRID, MASK), start=START, keep=KEEP, tr=TR, smooth=neighbour)
    expected = np.roll(values(), 1, axis=0)[MASK].T[1:-2]
    np.testing.assert_allclose(run, expected, atol=0.051)


def test_a_missing_permission_is_named(path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(InputError, match=r"seg1_1.nii.gz: no permission to read it.*chmod"):
        read(path)


def test_a_packed_run_is_unpacked_once(path, monkeypatch):
    opened = []

    def count(name):
        opened.append(name)
        return gzip.open(name)

    monkeypatch.setattr(runs, "unpacked", count)  # by which values are read, not headers
    read(path)
    assert opened == [path]


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


def test_reads_grayordinates_in_the_requested_order(cifti):
    np.testing.assert_array_equal(
        read_dtseries(cifti, COLUMNS, VERTICES, tr=0.72), series()[:, COLUMNS]
    )


def test_another_layout(cifti):
    with pytest.raises(InputError, match=r"rest.dtseries.nii: 7 .*4 \+ 3 of.*cifti-output 91k"):
        read_dtseries(cifti, COLUMNS, (np.arange(4), np.arange(3)), tr=0.72)


def test_no_series(tmp_path):
    path = tmp_path / "map.dscalar.nii"
    nib.save(Cifti2Image(series(1), (ScalarAxis(["a"]), MODELS)), path)
    with pytest.raises(InputError, match=r"is not a dense series.*a map"):
        read_dtseries(path, COLUMNS, VERTICES, tr=0.72)


def test_series_the_wrong_way_round(tmp_path):
    path = tmp_path / "turned.dtseries.nii"
    nib.save(Cifti2Image(series().T, (MODELS, SeriesAxis(0, 0.72, 6))), path)
    with pytest.raises(InputError, match=r"not a dense series.*axes are grayordinates × series"):
        read_dtseries(path, COLUMNS, VERTICES, tr=0.72)


def test_volume_where_a_series_was_needed(path):
    with pytest.raises(InputError, match=r"is a volume.*not a dense series.*dataset.space: volume"):
        read_dtseries(path, COLUMNS, VERTICES, tr=0.72)


def test_truncated_series(cifti):
    cifti.write_bytes(cifti.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"rest.dtseries.nii: cannot be read"):
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


SPACE = Space(Grayordinates(MODELS), np.array([1, 0, 1, 0, 0, 1, 1], bool))


def test_a_cifti_run_is_trimmed_like_a_volumes(cifti):
    assert series_length(cifti) == 6
    assert read_run_header(cifti, "cifti").grid.same(SPACE.grid)
    run = read_run(cifti, SPACE, start=2, keep=3, tr=0.72)
    assert run.dtype == np.float32
    np.testing.assert_array_equal(run, series()[2:5, SPACE.mask])


def test_a_cifti_run_of_another_length(cifti):
    with pytest.raises(InputError, match=r"6 volumes, but 8 expected.*is the file complete"):
        clean(cifti, SPACE, 0.72, 2, 5, 1)


def test_a_cifti_run_on_other_grayordinates(cifti):
    other = BrainModelAxis.from_surface(np.arange(7), 10, "CORTEX_LEFT")
    space = Space(Grayordinates(other), SPACE.mask)
    with pytest.raises(InputError, match=r"another grid.*4 \+ 3.*the regions have 7.*7 \+ 0"):
        read_run(cifti, space, start=2, keep=3, tr=0.72)


def test_a_cut_series_is_noticed_beyond_what_is_read(cifti):
    cifti.write_bytes(cifti.read_bytes()[:-4])
    space = Space(SPACE.grid, np.array([1, 0, 0, 0, 0, 0, 0], bool))
    with pytest.raises(InputError, match=r"cannot be read.*bytes.*download incomplete"):
        read_run(cifti, space, start=2, keep=3, tr=0.72)


@pytest.mark.parametrize("size", [0, 300, 700])
def test_a_series_cut_in_its_header(cifti, size):
    cifti.write_bytes(cifti.read_bytes()[:size])
    with pytest.raises(InputError, match=r"rest.*: is empty|cut short|header is damaged"):
        read_run(cifti, SPACE, start=2, keep=3, tr=0.72)


def test_headers_of_different_files_are_not_mixed_up(cifti, tmp_path):
    other = tmp_path / "other.dtseries.nii"
    write_dtseries(other, series(5), MODELS, 2.0)
    assert [series_length(path) for path in (cifti, other, cifti)] == [6, 5, 6]
    whole = Cifti2Image.from_filename(cifti)
    np.testing.assert_array_equal(whole.get_fdata(), series())
    assert whole.header.get_axis(0).step == pytest.approx(0.72)
    assert whole.header.get_axis(1) == MODELS
