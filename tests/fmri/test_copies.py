"""One recording under two names is detected, even if the second file was converted."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.fmri.copies import SIGNATURE, same_recordings, same_signatures, signature
from mindvideo.io.maps import write_labels
from mindvideo.io.runs import write_run
from mindvideo.io.spaces import Grid, Space
from mindvideo.settings.base import RunTiming
from mindvideo.settings.fmri import CleanSettings, Selection
from mindvideo.stages import clean, select

SHAPE = (9, 10, 8)
GRID = Grid(np.array([[3.0, 0, 0, -7], [0, 3, 0, -9], [0, 0, 3, -6], [0, 0, 0, 1]]), SHAPE)
N = 24
SPACE = Space(GRID, np.random.default_rng(0).random(SHAPE) < 0.7)


def recording(seed: int, n: int = N) -> np.ndarray:
    """A run with a film's response in a tenth of the voxels, and a global fluctuation."""
    rng = np.random.default_rng(seed)
    film = np.random.default_rng(99).standard_normal((*SHAPE, n))
    mean = rng.uniform(500, 1500, (*SHAPE, 1))
    change = rng.standard_normal((*SHAPE, n)) + 0.4 * rng.standard_normal(n)
    change[0] += 4 * film[0]
    return mean * (1 + 0.02 * change)


@pytest.fixture
def folder(tmp_path):
    for name in ("regions", "networks"):
        path = tmp_path / f"{name}.nii.gz"
        labels = np.arange(len(SPACE)) % 17 + 1
        write_labels(path, labels, SPACE, name=name, names={})
    return tmp_path


def run_clean(folder, runs, segment="seg1", **settings):
    clean.main(
        runs=runs,
        regions=folder / "regions.nii.gz",
        cleaned=folder / f"{segment}.npy",
        tsnr=folder / f"{segment}_tsnr.nii.gz",
        alive=folder / f"{segment}_alive.npy",
        table=folder / f"{segment}_runs.tsv",
        settings=CleanSettings(
            tr=2,
            timing=[RunTiming(drop_start=0, drop_end=0)] * len(runs),
            n_volumes=N,
            detrend_order=2,
            **settings,
        ),
    )


def run_select(folder, segments):
    select.main(
        cleaned=[folder / f"{segment}.npy" for segment in segments],
        tables=[folder / f"{segment}_runs.tsv" for segment in segments],
        regions=folder / "regions.nii.gz",
        networks=folder / "networks.nii.gz",
        voxels=folder / "voxels.tsv",
        **{name: folder / f"{name}.nii.gz" for name in ("r", "z", "t", "p", "mask")},
        settings=Selection(correction="fdr_bh", alpha=0.2),
    )


def as_doubles(values, path):
    nib.save(nib.Nifti1Image(values, GRID.affine), path.with_suffix(""))
    return path.with_suffix("")


def as_bytes(values, path):
    step = values.max() / 255
    image = nib.Nifti1Image(np.round(values / step).astype(np.uint8), GRID.affine)
    image.header.set_slope_inter(step, 0)
    nib.save(image, path)
    return path


def scaled_on_a_rounded_grid(values, path):
    affine = GRID.affine.copy()
    affine[:3, 3] += 0.005
    nib.save(nib.Nifti2Image((values / values.mean() * 100).astype(np.float32), affine), path)
    return path


def denoised(values, path):
    rng = np.random.default_rng(1)
    noise = 0.5 * values.std(-1, keepdims=True) * rng.standard_normal(values.shape)
    nib.save(nib.Nifti1Image((values + noise).astype(np.float32), GRID.affine), path)
    return path


CONVERSIONS = [as_doubles, as_bytes, scaled_on_a_rounded_grid, denoised]


@pytest.mark.parametrize("save", CONVERSIONS)
@pytest.mark.parametrize("average", [False, True], ids=["training", "test"])
def test_a_converted_copy_is_not_a_second_repetition(folder, save, average):
    original = folder / "seg1_1.nii.gz"
    write_run(original, recording(0), GRID, 2, 0.01)
    copy = save(nib.load(original).get_fdata(), folder / "seg1_2.nii.gz")
    with pytest.raises(
        InputError, match=rf"seg1_1.nii.gz and {copy.name} are the same recording.*dataset.exclude"
    ):
        run_clean(folder, [original, copy], average=average)


