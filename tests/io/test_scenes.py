import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.scenes import load_corrections, load_scenes, scene_table
from mindvideo.io.tables import save_table

SCENES = np.array([[0, 0, 0], [0, 1, 1]])


def test_a_table_of_scenes_comes_back(tmp_path):
    save_table(tmp_path / "seg1.tsv", scene_table(["a dog", "None"], [0, 1], SCENES))
    table, frames = load_scenes(tmp_path / "seg1.tsv")
    assert table.to_dict("list") == {"clip": [0, 1], "caption": ["a dog", "None"], "scene": [0, 1]}
    np.testing.assert_array_equal(frames, SCENES)


def test_a_corrected_table_of_scenes_can_be_given_back(tmp_path):
    table = scene_table(["a dog", "a  cat "], [0, 1], SCENES)
    save_table(tmp_path / "whole.tsv", table)
    assert load_corrections(tmp_path / "whole.tsv", 2) == {0: "a dog", 1: "a cat"}
    save_table(tmp_path / "few.tsv", table.iloc[1:][["clip", "caption"]])
    assert load_corrections(tmp_path / "few.tsv", 2) == {1: "a cat"}


@pytest.mark.parametrize(
    ("clips", "captions", "message"),
    [
        ([0, 2], ["a", "b"], r"row 3 \(2\): no clip of this segment, which has 0 to 1"),
        ([-1], ["a"], r"row 2 \(-1\): no clip"),
        (["one"], ["a"], r"row 2 \(one\): no clip"),
        ([0.5], ["a"], r"row 2 \(0\.5\): no clip"),
        ([1, 1], ["a", "b"], r"row 3 \(1\): a clip that an earlier row corrects"),
        ([0, 1], ["a", " "], r"row 3 \(1\): a clip without a caption"),
        ([0, 1], [None, "b"], r"row 2 \(0\): a clip without a caption"),
    ],
)
def test_corrections_that_fit_no_clip_are_refused(tmp_path, clips, captions, message):
    save_table(tmp_path / "seg1.tsv", pd.DataFrame({"clip": clips, "caption": captions}))
    with pytest.raises(InputError, match=r"seg1\.tsv: " + message):
        load_corrections(tmp_path / "seg1.tsv", 2)


def test_corrections_need_their_columns(tmp_path):
    (tmp_path / "seg1.tsv").write_text("clip,caption\n0,a dog\n")  # commas
    with pytest.raises(InputError, match="no column clip, caption; found clip,caption"):
        load_corrections(tmp_path / "seg1.tsv", 2)
