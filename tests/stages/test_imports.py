"""Importing arrays: against a slow reference of the released loader, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.settings.fmri import NullWindowSettings
from mindvideo.settings.given import GivenCaptionSettings, GivenClipSettings, GivenWindowSettings
from mindvideo.stages import import_captions, import_clips, import_windows
from mindvideo.stages import null_window as null_window_stage

PATCH, N = 8, 6
SPLITS = {"train": {"seg1": N, "seg2": N}, "validation": {}, "test": {"test1": N, "test2": N}}


def settings(**changes):
    values = {
        "size": 2,
        "lag": 0,
        "end": "repeat",
        "shuffle": False,
        "seed": 0,
        "patch_size": PATCH,
    }
    return GivenWindowSettings(**values | {"padding": "wrap", "splits": SPLITS} | changes)


@pytest.fixture
def save(tmp_path):
    def write(array, name="test.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return write


@pytest.fixture
def run(tmp_path):
    """Import windows: the array of windows, and the table of their clips."""

    def windows_of(*arrays, split="test", segment=None, training=None, **changes):
        out, table = tmp_path / "windows.npy", tmp_path / "windows.tsv"
        import_windows.main(
            arrays=list(arrays),
            training=training,
            windows=out,
            table=table,
            split=split,
            segment=segment,
            settings=settings(**changes),
        )
        return np.load(out), pd.read_csv(table, sep="\t")

    return windows_of


def volumes(n_voxels, seed=0):
    return np.random.default_rng(seed).normal(3, 2, (2, N, n_voxels))


def released_windows(array, size=2):
    """What the released loader does: voxel by voxel, window by window."""
    n_segments, n, n_voxels = array.shape
    width = n_voxels + PATCH - n_voxels % PATCH
    out = []
    for segment in range(n_segments):
        for t in range(n):
            times = [min(t + s, n - 1) for s in range(size)]
            out.append([[array[segment, u, v % n_voxels] for v in range(width)] for u in times])
    return np.array(out)


@pytest.mark.parametrize("n_voxels", [13, 16])  # a whole patch is added to 16
def test_windows_are_those_of_the_released_loader(run, save, n_voxels):
    array = volumes(n_voxels)
    windows, table = run(save(array))
    assert windows.dtype == np.float32
    assert np.array_equal(windows, released_windows(array).astype(np.float32))
    assert table.segment.tolist() == ["test1"] * N + ["test2"] * N
    assert table["clip"].tolist() == [*range(N), *range(N)]


def test_training_windows_are_standardised_by_one_mean_and_sd(run, save):
    array = volumes(13)
    path = save(array, "train.npy")
    windows, _ = run(path, split="train", training=[path], standardize=True)
    expected = released_windows((array - array.mean()) / array.std())
    assert np.allclose(windows, expected, atol=1e-6)
    other = volumes(13, seed=1)
    windows, _ = run(save(other), training=[path], standardize=True)
    assert np.allclose(windows, released_windows((other - array.mean()) / array.std()), atol=1e-6)
    with pytest.raises(InputError, match=r"standardize needs .*given\.windows\.train"):
        run(path, standardize=True)


def test_the_null_window_is_the_mean_of_the_test_windows(run, save, tmp_path):
    array = volumes(13)
    run(save(array))
    null = tmp_path / "null.npy"
    null_window_stage.main(
        windows=tmp_path / "windows.npy", null_window=null, settings=NullWindowSettings()
    )
    assert np.allclose(np.load(null), released_windows(array).mean(axis=0), atol=1e-6)


def test_zeros_up_to_whole_patches_unless_wrapping_is_asked_for(run, save):
    assert run(save(volumes(16)), padding="zeros")[0].shape == (2 * N, 2, 16)
    windows, _ = run(save(volumes(13)), padding="zeros")
    assert windows.shape == (2 * N, 2, 16)
    assert not windows[..., 13:].any()


def test_windows_that_are_already_cut(run, save):
    array = np.random.default_rng(0).normal(size=(2 * N, 2, 16))
    windows, _ = run(save(array), padding="zeros")
    assert np.array_equal(windows, array.astype(np.float32))
    with pytest.raises(InputError, match=r"windows of 2 volumes are given, but windows\.size is 3"):
        run(save(array), padding="zeros", size=3)


def test_a_segment_has_its_own_windows(run, save):
    path = save(volumes(13))
    every, _ = run(path)
    windows, table = run(path, segment="test2")
    assert np.array_equal(windows, every[N:])
    assert table.segment.tolist() == ["test2"] * N
    assert table["clip"].tolist() == list(range(N))


def test_one_array_for_each_segment_is_the_same(run, save):
    array = volumes(13)
    every, _ = run(save(array))
    windows, _ = run(*(save(part, f"{i}.npy") for i, part in enumerate(array)))
    assert np.array_equal(windows, every)


def test_shuffled_windows_come_from_all_segments(run, save):
    path = save(volumes(13))
    every, _ = run(path)
    shuffled, _ = run(path, shuffle=True)
    assert not (shuffled == every).all(axis=(1, 2)).any()
    assert np.array_equal(np.sort(shuffled, axis=0), np.sort(every, axis=0))
    second, _ = run(path, shuffle=True, segment="test2")
    assert np.array_equal(second, shuffled[N:])


def test_wrong_volumes_are_refused(run, save):
    array = volumes(13)
    array[1, 2, 3] = np.nan
    with pytest.raises(InputError, match=r"test.npy: test2: 1 of 78 values are not finite.*row 2"):
        run(save(array))
    with pytest.raises(InputError, match=r"\(18, 6, 13\): does not fit the 2 segments"):
        run(save(np.zeros((18, N, 13))))
    with pytest.raises(InputError, match=r"bool of shape \(6, 13\); expected numbers"):
        run(save(np.zeros((2, N, 13), bool)))
    with pytest.raises(InputError, match=r"differ in their number of voxels \(test1 13, test2 14"):
        run(save(np.zeros((N, 13)), "a.npy"), save(np.zeros((N, 14)), "b.npy"))


# --- clips and captions ---------------------------------------------------------------------------


def test_clips_of_a_segment(save, tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (2, N, 3, 16, 16, 3), np.uint8)
    out, changes = tmp_path / "test2.npy", tmp_path / "changes.tsv"

    def clips(path, **changed):
        import_clips.main(
            arrays=[path],
            clips=out,
            changes=changes,
            segment="test2",
            settings=GivenClipSettings(**{"size": 16, "num_frames": 3, "splits": SPLITS} | changed),
        )
        return np.load(out)

    assert np.array_equal(clips(save(array)), array[1])
    assert pd.read_csv(changes, sep="\t").columns.tolist() == ["time", "score"]
    with pytest.raises(InputError, match=r"test2: uint8 .*expected clips, .*\(clips, 3, 32, 32, 3"):
        clips(save(array), size=32)
    with pytest.raises(InputError, match=r"test2: float64 of shape"):
        clips(save(array / 255))


def test_captions_of_a_segment(save, tmp_path):
    texts = np.array([[f"{s} {t}" for t in range(N)] for s in "ab"])[..., None].repeat(3, axis=-1)
    import_captions.main(
        arrays=[save(texts.astype(object))],
        captions=tmp_path / "captions.tsv",
        segment="test2",
        settings=GivenCaptionSettings(num_frames=3, splits=SPLITS),
    )
    table = pd.read_csv(tmp_path / "captions.tsv", sep="\t")
    assert table.columns.tolist() == ["clip", "frame_1", "frame_2", "frame_3"]
    assert table.frame_2.tolist() == [f"b {t}" for t in range(N)]
