"""The same stages on CIFTI runs, on masked volumes and on volumes in native space."""

from __future__ import annotations

import logging
from functools import cache

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.cifti2 import BrainModelAxis, SeriesAxis

from mindvideo.demo.rest import layout
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import (
    N_GRAYORDINATES,
    N_LEFT,
    N_RIGHT,
    NO_AREA,
    grayordinate_labels,
    grayordinate_networks,
    grayordinates,
    labels_of,
)
from mindvideo.io.cifti import save_dense, write_dtseries
from mindvideo.io.maps import read_labels, read_map, write_map
from mindvideo.io.runs import write_run
from mindvideo.io.spaces import Grayordinates, Grid, Space
from mindvideo.settings.base import RunTiming
from mindvideo.settings.fmri import (
    CleanSettings,
    RegionSettings,
    SampleSettings,
    Selection,
    WindowSettings,
)
from mindvideo.stages import clean, regions, samples, select, windows

N_CORTEX = N_LEFT + N_RIGHT
N_KEPT = 8
SEGMENTS = ("seg1", "seg2", "seg3", "seg4", "test1")
SEEING = grayordinates(["V1", "V2", "MT"])


@cache
def brain() -> Grayordinates:
    return Grayordinates(layout())


def cifti_run(path, seed, signal):
    run = np.random.default_rng(seed).standard_normal((N_KEPT + 3, N_GRAYORDINATES), np.float32)
    run[:, SEEING] += 4 * signal
    run[:, 30_000] = 5  # a constant grayordinate
    values = 1000 + 10 * run
    values[:, 20_000] = 1e-6 * run[:, 20_000]  # one outside the brain mask
    save_dense(path, values, SeriesAxis(0, 2.0, len(run)), brain())


def run_regions(folder, run, space, *masks, **settings):
    end = ".nii.gz" if space == "volume" else ".dlabel.nii"
    out = {name: folder / (name + end) for name in ("regions", "networks")}
    settings = RegionSettings(space=space, **settings)
    regions.main(run=run, masks=list(masks), settings=settings, **out)
    return out["regions"], out["networks"]


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """A subject's CIFTI runs through all stages."""
    folder = tmp_path_factory.mktemp("cifti")
    timing = [RunTiming(drop_start=1, drop_end=2)] * 2
    settings = CleanSettings(tr=2, timing=timing, n_volumes=N_KEPT, detrend_order=1)
    for number, segment in enumerate(SEGMENTS):
        signal = np.random.default_rng(number).standard_normal((N_KEPT + 3, len(SEEING)))
        runs = [folder / f"{segment}_{repetition}_Atlas.dtseries.nii" for repetition in (1, 2)]
        for repetition, path in enumerate(runs):
            cifti_run(path, 10 * number + repetition + 100, signal)
        if number == 0:
            run_regions(folder, runs[0], "cifti")
        clean.main(
            runs=runs,
            regions=folder / "regions.dlabel.nii",
            cleaned=folder / f"{segment}.npy",
            tsnr=folder / f"{segment}_tsnr.dscalar.nii",
            alive=folder / f"{segment}_alive.npy",
            table=folder / f"{segment}_runs.tsv",
            settings=settings,
        )
    select.main(
        cleaned=[folder / f"{segment}.npy" for segment in SEGMENTS[:-1]],
        tables=[folder / f"{segment}_runs.tsv" for segment in SEGMENTS[:-1]],
        regions=folder / "regions.dlabel.nii",
        networks=folder / "networks.dlabel.nii",
        voxels=folder / "voxels.tsv",
        **{name: folder / f"{name}.dscalar.nii" for name in ("r", "z", "t", "p", "mask")},
        settings=Selection(correction="fdr_bh", alpha=0.05),
    )
    windows.main(
        cleaned=[folder / f"{segment}.npy" for segment in SEGMENTS[:-1]],
        voxels=folder / "voxels.tsv",
        windows=folder / "train.npy",
        table=folder / "train.tsv",
        settings=WindowSettings(tr=2, seconds=2, end="repeat", patch_size=16),
    )
    return folder


