"""Signals whose time is known: windows and cleaned runs have the values of the right times."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from mindvideo.clip_times import ClipTimes, trim
from mindvideo.config import check_config
from mindvideo.errors import InputError
from mindvideo.facts import settings_of
from mindvideo.fmri.cleaning import standardise
from mindvideo.fmri.repetitions import mean_of_repetitions
from mindvideo.fmri.windows import cut
from mindvideo.io.maps import write_labels
from mindvideo.io.runs import write_run
from mindvideo.io.spaces import Grid, Space
from mindvideo.settings.base import RunTiming
from mindvideo.settings.fmri import CleanSettings, WindowSettings
from mindvideo.stages import clean, windows
from tests.checks.few import values

GRID = Grid(np.diag([3.0, 3, 3, 1]), (4, 4, 4))
SPACE = Space(GRID, np.ones(GRID.shape, bool))
SEEING = 24
"""Number of voxels that follow the film; all others are noise."""
PERIODS = np.linspace(12, 30, SEEING)
"""Of these voxels [s]: slow, as BOLD signals are."""


def signal(times):
    """Values of the voxels that follow the film at its times [s], (n_times, SEEING)."""
    return np.sin(2 * np.pi * np.asarray(times)[:, None] / PERIODS + np.arange(SEEING))


def write_film(path, onset, n_volumes, tr):
    """A run in which a film starts `onset` seconds after the run."""
    values = np.random.default_rng([ord(x) for x in path.name]).normal(size=(n_volumes, len(SPACE)))
    values[:, :SEEING] = signal(np.arange(n_volumes) * tr - onset)
    write_values(path, 1000 + 100 * values, tr)


def write_values(path, values, tr):
    """A run with these values, (n_volumes, n_voxels)."""
    write_run(path, values.T.reshape(*GRID.shape, -1), GRID, tr, step=0.05)


@pytest.fixture
def folder(tmp_path):
    labels = np.ones(len(SPACE), int)
    write_labels(tmp_path / "regions.nii.gz", labels, SPACE, name="regions", names={})
    return tmp_path


def run_clean(folder, runs, settings, events=None, name="seg1"):
    clean.main(
        runs=runs,
        regions=folder / "regions.nii.gz",
        events=events,
        cleaned=folder / f"{name}.npy",
        alive=folder / f"{name}_alive.npy",
        tsnr=folder / f"{name}_tsnr.nii.gz",
        table=folder / f"{name}_runs.tsv",
        settings=settings,
    )
    return np.load(folder / f"{name}.npy")


def run_windows(folder, settings, name="seg1"):
    voxels = pd.DataFrame({"column": range(len(SPACE))})
    voxels.to_csv(folder / "voxels.tsv", sep="\t", index=False)
    windows.main(
        cleaned=[folder / f"{name}.npy"],
        voxels=folder / "voxels.tsv",
        windows=folder / f"{name}_windows.npy",
        table=folder / f"{name}_windows.tsv",
        settings=settings,
    )
    return np.load(folder / f"{name}_windows.npy")


def correlations(one, two):
    """Of each voxel between two cleaned runs, which are z-scores."""
    return (one * two).mean(axis=0)


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tr", [1.5, 0.8])
@pytest.mark.parametrize("seconds", [2.0, 1.49])
@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
def test_windows_have_the_values_of_their_clips_times(tr, seconds, interpolation):
    n_clips, size = 40, 3
    times = ClipTimes(tr, seconds, size, interpolation)
    n = times.n_kept(n_clips)
    assert times.n_clips(n_clips, n) == n_clips
    assert times.n_clips(n_clips, n - 1) == n_clips - 1
    recorded = np.arange(n) * tr
    volumes = np.column_stack([recorded, signal(recorded)])
    result = cut(volumes, times, n_clips)
    expected = (np.arange(n_clips) * seconds)[:, None] + np.arange(size) * tr
    if interpolation == "nearest":
        assert np.abs(result[..., 0] - expected).max() <= tr / 2 + 1e-5
        assert np.isin(result[..., 0], recorded).all()
        expected = result[..., 0]
    np.testing.assert_allclose(result[..., 0], expected, atol=1e-5)
    error = result[..., 1:] - signal(expected.ravel()).reshape(n_clips, size, -1)
    # Of a straight line: at most step² / 8 times the second derivative; of a spline: less.
    most = {"nearest": 1e-9, "linear": (2 * np.pi * tr / PERIODS) ** 2 / 8, "cubic": 0.02}
    assert (np.abs(error).max(axis=(0, 1)) <= most[interpolation] + 1e-5).all()
    if interpolation == "cubic":
        inside = slice(2, -2)  # a spline is less exact at its ends
        assert np.abs(error[inside]).max() < 0.005


def test_clips_as_long_as_a_volume_have_the_volumes_themselves():
    volumes = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    for interpolation in ("nearest", "linear", "cubic"):
        times = ClipTimes(0.8, 0.8, 2, interpolation)
        expected = np.stack([volumes[:11], volumes[1:]], axis=1)
        np.testing.assert_array_equal(cut(volumes, times, 11), expected)


def test_sixty_clips_in_sixty_four_volumes():
    """Volumes recorded after the film: no window is another's, and each has its own volumes."""
    after = {"timing": {"default": {"drop_start": 0, "drop_end": 4}}, "lag": 3}
    config = check_config(values(dataset=after), "test")
    stages = config.stages()
    of = {"segment": "s1", "owner": "a"}
    cleaning = settings_of(CleanSettings, config, stages, **of)
    cutting = settings_of(WindowSettings, config, stages, **of)
    assert (config.dataset.n_clips("s1"), config.dataset.left_out("s1")) == (60, 0)
    assert (cleaning.lag, cleaning.n_volumes, cleaning.n_volumes_of_film) == (3, 61, 60)
    kept = trim(cleaning.lag, cleaning.n_volumes, "nearest")
    recorded = np.arange(64)[:, None]
    result = cut(recorded[kept.start : kept.start + kept.n_read], cutting.times, 60)[..., 0]
    np.testing.assert_array_equal(result, np.arange(60)[:, None] + [3, 4])
    assert len(np.unique(result, axis=0)) == 60


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_repeated_volumes_are_those_of_the_released_code(size):
    volumes = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    expected = []
    for clip in range(len(volumes)):
        window = []
        for place in range(size):
            window.append(volumes[min(clip + place, len(volumes) - 1)])
        expected.append(window)
    times = ClipTimes(2.0, 2.0, size, end="repeat")
    assert times.n_kept(30) == times.n_kept(30, available=33) == 30
    np.testing.assert_array_equal(cut(volumes, times, 30), expected)


