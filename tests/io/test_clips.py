import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.clips import ClipFrames, gather_clips, load_clips, side_by_side


def test_side_by_side_keeps_both_and_is_even_and_tall_enough():
    truth = np.full((2, 15, 15, 3), 10, np.uint8)
    picture = side_by_side(truth, truth + 80, height=31)
    assert picture.shape == (2, 46, 94, 3)
    assert (picture[:, :, :45] == 10).all()
    assert (picture[:, :, -45:] == 90).all()


def test_clips_are_gathered_in_the_order_of_the_table():
    clips = {s: np.full((3, 2, 4, 4, 3), i, np.uint8) for i, s in enumerate(["test1", "test2"])}
    clips["test2"][1] = 9
    picked = gather_clips(clips, ["test2", "test1", "test2"], [1, 0, 0])
    np.testing.assert_array_equal(picked[:, 0, 0, 0, 0], [9, 0, 1])
    with pytest.raises(InputError, match="2 clips are missing: test1 3, test3 0"):
        gather_clips(clips, ["test1", "test3"], [3, 0])
    clips["test2"] = clips["test2"][:, :1]
    with pytest.raises(InputError, match="differ"):
        gather_clips(clips, ["test1"], [0])


def test_only_clips_load_as_clips(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    with pytest.raises(InputError, match="as the stage `clips` writes them"):
        load_clips(tmp_path / "x.npy")


def listing(*rows):
    return pd.DataFrame(rows, columns=["segment", "clip"])


def test_frames_follow_the_table():
    clips = {"seg1": np.full((2, 3, 4, 4, 3), 1), "seg2": np.full((2, 3, 4, 4, 3), 2)}
    clips["seg2"][1] = 7
    frames = ClipFrames(clips, listing(("seg2", 1), ("seg1", 0), ("seg2", 0)))
    assert len(frames) == 3
    assert [frames[i].mean() for i in range(3)] == [7, 1, 2]
    assert frames[0].shape == (3, 4, 4, 3)


def test_frames_that_are_missing():
    clips = {"seg1": np.zeros((2, 3, 4, 4, 3), np.uint8)}
    with pytest.raises(InputError, match="seg1 2"):
        ClipFrames(clips, listing(("seg1", 2)))
    with pytest.raises(InputError, match="seg9 0"):
        ClipFrames(clips, listing(("seg9", 0)))
    other = {**clips, "seg2": np.zeros((2, 5, 4, 4, 3), np.uint8)}
    with pytest.raises(InputError, match="seg1: 3, seg2: 5"):
        ClipFrames(other, listing(("seg1", 1)))
