"""Arrays that others have prepared: opened, and taken apart by segment."""

import pickle

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.given import by_segment, frames_of_captions, load_texts, open_array
from mindvideo.io.tables import save_table

EQUAL, UNEQUAL = {"a": 4, "b": 4, "c": 4}, {"a": 4, "b": 2}


def numbered(*shape):
    return np.arange(np.prod(shape)).reshape(shape)


def test_segments_along_the_first_axis():
    array = numbered(3, 4, 5)
    parts = by_segment([array], EQUAL, ["x"])
    assert list(parts) == ["a", "b", "c"]
    assert np.array_equal(parts["b"], array[1])


def test_all_clips_along_the_first_axis():
    array = numbered(6, 5)
    parts = by_segment([array], UNEQUAL, ["x"])
    assert np.array_equal(parts["a"], array[:4])
    assert np.array_equal(parts["b"], array[4:])


def test_one_array_for_each_segment():
    arrays = [numbered(4, 5), numbered(2, 5)]
    parts = by_segment(arrays, UNEQUAL, ["x", "y"])
    assert np.array_equal(parts["b"], arrays[1])
    alone = by_segment([arrays[0]], {"a": 4}, ["x"])
    assert np.array_equal(alone["a"], arrays[0])


@pytest.mark.parametrize("shape", [(18, 4, 5), (3, 5, 5), (11, 5), ()])
def test_another_split_is_recognised_by_its_shape(shape):
    with pytest.raises(InputError, match=r"train.npy .*expected \(3, 4, …\).*of another split or"):
        by_segment([np.zeros(shape)], EQUAL, ["train.npy"])


# --- strings --------------------------------------------------------------------------------------

TEXTS = np.array([["a dog", "a café"], ["", "two people"]])


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("kind", ["U", "S", "O"])
def test_strings_are_read_in_every_form(tmp_path, kind, version):
    stored = {"U": TEXTS, "S": np.char.encode(TEXTS, "utf-8"), "O": TEXTS.astype(object)}[kind]
    with (tmp_path / "texts.npy").open("wb") as file:
        np.lib.format.write_array(file, stored, version=version, allow_pickle=True)
    assert np.array_equal(load_texts(tmp_path / "texts.npy"), TEXTS)


def test_strings_of_numpy_within_objects_are_read(tmp_path):
    stored = np.array([np.str_("a dog"), np.str_("a cat")], dtype=object)
    np.save(tmp_path / "texts.npy", stored)
    assert load_texts(tmp_path / "texts.npy").tolist() == ["a dog", "a cat"]


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('was run')",)


def test_no_code_in_a_file_is_run(tmp_path):
    np.save(tmp_path / "trap.npy", np.array([Trap()], dtype=object))
    with pytest.raises(InputError, match=r"trap.npy: not an array of strings .*would run builtins"):
        load_texts(tmp_path / "trap.npy")


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (np.zeros(3), "contains float64; expected strings"),
        (np.array(["a", 1], dtype=object), "contains int objects; expected strings"),
    ],
)
def test_what_is_not_a_string_is_refused(tmp_path, stored, message):
    np.save(tmp_path / "texts.npy", stored)
    with pytest.raises(InputError, match=message):
        load_texts(tmp_path / "texts.npy")


def test_what_is_no_array_is_refused(tmp_path):
    path = tmp_path / "half.npy"
    np.save(path, np.zeros((4, 4)))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"half.npy: not an array of strings"):
        load_texts(path)
    with pytest.raises(InputError, match=r"half.npy: not an array of numbers"):
        open_array(path)
    path.write_bytes(pickle.dumps([1]))
    with pytest.raises(InputError, match=r"half.npy: not an array of numbers"):
        open_array(path)


def test_captions_of_a_table(tmp_path):
    save_table(tmp_path / "a.tsv", pd.DataFrame({"clip": [0, 1], "caption": ["a dog", ""]}))
    assert load_texts(tmp_path / "a.tsv").tolist() == [["a dog"], [""]]
    frames = pd.DataFrame({"clip": [0], "frame_1": ["a"], "frame_2": ["b"]})
    save_table(tmp_path / "b.tsv", frames)
    assert load_texts(tmp_path / "b.tsv").tolist() == [["a", "b"]]
    save_table(tmp_path / "c.tsv", pd.DataFrame({"clip": [0]}))
    with pytest.raises(InputError, match="no column caption"):
        load_texts(tmp_path / "c.tsv")


def test_one_caption_stands_for_all_frames_of_a_clip():
    table = frames_of_captions(np.array(["x", "y"]), 3, "a")
    assert table.columns.tolist() == ["clip", "frame_1", "frame_2", "frame_3"]
    assert table.frame_3.tolist() == ["x", "y"]
    assert frames_of_captions(TEXTS, 2, "a").frame_2.tolist() == ["a café", "two people"]
    with pytest.raises(InputError, match=r"a: captions of shape \(2, 2\).*expected \(clips, 3\)"):
        frames_of_captions(TEXTS, 3, "a")