# --- films that start at an event ----------------------------------------------------------------

TR, N_CLIPS, LAG = 1.5, 50, 3
ONSETS = (9.2, 10.1)


def write_event_runs(folder):
    """Two repetitions whose films start between volumes; the tables of events say when."""
    runs, tables = [], []
    for repetition, onset in enumerate(ONSETS, start=1):
        runs.append(folder / f"seg1_{repetition}.nii.gz")
        write_film(runs[-1], onset, 70, TR)
        tables.append(folder / f"seg1_{repetition}_events.tsv")
        rows = {"onset": [0, onset, 90], "duration": 1, "trial_type": ["rest", "film", "rest"]}
        pd.DataFrame(rows).to_csv(tables[-1], sep="\t", index=False)
    return runs, tables


def event_settings(interpolation, **changes):
    of_events = {"timing": [RunTiming()] * 2, "event": {"trial_type": "film"}, "lag": LAG}
    lengths = {"tr": TR, "n_volumes": N_CLIPS, "detrend_order": 0}
    return CleanSettings(**of_events | lengths | {"interpolation": interpolation} | changes)


def test_repetitions_with_different_onsets_agree_if_they_are_interpolated(folder):
    runs, tables = write_event_runs(folder)
    expected = standardise(signal((np.arange(N_CLIPS) + LAG) * TR))
    agreement = {}
    for interpolation in ("nearest", "linear", "cubic"):
        cleaned = run_clean(folder, runs, event_settings(interpolation), tables)
        assert cleaned.shape == (2, N_CLIPS, len(SPACE))
        np.testing.assert_allclose(cleaned.mean(axis=1), 0, atol=1e-5)
        np.testing.assert_allclose(cleaned.std(axis=1), 1, atol=1e-5)
        seeing = cleaned[..., :SEEING]
        agreement[interpolation] = correlations(*seeing)
        if interpolation != "nearest":
            tolerance = {"linear": 0.12, "cubic": 0.02}[interpolation]
            np.testing.assert_allclose(seeing, [expected] * 2, atol=tolerance)
    assert agreement["cubic"].min() > 0.9999
    assert agreement["linear"].min() > 0.998
    # 9.2 s is nearest to volume 6 (9 s), and 10.1 s to volume 7 (10.5 s): 0.6 s apart.
    shift = np.cos(2 * np.pi * 0.6 / PERIODS)
    np.testing.assert_allclose(agreement["nearest"], shift, atol=0.02)
    assert (agreement["nearest"] < agreement["linear"]).all()