def test_a_copy_whose_header_is_moved_by_a_voxel_lies_on_another_grid(folder):
    original, copy = folder / "seg1_1.nii.gz", folder / "seg1_2.nii.gz"
    write_run(original, recording(0), GRID, 2, 0.01)
    moved = GRID.affine @ nib.affines.from_matvec(np.eye(3), [1, 0, 0])
    write_run(copy, recording(0), Grid(moved, SHAPE), 2, 0.01)
    with pytest.raises(InputError, match=r"seg1_2.nii.gz is on another grid"):
        run_clean(folder, [original, copy])


def test_two_repetitions_of_one_film_are_no_copies(folder):
    runs = [folder / f"seg1_{repetition}.nii.gz" for repetition in (1, 2)]
    for seed, path in enumerate(runs):
        write_run(path, recording(seed), GRID, 2, 0.01)
    run_clean(folder, runs)
    assert pd.read_csv(folder / "seg1_runs.tsv", sep="\t")["near_constant"].tolist() == [0, 0]


@pytest.mark.parametrize("save", CONVERSIONS)
def test_one_run_under_two_segments(folder, save):
    for number in range(1, 8):
        runs = [folder / f"seg{number}_{repetition}.nii.gz" for repetition in (1, 2)]
        for repetition, path in enumerate(runs):
            write_run(path, recording(10 * number + repetition), GRID, 2, 0.01)
        if number == 7:
            save(nib.load(folder / "seg1_2.nii.gz").get_fdata(), runs[0])
            runs[0] = next(folder.glob("seg7_1.nii")) if save is as_doubles else runs[0]
        run_clean(folder, runs, f"seg{number}")
    sound = [f"seg{number}" for number in range(1, 7)]
    run_select(folder, sound)
    with pytest.raises(InputError, match=r"seg1_2.nii.gz and seg7_1.nii.* are the same recording"):
        run_select(folder, [*sound, "seg7"])


# --- pure functions -------------------------------------------------------------------------------


def test_the_median_over_all_voxels_decides():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((30, 200))
    runs = np.stack([signal + sd * rng.standard_normal((30, 200)) for sd in (0, 0.5, 2)])
    ((first, second, r),) = same_recordings(runs)
    expected = [np.corrcoef(runs[0][:, v], runs[1][:, v])[0, 1] for v in range(200)]
    assert (first, second, r) == (0, 1, pytest.approx(np.median(expected)))
    runs[1, :, 20:] = rng.standard_normal((30, 180))  # a tenth of the voxels agrees
    assert list(same_recordings(runs)) == []


def test_dead_voxels_are_ignored():
    runs = np.zeros((2, 30, 10))
    assert list(same_recordings(runs)) == []
    runs[:, :, 0] = np.random.default_rng(0).standard_normal(30)
    assert list(same_recordings(runs)) == [(0, 1, 1.0)]


def test_in_short_runs_only_equal_values_count():
    rng = np.random.default_rng(0)
    run = rng.standard_normal((8, 50))
    assert list(same_recordings(np.stack([run, run + 0.01 * rng.standard_normal(run.shape)]))) == []
    assert list(same_recordings(np.stack([run, run]))) == [(0, 1, 1.0)]


def test_signatures_multiply_to_the_mean_r_of_bright_voxels():
    rng = np.random.default_rng(0)
    runs = [1000 + 20 * rng.standard_normal(SIGNATURE) for _ in range(2)]
    runs.append(runs[0] + 10 * rng.standard_normal(SIGNATURE))
    for run in runs:
        run[:, 100:] = 10 * rng.random((SIGNATURE[0], 156))  # air
    basis = np.linalg.qr(np.vander(np.linspace(-1, 1, SIGNATURE[0]), 3))[0]
    rest = [run[:, :100] - basis @ (basis.T @ run[:, :100]) for run in runs]
    expected = np.mean([np.corrcoef(rest[0][:, v], rest[2][:, v])[0, 1] for v in range(100)])
    ((first, second, r),) = same_signatures([signature(run) for run in runs], chunk=2)
    assert (first, second) == (0, 2)
    assert r == pytest.approx(expected, abs=1e-3)


def test_each_copy_is_named_once_with_the_first():
    rng = np.random.default_rng(0)
    one, other = (1000 + 20 * rng.standard_normal(SIGNATURE) for _ in range(2))
    runs = [signature(run) for run in (one, other, one, other, one)]
    for chunk in (1, 2, 8):
        pairs = [pair[:2] for pair in same_signatures(runs, chunk)]
        assert pairs == [(0, 2), (1, 3), (0, 4)]


def test_a_run_without_information_has_no_signature():
    assert signature(np.ones(SIGNATURE)) is None
    assert signature(np.random.default_rng(0).random((3, 40))) is None
    assert signature(np.full(SIGNATURE, np.nan)) is None
