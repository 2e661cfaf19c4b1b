"""The chapter's stages one after the other on small files, from a film to windows."""

from __future__ import annotations

import logging
import tracemalloc

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mindvideo.demo.epi import head
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import area_of, hierarchy, labels_of
from mindvideo.fmri.copies import VOXELS
from mindvideo.fmri.repetitions import mean_of_repetitions
from mindvideo.io.runs import write_run
from mindvideo.settings.base import RunTiming
from mindvideo.settings.fmri import (
    CleanSettings,
    NullWindowSettings,
    RegionSettings,
    Selection,
    WindowSettings,
)
from mindvideo.stages import clean, null_window, regions, select, windows

TIMING = RunTiming(drop_start=1, drop_end=4)
N = {"seg1": 20, "seg2": 20, "seg10": 20, "seg3": 20, "test1": 12}
TRAIN = [name for name in N if name != "test1"]
SEEING = ("V1", "V2", "MT")


def clean_settings(segment: str, n_runs: int, **settings) -> CleanSettings:
    defaults = {"detrend_order": 2, "n_volumes": N[segment], "timing": [TIMING] * n_runs}
    return CleanSettings(tr=2, **defaults | settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs with reproducible responses in three areas; regions, cleaned runs."""
    folder = tmp_path_factory.mktemp("subject1")
    anatomy = head(6)
    brightness, grid = anatomy.brightness, anatomy.grid
    rng = np.random.default_rng(0)
    write_run(folder / "grid.nii.gz", brightness[..., None] * np.ones(2), grid, 2, 0.1)
    regions.main(
        run=folder / "grid.nii.gz",
        regions=folder / "regions.nii.gz",
        networks=folder / "networks.nii.gz",
        settings=RegionSettings(space="volume"),
    )
    labels = np.asarray(nib.load(folder / "regions.nii.gz").dataobj)
    sees = np.isin(labels, [label for area in SEEING for label in labels_of(area)])
    for segment, n in N.items():
        shape = (*grid.shape, n + 5)
        signal = 60 * rng.standard_normal(shape) * sees[..., None]
        runs = [folder / f"{segment}_{repetition}.nii.gz" for repetition in (1, 2)]
        for path in runs:
            write_run(path, 1000 + signal + 10 * rng.standard_normal(shape), grid, 2, 0.1)
        run_clean(folder, runs, folder, segment)
    return folder


def run_clean(folder, runs, out, segment, tables=None, **settings):
    clean.main(
        runs=runs,
        regions=folder / "regions.nii.gz",
        confounds=tables,
        cleaned=out / f"{segment}.npy",
        tsnr=out / f"{segment}_tsnr.nii.gz",
        alive=out / f"{segment}_alive.npy",
        table=out / f"{segment}_runs.tsv",
        settings=clean_settings(segment, len(runs), **settings),
    )
    return np.load(out / f"{segment}.npy")


def run_select(folder, out, **settings):
    select.main(
        cleaned=[folder / f"{segment}.npy" for segment in TRAIN],
        tables=[folder / f"{segment}_runs.tsv" for segment in TRAIN],
        regions=folder / "regions.nii.gz",
        networks=folder / "networks.nii.gz",
        voxels=out / "voxels.tsv",
        **{name: out / f"{name}.nii.gz" for name in ("r", "z", "t", "p", "mask")},
        settings=Selection(correction="fdr_bh", **settings),
    )
    return pd.read_csv(out / "voxels.tsv", sep="\t")


@pytest.fixture(scope="module")
def voxels(folder):
    return run_select(folder, folder)


def run_windows(folder, out, **settings):
    for name, segments in (("train", TRAIN), ("test", ["test1"])):
        cut_windows(folder, out / name, segments, **settings)
    null_window.main(
        windows=out / "train.npy", null_window=out / "null.npy", settings=NullWindowSettings()
    )
    return {name: np.load(out / f"{name}.npy") for name in ("train", "test", "null")}


def cut_windows(folder, out, segments, *, segment=None, repetitions="mean", **settings):
    windows.main(
        cleaned=[folder / f"{name}.npy" for name in segments],
        voxels=folder / "voxels.tsv",
        windows=out.with_suffix(".npy"),
        table=out.with_suffix(".tsv"),
        segment=segment,
        repetitions=repetitions,
        settings=WindowSettings(tr=2, seconds=2, **{"end": "repeat", "patch_size": 16} | settings),
    )
    return np.load(out.with_suffix(".npy")), pd.read_csv(out.with_suffix(".tsv"), sep="\t")


def test_cleaned_runs_are_trimmed_standard_scores(folder):
    cleaned = np.load(folder / "seg1.npy")
    n_cortex = int((np.asarray(nib.load(folder / "regions.nii.gz").dataobj) > 0).sum())
    assert cleaned.shape == (2, 20, n_cortex)
    assert cleaned.dtype == np.float32
    np.testing.assert_allclose(cleaned.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(cleaned.std(axis=1), 1, atol=1e-5)


def test_temporal_snr_is_that_of_the_volumes_kept_before_cleaning(folder):
    labels = np.asarray(nib.load(folder / "regions.nii.gz").dataobj)
    tsnr = nib.load(folder / "seg1_tsnr.nii.gz").get_fdata()
    assert not tsnr[labels == 0].any()
    kept = [nib.load(folder / f"seg1_{n}.nii.gz").get_fdata()[labels > 0][:, 1:-4] for n in (1, 2)]
    expected = np.mean([run.mean(axis=1) / run.std(axis=1, ddof=1) for run in kept], axis=0)
    np.testing.assert_allclose(tsnr[labels > 0], expected, rtol=1e-5)


def test_selected_voxels_are_those_of_the_responsive_areas(folder, voxels):
    assert voxels["area"].isin(SEEING).mean() > 0.95  # a false discovery rate of 5 % is allowed
    assert set(voxels["area"]) >= set(SEEING)
    assert (voxels["area"] == [area_of(label) for label in voxels["label"]]).all()
    ranks = [hierarchy().index(area) for area in voxels["area"]]
    assert ranks == sorted(ranks)
    labels = np.asarray(nib.load(folder / "regions.nii.gz").dataobj)
    assert (labels[labels > 0][voxels["column"]] == voxels["label"]).all()
    assert (labels[voxels["i"], voxels["j"], voxels["k"]] == voxels["label"]).all()


def test_maps_agree_with_the_table(folder, voxels):
    place = tuple(voxels[list("ijk")].to_numpy().T)
    for name in ("r", "t", "p"):
        values = nib.load(folder / f"{name}.nii.gz").get_fdata()[place]
        np.testing.assert_allclose(values, voxels[name], rtol=1e-4)
    mask = np.asarray(nib.load(folder / "mask.nii.gz").dataobj)
    assert mask.sum() == len(voxels)
    assert mask[place].all()
    z = nib.load(folder / "z.nii.gz").get_fdata()[place]
    np.testing.assert_allclose(np.tanh(z), voxels["r"], atol=1e-4)


def test_selection_in_some_areas_only(folder, tmp_path):
    assert set(run_select(folder, tmp_path, areas=["MT"])["area"]) == {"MT"}


def test_windows_are_means_of_repetitions_in_the_tables_order(folder, voxels, tmp_path):
    written = run_windows(folder, tmp_path)
    table = pd.read_csv(tmp_path / "train.tsv", sep="\t")
    n_padded = -(-len(voxels) // 16) * 16
    assert written["train"].shape == (80, 2, n_padded)
    assert written["test"].shape == (12, 2, n_padded)
    assert list(dict.fromkeys(table["segment"])) == TRAIN
    assert table["clip"].tolist() == 4 * list(range(20))
    row = table.query("segment == 'seg10' and clip == 19").index.item()
    expected = np.load(folder / "seg10.npy").mean(axis=0)[19, voxels["column"]]
    np.testing.assert_allclose(written["train"][row, :, : len(voxels)], [expected] * 2, atol=1e-6)
    assert not written["train"][..., len(voxels) :].any()
    np.testing.assert_allclose(written["null"], written["train"].mean(axis=0), atol=1e-6)


def test_the_null_window_is_the_mean_window(folder, voxels, tmp_path):
    written = run_windows(folder, tmp_path)
    expected = written["train"].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(written["null"], expected, atol=1e-6)
    assert written["null"].dtype == np.float32


@pytest.mark.parametrize("shuffle", [False, True])
def test_windows_of_one_segment_are_those_among_all(folder, voxels, tmp_path, shuffle):
    every, table = cut_windows(folder, tmp_path / "all", TRAIN, shuffle=shuffle)
    given = TRAIN if shuffle else ["seg2"]
    of_segment, clips = cut_windows(
        folder, tmp_path / "own", given, segment="seg2", shuffle=shuffle
    )
    np.testing.assert_array_equal(of_segment, every[table["segment"] == "seg2"])
    assert clips["segment"].tolist() == ["seg2"] * 20
    assert clips["clip"].tolist() == list(range(20))


@pytest.mark.parametrize("shuffle", [False, True])
def test_windows_of_repetitions_have_the_windows_as_their_mean(folder, voxels, tmp_path, shuffle):
    mean, table = cut_windows(folder, tmp_path / "mean", TRAIN, shuffle=shuffle)
    separate, clips = cut_windows(
        folder, tmp_path / "separate", TRAIN, shuffle=shuffle, repetitions="separate"
    )
    assert separate.shape == (len(mean), 2, *mean.shape[1:])
    np.testing.assert_allclose(separate.mean(axis=1), mean, atol=1e-6)
    assert (separate[:, 0] != separate[:, 1]).any()
    pd.testing.assert_frame_equal(clips, table)


def test_a_segment_with_fewer_repetitions_has_one_of_them_twice(folder, voxels, tmp_path):
    for segment in TRAIN:
        runs = np.load(folder / f"{segment}.npy")
        np.save(tmp_path / f"{segment}.npy", runs[:1] if segment == TRAIN[1] else runs)
    (tmp_path / "voxels.tsv").write_bytes((folder / "voxels.tsv").read_bytes())
    separate, clips = cut_windows(tmp_path, tmp_path / "all", TRAIN, repetitions="separate")
    once = (separate[:, 0] == separate[:, 1]).all(axis=(1, 2))
    assert once.tolist() == (clips["segment"] == TRAIN[1]).tolist()


def test_repetitions_are_averaged_or_separate(folder, voxels, tmp_path):
    with pytest.raises(InputError, match="--repetitions each: expected mean or separate"):
        cut_windows(folder, tmp_path / "own", TRAIN, repetitions="each")


def test_windows_of_a_segment_that_is_not_given(folder, voxels, tmp_path):
    with pytest.raises(InputError, match="no windows of segment seg2, only of seg1"):
        cut_windows(folder, tmp_path / "own", ["seg1"], segment="seg2")


def test_windows_of_any_size_repeat_the_last_volume(folder, voxels, tmp_path):
    plain = run_windows(folder, tmp_path, size=1)["train"][:, 0].reshape(4, 20, -1)
    late = run_windows(folder, tmp_path, size=3)["train"].reshape(4, 20, 3, -1)
    for start in range(20):
        for place in range(3):
            volume = min(start + place, 19)  # clamped at the segment's end
            np.testing.assert_array_equal(late[:, start, place], plain[:, volume])


def test_windows_have_the_volumes_recorded_after_the_film(folder, voxels, tmp_path):
    """20 clips and 4 volumes after them: a lag of 2 and windows of 3 fit without a repetition."""
    (tmp_path / "voxels.tsv").write_bytes((folder / "voxels.tsv").read_bytes())
    for segment in TRAIN:
        runs = [folder / f"{segment}_{repetition}.nii.gz" for repetition in (1, 2)]
        later = [RunTiming(drop_start=3, drop_end=0)] * 2
        shifted = run_clean(folder, runs, tmp_path, segment, n_volumes=22, timing=later)
        kept = run_clean(folder, runs, tmp_path, segment, n_volumes=22, lag=2)
        np.testing.assert_array_equal(kept, shifted)
    late, clips = cut_windows(tmp_path, tmp_path / "train", TRAIN, size=3, end="recorded")
    assert late.shape[:2] == (80, 3)
    means = [np.load(tmp_path / f"{segment}.npy").mean(axis=0) for segment in TRAIN]
    volumes = np.stack(means)[:, :, voxels["column"]]
    for row, (segment, clip) in clips.iterrows():
        expected = volumes[TRAIN.index(segment), clip : clip + 3]
        np.testing.assert_allclose(late[row, :, : len(voxels)], expected, atol=1e-6)


def test_shuffling_moves_windows_and_not_the_table(folder, voxels, tmp_path):
    (tmp_path / "plain").mkdir()
    plain = run_windows(folder, tmp_path / "plain")
    shuffled = run_windows(folder, tmp_path, shuffle=True)
    assert (tmp_path / "train.tsv").read_text() == (tmp_path / "plain/train.tsv").read_text()
    for split in ("train", "test"):
        assert not (plain[split] == shuffled[split]).all(axis=(1, 2)).any()
        np.testing.assert_array_equal(np.sort(plain[split], axis=0), np.sort(shuffled[split], 0))


def test_dead_voxels_are_counted_in_the_log(folder, tmp_path, caplog):
    image = nib.load(folder / "seg1_1.nii.gz")
    run = np.asarray(image.dataobj)
    labels = np.asarray(nib.load(folder / "regions.nii.gz").dataobj)
    run[tuple(np.argwhere(labels > 0)[:3].T)] = 7
    nib.save(nib.Nifti1Image(run.astype(np.float32), image.affine), tmp_path / "seg1_1.nii.gz")
    with caplog.at_level(logging.WARNING):
        run_clean(folder, [tmp_path / "seg1_1.nii.gz"], tmp_path, "seg1")
    assert f"seg1_1.nii.gz: 3 of {(labels > 0).sum()} voxels" in caplog.text
    assert not np.load(tmp_path / "seg1.npy")[0, :, :3].any()
    table = pd.read_csv(tmp_path / "seg1_runs.tsv", sep="\t").iloc[0]
    assert (table["run"], table["constant"], table["not_finite"]) == ("seg1_1.nii.gz", 3, 0)
    assert table["voxels"] == (labels > 0).sum()


@pytest.mark.parametrize("constant", [0, 7])
def test_a_run_in_which_nothing_varies_is_refused(folder, tmp_path, constant):
    image = nib.load(folder / "seg1_1.nii.gz")
    values = np.full(image.shape, constant, np.float32)
    nib.save(nib.Nifti1Image(values, image.affine), tmp_path / "seg1_1.nii.gz")
    with pytest.raises(InputError, match=r"seg1_1.nii.gz: none of its \d+ voxels varies"):
        run_clean(folder, [tmp_path / "seg1_1.nii.gz"], tmp_path, "seg1")


def test_runs_of_another_subject(folder, tmp_path):
    np.save(tmp_path / "seg2.npy", np.zeros((2, 20, 7), np.float32))
    with pytest.raises(InputError, match=r"seg2.npy has 7 voxels, but the regions"):
        run_select_of(folder, tmp_path, [tmp_path / "seg2.npy"])


def test_swapped_runs_are_named(folder, tmp_path, caplog):
    for one, other in (("seg2", "seg10"), ("seg10", "seg2")):
        np.save(
            tmp_path / f"{one}.npy",
            np.stack([np.load(folder / f"{one}.npy")[0], np.load(folder / f"{other}.npy")[1]]),
        )
    for name in ("seg1", "seg3"):  # two more segments that agree: the same runs, out of time
        np.save(tmp_path / f"{name}.npy", np.roll(np.load(folder / f"{name}.npy"), 7, axis=1))
    paths = [where / f"{name}.npy" for where in (folder, tmp_path) for name in ("seg1", "seg3")]
    paths += [tmp_path / "seg2.npy", tmp_path / "seg10.npy"]
    with caplog.at_level(logging.WARNING):
        run_select_of(folder, tmp_path, paths)
    assert "seg2: its repetitions hardly correlate" in caplog.text
    assert "seg2_1.nii.gz and seg10_2.nii.gz agree" in caplog.text
    assert "seg2_2.nii.gz and seg10_1.nii.gz agree" in caplog.text
    assert "seg1" not in caplog.text.replace("seg10", "")


def test_repetitions_of_a_test_segment_are_averaged_where_they_are_alive(folder, tmp_path):
    image = nib.load(folder / "test1_2.nii.gz")
    run = image.get_fdata()
    labels = np.asarray(nib.load(folder / "regions.nii.gz").dataobj)
    run[tuple(np.argwhere(labels > 0)[7])] = 7
    nib.save(nib.Nifti1Image(run.astype(np.float32), image.affine), tmp_path / "test1_2.nii.gz")
    runs = [folder / "test1_1.nii.gz", tmp_path / "test1_2.nii.gz"]
    single = run_clean(folder, runs, tmp_path, "test1")
    mean = run_clean(folder, runs, tmp_path, "test1", average=True)
    assert mean.shape == (1, 12, single.shape[2])
    np.testing.assert_allclose(mean[0, :, 7], single[0, :, 7])
    others = np.delete(np.arange(single.shape[2]), 7)
    np.testing.assert_allclose(mean[0][:, others], single.mean(axis=0)[:, others], atol=1e-6)


def test_a_run_of_broken_voxels_is_an_error(folder, tmp_path):
    image = nib.load(folder / "seg1_1.nii.gz")
    run = image.get_fdata().astype(np.float32)
    run[..., 5] = np.inf
    nib.save(nib.Nifti1Image(run, image.affine), tmp_path / "seg1_1.nii.gz")
    with pytest.raises(InputError, match=r"seg1_1.nii.gz: (\d+) of \1 voxels .*not finite"):
        run_clean(folder, [tmp_path / "seg1_1.nii.gz"], tmp_path, "seg1")


def test_memory_does_not_grow_with_the_number_of_runs(folder, tmp_path):
    def peak(runs):
        tracemalloc.start()
        run_clean(folder, runs, tmp_path, "test1", average=True)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    anatomy, rng = head(6), np.random.default_rng(0)
    runs = [tmp_path / f"test1_{repetition}.nii.gz" for repetition in range(1, 11)]
    for path in runs:
        values = anatomy.brightness[..., None] + 10 * rng.standard_normal(17)
        write_run(path, values, anatomy.grid, 2, 0.1)
    peak(runs[:2])  # what is only loaded once
    compared = 8 * 12 * VOXELS * 4  # bytes of the other runs' voxels that are compared
    assert peak(runs) - peak(runs[:2]) < 1.3 * compared


def test_smoothing_reaches_the_runs(folder, tmp_path):
    rough = np.load(folder / "seg1.npy")[0]
    smooth = run_clean(folder, [folder / "seg1_1.nii.gz"], tmp_path, "seg1", smooth=12.0)[0]
    step = [np.abs(np.diff(values, axis=1)).mean() for values in (rough, smooth)]
    assert step[1] < 0.8 * step[0]


def test_confounds_without_tables_are_an_error(folder, tmp_path):
    with pytest.raises(InputError, match=r"clean.confounds .*dataset.confounds"):
        run_clean(folder, [folder / "seg1_1.nii.gz"], tmp_path, "seg1", confounds=["motion6"])


def test_confounds_are_trimmed_like_their_run_and_regressed_out(folder, tmp_path):
    table = tmp_path / "confounds.tsv"
    trend = np.random.default_rng(3).normal(size=25)
    pd.DataFrame({"breathing": trend}).to_csv(table, sep="\t", index=False)
    settings = clean_settings("seg1", 1, confounds=["breathing"])
    out = {"cleaned": "seg1.npy", "tsnr": "seg1_tsnr.nii.gz", "table": "seg1_runs.tsv"}
    out["alive"] = "seg1_alive.npy"
    clean.main(
        runs=[folder / "seg1_1.nii.gz"],
        regions=folder / "regions.nii.gz",
        confounds=[table],
        **{name: tmp_path / file for name, file in out.items()},
        settings=settings,
    )
    cleaned = np.load(tmp_path / "seg1.npy")[0]
    assert np.abs(trend[1:-4] @ cleaned).max() < 1e-3
    assert np.abs(trend[1:-4] @ np.load(folder / "seg1.npy")[0]).max() > 1


def test_censored_volumes_leave_the_fit_and_are_counted(folder, tmp_path):
    """Displacement of 1 mm in volume 5 of the first run, which is volume 4 of those kept."""
    runs = [folder / f"seg1_{n}.nii.gz" for n in (1, 2)]
    tables = [tmp_path / f"{n}.tsv" for n in (1, 2)]
    for table, moved in zip(tables, (5, 0), strict=True):
        displacement = np.where(np.arange(25) == moved, 1.0, 0.1)
        pd.DataFrame({"framewise_displacement": displacement}).to_csv(table, sep="\t", index=False)
    labels = np.asarray(nib.load(folder / "regions.nii.gz").dataobj)
    order = np.arange(20) != 4
    drift = np.polynomial.polynomial.polyvander(np.arange(20), 2)[order]
    values = nib.load(runs[0]).get_fdata()[labels > 0][:, 1:-4].T[order]
    rest = values - drift @ np.linalg.lstsq(drift, values, rcond=None)[0]
    expected = rest / rest.std(axis=0)
    every = np.load(folder / "seg1.npy")
    for censored in ("mask", "interpolate"):
        settings = {"censor": {"fd": 0.5}, "censored": censored}
        cleaned = run_clean(folder, runs, tmp_path, "seg1", tables, **settings)
        np.testing.assert_allclose(cleaned[0][order], expected, atol=1e-4)
        assert cleaned[0, 4].any() == (censored == "interpolate")
        np.testing.assert_array_equal(cleaned[1], every[1])  # volume 0 is dropped anyway
        rows = pd.read_csv(tmp_path / "seg1_runs.tsv", sep="\t")
        assert rows["censored"].tolist() == [1, 0]
        mean = run_clean(folder, runs, tmp_path, "seg1", tables, average=True, **settings)[0]
        n = 2 - (censored == "mask") * ~order[:, None]
        np.testing.assert_allclose(mean, cleaned.sum(axis=0) / n, atol=1e-6)
        np.testing.assert_allclose(mean, mean_of_repetitions(cleaned), atol=1e-6)
    assert "censored" not in pd.read_csv(folder / "seg1_runs.tsv", sep="\t")


def test_too_many_censored_volumes_name_the_run_and_the_numbers(folder, tmp_path):
    table = tmp_path / "moving.tsv"
    pd.DataFrame({"framewise_displacement": [0.1] * 13 + [1.0] * 12}).to_csv(
        table, sep="\t", index=False
    )
    with pytest.raises(
        InputError,
        match=r"moving.tsv: 8 of 20 volumes are censored \(clean.censor\). 12 volumes are too few "
        r"to regress out 3 regressors .*: at least 13 are needed.*dataset.exclude",
    ):
        run_clean(folder, [folder / "seg1_1.nii.gz"], tmp_path, "seg1", [table], censor={"fd": 0.5})
    with pytest.raises(InputError, match=r"clean.censor needs a table of confounds"):
        run_clean(folder, [folder / "seg1_1.nii.gz"], tmp_path, "seg1", censor={"fd": 0.5})


def run_select_of(folder, out, cleaned):
    select.main(
        cleaned=cleaned,
        tables=[folder / f"{path.stem}_runs.tsv" for path in cleaned],
        regions=folder / "regions.nii.gz",
        networks=folder / "networks.nii.gz",
        voxels=out / "voxels.tsv",
        **{name: out / f"{name}.nii.gz" for name in ("r", "z", "t", "p", "mask")},
        settings=Selection(),
    )