def test_an_onset_at_the_start_of_a_volume_is_a_number_of_volumes(folder):
    runs, tables = write_event_runs(folder)
    dropped = event_settings("cubic", timing=[RunTiming(drop_start=6)] * 2)
    expected = run_clean(folder, runs, dropped)
    onset = event_settings("cubic", timing=[RunTiming(onset=9.0)] * 2)
    np.testing.assert_array_equal(run_clean(folder, runs, onset), expected)
    for table in tables:
        table.write_text("onset\ttrial_type\n9.0\tfilm\n")
    at_event = run_clean(folder, runs, event_settings("cubic"), tables)
    np.testing.assert_array_equal(at_event, expected)


def test_a_table_of_events_for_each_run_that_needs_one(folder):
    runs, tables = write_event_runs(folder)
    with pytest.raises(InputError, match=r"2 runs start at an event, but there are 1 tables of ev"):
        run_clean(folder, runs, event_settings("linear"), tables[:1])
    both = event_settings("cubic", timing=[RunTiming(onset=9.2), RunTiming()])
    cleaned = run_clean(folder, runs, both, tables[1:])
    np.testing.assert_array_equal(cleaned, run_clean(folder, runs, event_settings("cubic"), tables))
    with pytest.raises(InputError, match=r"2 runs, but settings\.timing has 1 entries"):
        run_clean(folder, runs, event_settings("cubic", timing=[RunTiming()]), tables[:1])


def test_a_run_that_ends_before_the_last_window_is_named(folder):
    runs, tables = write_event_runs(folder)
    tables[1].write_text("onset\ttrial_type\n30.2\tfilm\n")
    said = r"seg1_2\.nii\.gz: 70 volumes, but the windows of its clips need 74"
    with pytest.raises(InputError, match=said):
        run_clean(folder, runs, event_settings("linear"), tables)


def test_events_reach_the_windows_of_a_configuration(folder):
    """Clips of 2 s at a TR of 1.5 s, from the description to the windows."""
    runs, tables = write_event_runs(folder)
    described = {
        **{"timing": {}, "events": "{segment}_{repetition}_events.tsv", "lag": LAG},
        **{"event": {"trial_type": "film"}, "clips_per_segment": {"default": 36}},
    }
    config = check_config(
        values(
            dataset=described,
            clips={"seconds": 2.0, "fps": 3},
            clean={"interpolation": "cubic", "detrend_order": 0},
            windows={"interpolation": "cubic"},
        ),
        "test",
    )
    of = {"segment": "s1", "owner": "a"}
    cleaning = settings_of(CleanSettings, config, config.stages(), **of)
    assert cleaning.n_volumes == 49  # from 46.67 on, two volumes: up to volume 48
    assert config.dataset.event_paths("a", "s1") == ["s1_1_events.tsv", "s1_2_events.tsv"]
    cleaned = run_clean(folder, runs, cleaning, tables)
    settings = settings_of(WindowSettings, config, config.stages(), **of)
    result = run_windows(folder, settings.model_copy(update={"n_clips": {"seg1": 36}}))
    volumes = signal((np.arange(49) + LAG) * TR)
    starts = (np.arange(36) * 2.0)[:, None] + np.arange(2) * TR + LAG * TR
    expected = (signal(starts.ravel()) - volumes.mean(axis=0)) / volumes.std(axis=0)
    assert cleaned.shape == (2, 49, len(SPACE))
    assert result.shape == (36, 2, len(SPACE))
    expected = expected.reshape(36, 2, SEEING)
    np.testing.assert_allclose(result[..., :SEEING], expected, atol=0.05)


# --- runs of a segment that were trimmed differently ----------------------------------------------