def test_cifti_runs_go_through_the_stages_of_volumes(subject):
    cleaned = np.load(subject / "seg1.npy")
    assert cleaned.shape == (2, N_KEPT, N_CORTEX)
    table = pd.read_csv(subject / "seg1_runs.tsv", sep="\t")
    assert table["constant"].tolist() == [1, 1]
    assert table["near_constant"].tolist() == [1, 1]
    assert not cleaned[:, :, [20_000, 30_000]].any()
    voxels = pd.read_csv(subject / "voxels.tsv", sep="\t")
    assert voxels["area"].isin(["V1", "V2", "MT"]).mean() > 0.9
    assert voxels["area"].iloc[0] == "V1"
    assert (voxels["grayordinate"] == voxels["column"]).all()  # all of the cortex is taken
    assert set(voxels["structure"]) == {"CORTEX_LEFT", "CORTEX_RIGHT"}
    networks = grayordinate_networks()[voxels["grayordinate"]]
    np.testing.assert_array_equal(voxels["network"], networks)
    train = np.load(subject / "train.npy")
    assert train.shape == (4 * N_KEPT, 2, -(-len(voxels) // 16) * 16)
    expected = cleaned.mean(axis=0)[3, voxels["column"]]
    np.testing.assert_allclose(train[3, 0, : len(voxels)], expected, atol=1e-6)


def test_cifti_maps_cover_the_grayordinates_of_the_runs(subject):
    for name in ("r", "z", "t", "p", "mask"):
        values, grid = read_map(subject / f"{name}.dscalar.nii")
        assert values.shape == (N_GRAYORDINATES,)
        assert grid.same(brain())
    r = read_map(subject / "r.dscalar.nii")[0]
    assert r[SEEING].mean() > 0.5
    assert not r[N_CORTEX:].any()
    p = read_map(subject / "p.dscalar.nii")[0]
    for dead in (20_000, 30_000):
        assert (r[dead], p[dead]) == (0, 1)
    areas = nib.load(subject / "regions.dlabel.nii")
    assert areas.header.get_axis(0).label[0][1][0] == "L_V1"
    np.testing.assert_array_equal(
        np.asarray(areas.dataobj)[0, :N_CORTEX], grayordinate_labels()[:N_CORTEX]
    )


def test_all_grayordinates_when_requested(subject, tmp_path):
    paths = run_regions(
        tmp_path, subject / "seg1_1_Atlas.dtseries.nii", "cifti", grayordinates="all"
    )
    labels, space = read_labels(paths[0])
    assert len(space) == N_GRAYORDINATES
    assert (labels[N_CORTEX:] == NO_AREA).all()
    assert not read_map(paths[1])[0][N_CORTEX:].any()


def test_another_mesh_is_reported_at_once(tmp_path):
    models = BrainModelAxis.from_surface(np.arange(50), 100, "CIFTI_STRUCTURE_CORTEX_LEFT")
    write_dtseries(tmp_path / "run.dtseries.nii", np.zeros((4, 50)), models, 2.0)
    with pytest.raises(InputError, match=r"50 grayordinates, 50 \+ 0 .*cifti-output 91k"):
        run_regions(tmp_path, tmp_path / "run.dtseries.nii", "cifti")


def test_the_configurations_space_must_be_that_of_the_files(subject, tmp_path):
    with pytest.raises(InputError, match=r"dataset.space: cifti"):
        run_regions(tmp_path, subject / "seg1_1_Atlas.dtseries.nii", "volume")
    volume_run(tmp_path / "run.nii.gz")
    with pytest.raises(InputError, match=r"dataset.space: volume"):
        run_regions(tmp_path, tmp_path / "run.nii.gz", "cifti")


GRID = Grid(nib.affines.from_matvec(np.eye(3) * 8, (-80, -116, -76)), (21, 25, 22))


def volume_run(path, n=3):
    write_run(path, np.random.default_rng(0).normal(100, 5, (*GRID.shape, n)), GRID, 2, 0.1)


def brain_mask(path, shape=GRID.shape):
    mask = np.zeros(shape, bool)
    mask[4:-4, :12, 4:-4] = True
    write_map(path, np.ones(mask.sum(), bool), Space(Grid(GRID.affine, shape), mask), name="brain")
    return mask


def test_a_mask_limits_the_cortex_of_a_volume(tmp_path):
    volume_run(tmp_path / "run.nii.gz")
    mask = brain_mask(tmp_path / "mask.nii.gz")
    whole, _ = run_regions(tmp_path, tmp_path / "run.nii.gz", "volume")
    areas = read_map(whole)[0]
    masked, networks = run_regions(
        tmp_path, tmp_path / "run.nii.gz", "volume", tmp_path / "mask.nii.gz"
    )
    np.testing.assert_array_equal(read_map(masked)[0], np.where(mask, areas, 0))
    projected = read_map(networks)[0]
    assert set(np.unique(projected[(areas > 0) & mask])) <= set(range(18))
    v1 = np.isin(areas, labels_of("V1")) & mask
    assert np.bincount(projected[v1]).argmax() in (1, 2)  # the visual networks


def test_native_volumes_take_the_mask_and_know_no_area(tmp_path):
    volume_run(tmp_path / "run.nii.gz")
    mask = brain_mask(tmp_path / "mask.nii.gz")
    path, _ = run_regions(
        tmp_path, tmp_path / "run.nii.gz", "volume", tmp_path / "mask.nii.gz", atlas=False
    )
    labels, space = read_labels(path)
    assert (labels == NO_AREA).all()
    np.testing.assert_array_equal(space.mask, mask)
    assert not space.grid.mni
    with pytest.raises(InputError, match=r"there is none: set dataset.mask"):
        run_regions(tmp_path, tmp_path / "run.nii.gz", "volume", atlas=False)


def test_voxels_are_those_in_the_masks_of_all_runs(tmp_path, caplog):
    volume_run(tmp_path / "run.nii.gz")
    mask = brain_mask(tmp_path / "mask.nii.gz")
    cut = mask.copy()
    cut[:, :, : GRID.shape[2] // 2] = False
    other = Space(GRID, cut)
    write_map(tmp_path / "cut.nii.gz", np.ones(len(other), bool), other, name="brain")
    masks = tmp_path / "cut.nii.gz", tmp_path / "mask.nii.gz"
    for atlas in (True, False):
        whole, _ = run_regions(tmp_path, tmp_path / "run.nii.gz", "volume", masks[1], atlas=atlas)
        expected = read_labels(whole)[1].mask & cut
        with caplog.at_level(logging.INFO):
            both, _ = run_regions(tmp_path, tmp_path / "run.nii.gz", "volume", *masks, atlas=atlas)
        np.testing.assert_array_equal(read_labels(both)[1].mask, expected)
        assert 0 < expected.sum() < mask.sum()
    assert f"{cut.sum()} voxels are in all of 2 brain masks" in caplog.text


def test_a_mask_elsewhere(tmp_path):
    volume_run(tmp_path / "run.nii.gz")
    path = tmp_path / "mask.nii.gz"
    corner = np.zeros(GRID.shape, bool)
    corner[0, 0, 0] = True
    write_map(path, np.ones(1, bool), Space(GRID, corner), name="brain")
    with pytest.raises(InputError, match="no voxel of this mask is near the cortex"):
        run_regions(tmp_path, tmp_path / "run.nii.gz", "volume", path)


def test_samples_of_all_runs_of_a_subject_and_their_index(subject, tmp_path):
    runs = [subject / f"seg{n}_1_Atlas.dtseries.nii" for n in (1, 2)]
    settings = SampleSettings(tr=2, seconds=8, patch_size=16)
    samples.main(runs=runs, samples=tmp_path / "s.npy", index=tmp_path / "s.tsv", settings=settings)
    written = np.load(tmp_path / "s.npy", mmap_mode="r")
    index = pd.read_csv(tmp_path / "s.tsv", sep="\t")
    assert written.shape == (4, 4192)
    assert index["run"].tolist() == ["seg1_1_Atlas"] * 2 + ["seg2_1_Atlas"] * 2
    assert index["seconds"].tolist() == [0, 8, 0, 8]
    early = nib.load(runs[1]).get_fdata()[:, grayordinates(["V1", "V2", "V3", "V4"])]
    means = (early - early.mean(axis=0))[:8].reshape(2, 4, -1).mean(axis=1)
    expected = (means - means.mean()) / means.std()
    np.testing.assert_allclose(written[2:, :4183], expected, atol=1e-4)
    assert not written[:, 4183:].any()


def test_grayordinates_outside_the_mask_are_zero_in_samples_and_counted(tmp_path, caplog):
    columns = grayordinates(["V1", "V2", "V3", "V4"])
    rng = np.random.default_rng(0)
    run = rng.normal(1e4, 50, (12, N_GRAYORDINATES)).astype(np.float32)
    run[:, columns[:7]] = 1e-6 * rng.standard_normal((12, 7))
    save_dense(tmp_path / "run.dtseries.nii", run, SeriesAxis(0, 2.0, 12), brain())
    settings = SampleSettings(tr=2, seconds=4, patch_size=16)
    with caplog.at_level("WARNING"):
        samples.main(
            runs=[tmp_path / "run.dtseries.nii"],
            samples=tmp_path / "s.npy",
            index=tmp_path / "s.tsv",
            settings=settings,
        )
    assert "run.dtseries.nii: 7 of 4183 grayordinates nearly constant" in caplog.text
    written = np.load(tmp_path / "s.npy")
    assert len(np.unique(written[:, :7])) == 1  # all have the value of no change
    assert np.abs(written[:, :7]).max() < 0.02
    assert written[:, 7:4183].std() == pytest.approx(1, rel=0.01)


def test_a_run_shorter_than_a_sample(subject, tmp_path):
    with pytest.raises(InputError, match="11 volumes, but one sample averages 20"):
        samples.main(
            runs=[subject / "seg1_1_Atlas.dtseries.nii"],
            samples=tmp_path / "s.npy",
            index=tmp_path / "s.tsv",
            settings=SampleSettings(tr=2, seconds=40, patch_size=16),
        )
