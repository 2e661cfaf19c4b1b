import numpy as np
import pytest

from mindvideo.errors import InputError
from mindvideo.io.clips import gather_clips, load_clips, side_by_side


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
    with pytest.raises(InputError, match="made by the stage `clips`"):
        load_clips(tmp_path / "x.npy")