def test_runs_of_a_segment_may_be_trimmed_differently(folder, monkeypatch):
    monkeypatch.chdir(folder)
    n, ends = 20, {1: (2, 3), 2: (5, 0)}
    rows = ["subject\tsegment\tsplit\trepetition\tpath\tdrop_start\tdrop_end"]
    for segment, split in (("s1", "train"), ("s2", "train"), ("t1", "test")):
        for repetition, (start, end) in ends.items():
            path = f"{segment}_{repetition}.nii.gz"
            write_film(folder / path, start * TR, start + n + end, TR)
            rows.append(f"a\t{segment}\t{split}\t{repetition}\t{path}\t{start}\t{end}")
    (folder / "runs.tsv").write_text("\n".join(rows) + "\n")
    dataset = {"name": "mine", "tr": TR, "lag": 0, "film": "{segment}.mp4", "runs": "runs.tsv"}
    config = values(clean={"detrend_order": 0}, windows={"size": 1})
    dataset["clips_per_segment"] = {"default": n}
    config["dataset"] = dataset
    wider = config | {"windows": {"size": 2}}
    config = check_config(config, "test")
    settings = settings_of(CleanSettings, config, config.stages(), "s1", owner="a")
    assert [t.drop_start for t in settings.timing] == [2, 5]
    assert config.dataset.left_out("s1") == 0
    cleaned = run_clean(folder, [folder / f"s1_{r}.nii.gz" for r in ends], settings, name="s1")
    expected = standardise(signal(np.arange(n) * TR))
    np.testing.assert_allclose(cleaned[..., :SEEING], [expected] * 2, atol=0.01)
    # Windows of two volumes would need one after the film, which the second run does not have.
    assert check_config(wider, "test").dataset.left_out("s1") == 1


def test_a_run_of_another_length_than_its_own_timing_says_is_named(folder):
    runs = [folder / f"s1_{repetition}.nii.gz" for repetition in (1, 2)]
    for path in runs:
        write_film(path, 2 * TR, 25, TR)
    timing = [RunTiming(drop_start=2, drop_end=3), RunTiming(drop_start=5, drop_end=1)]
    lengths = {"n_volumes": 20, "n_volumes_of_film": 20, "detrend_order": 0}
    settings = CleanSettings(tr=TR, timing=timing, **lengths)
    said = r"s1_2\.nii\.gz: 25 volumes, but 26 expected \(5 before the film, 20 during it, 1 after"
    with pytest.raises(InputError, match=said):
        run_clean(folder, runs, settings)


# --- means over repetitions -----------------------------------------------------------------------


def test_means_are_over_the_repetitions_in_which_a_voxel_lives():
    runs = np.random.default_rng(0).normal(size=(3, 8, 4)).astype(np.float32)
    runs[1, :, 0] = 0
    runs[1:, :, 1] = 0
    runs[:, :, 2] = 0
    mean = mean_of_repetitions(runs)
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean[:, 0], (runs[0, :, 0] + runs[2, :, 0]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(mean[:, 1], runs[0, :, 1])
    assert not mean[:, 2].any()
    np.testing.assert_allclose(mean[:, 3], runs[:, :, 3].mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(mean_of_repetitions(runs[:1]), runs[0])


def test_keeping_the_repetitions_of_test_segments_changes_no_window(folder, caplog):
    """A voxel is dead in one of three repetitions: its windows are means of the other two."""
    runs = [folder / f"t1_{repetition}.nii.gz" for repetition in (1, 2, 3)]
    rng = np.random.default_rng(0)
    recorded = []
    for repetition, path in enumerate(runs):
        of_run = 1000 + 50 * rng.normal(size=(22, len(SPACE)))
        if repetition == 1:
            of_run[:, 5] = 700
        write_values(path, of_run, TR)
        recorded.append(of_run[:, 5])
    of_runs = {"timing": [RunTiming(drop_start=0)] * 3, "n_volumes": 22, "detrend_order": 0}
    cutting = WindowSettings(tr=TR, seconds=TR, size=2, patch_size=8)
    with caplog.at_level(logging.ERROR):
        result = {}
        for average in (False, True):
            settings = CleanSettings(tr=TR, average=average, **of_runs)
            cleaned = run_clean(folder, runs, settings, name="t1")
            assert len(cleaned) == (1 if average else 3)
            result[average] = run_windows(folder, cutting, "t1")
    assert result[True].shape == (21, 2, len(SPACE))
    np.testing.assert_array_equal(result[True], result[False])
    alive = [standardise(recorded[r][:, None])[:, 0] for r in (0, 2)]
    expected = np.mean(alive, axis=0)
    np.testing.assert_allclose(result[True][:, 0, 5], expected[:21], atol=1e-3)


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
@pytest.mark.parametrize("seconds", [0.8, 1.49, 2.0])
def test_clips_are_counted_by_their_last_volumes(seconds, interpolation):
    times = ClipTimes(1.49, seconds, 3, interpolation)
    for available in range(40):
        firsts = times.first_volumes(30)
        assert times.n_clips(30, available) == sum(np.ceil(f) + 3 <= available for f in firsts)


def test_counting_clips_takes_as_long_for_a_long_film():
    """Rules count them thousands of times."""
    assert ClipTimes(2.0, 2.0, 4).n_clips(10**9, 10**9) == 10**9 - 3
