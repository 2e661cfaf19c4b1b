from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mindvideo.errors import InputError
from mindvideo.training.datasets import (
    ClipFrames,
    Examples,
    Stacked,
    Taken,
    check_latents,
    check_rows,
    load_volumes,
    rows_of,
)


def table(*rows: tuple[str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["segment", "clip"])


def test_examples_gives_rows_of_all_arrays() -> None:
    x, y = np.arange(20).reshape(10, 2), np.arange(10.0)
    batch = Examples(x=x, y=y).batch(np.array([7, 2]))
    assert batch["index"].tolist() == [7, 2]
    assert batch["x"].tolist() == [[14, 15], [4, 5]]
    assert batch["y"].tolist() == [7, 2]
    assert batch["x"].dtype == batch["y"].dtype == torch.float32


def test_examples_of_different_lengths() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        Examples(x=np.zeros(3), y=np.zeros(4))


def test_stacked_is_the_concatenation() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.random((n, 3)) for n in (4, 1, 7)]
    stacked, whole = Stacked(parts, "abc"), np.concatenate(parts)
    rows = rng.permutation(12)
    np.testing.assert_array_equal(stacked[rows], whole[rows])
    assert len(stacked) == 12
    assert stacked.shape == (12, 3)


def test_taken_is_the_other_order() -> None:
    array, order = np.arange(10) * 10, np.array([9, 0, 5, 5])
    np.testing.assert_array_equal(Taken(array, order)[np.array([2, 0])], [50, 90])
    assert len(Taken(array, order)) == 4


def test_volumes_and_windows_of_files(tmp_path: Path) -> None:
    volumes = np.random.default_rng(0).random((5, 4), np.float32)
    windows = np.random.default_rng(1).random((3, 2, 4), np.float32)
    np.save(tmp_path / "a.npy", volumes)
    np.save(tmp_path / "b.npy", windows)
    loaded = load_volumes([tmp_path / "a.npy", tmp_path / "b.npy"])
    expected = np.concatenate([volumes, windows.reshape(6, 4)])
    np.testing.assert_array_equal(loaded[np.arange(11)], expected)


def test_files_of_other_shapes(tmp_path: Path) -> None:
    for name, shape in {"a": (5, 4), "b": (5, 6), "flat": (5,), "empty": (0, 4)}.items():
        np.save(tmp_path / f"{name}.npy", np.zeros(shape, np.float32))
    with pytest.raises(InputError, match=r"b\.npy: rows of shape \(6,\), but \(4,\)"):
        load_volumes([tmp_path / "a.npy", tmp_path / "b.npy"])
    for name in ("flat", "empty"):
        with pytest.raises(InputError, match=rf"{name}\.npy: an array of shape"):
            load_volumes([tmp_path / f"{name}.npy"])


def test_frames_follow_the_table() -> None:
    clips = {"seg1": np.full((2, 3, 4, 4, 3), 1), "seg2": np.full((2, 3, 4, 4, 3), 2)}
    clips["seg2"][1] = 7
    frames = ClipFrames(clips, table(("seg2", 1), ("seg1", 0), ("seg2", 0)))
    assert len(frames) == 3
    assert [frames[i].mean() for i in range(3)] == [7, 1, 2]
    assert frames[0].shape == (3, 4, 4, 3)


def test_frames_that_are_missing() -> None:
    clips = {"seg1": np.zeros((2, 3, 4, 4, 3), np.uint8)}
    with pytest.raises(InputError, match="seg1 2"):
        ClipFrames(clips, table(("seg1", 2)))
    with pytest.raises(InputError, match="seg9 0"):
        ClipFrames(clips, table(("seg9", 0)))
    other = {**clips, "seg2": np.zeros((2, 5, 4, 4, 3), np.uint8)}
    with pytest.raises(InputError, match="seg1: 3, seg2: 5"):
        ClipFrames(other, table(("seg1", 1)))


def test_rows_are_joined_by_segment_and_clip() -> None:
    known = table(("seg1", 0), ("seg1", 1), ("seg2", 0))
    wanted = table(("seg2", 0), ("seg1", 0))
    np.testing.assert_array_equal(rows_of(wanted, known, "there"), [2, 0])
    with pytest.raises(InputError, match=r"there: 1 of 2 clips are missing \(seg3 4\)"):
        rows_of(table(("seg1", 1), ("seg3", 4)), known, "there")


def test_rows_of_segments_named_by_numbers() -> None:
    known = pd.DataFrame({"segment": [1, 2], "clip": [0, 0]})
    np.testing.assert_array_equal(rows_of(table(("2", 0)), known, ""), [1])


def test_arrays_that_do_not_go_with_their_table() -> None:
    with pytest.raises(InputError, match=r"a\.npy: 3 rows, but 4 in t\.tsv"):
        check_rows(Path("a.npy"), np.zeros(3), Path("t.tsv"), 4)
    check_rows(Path("a.npy"), np.zeros(4), Path("t.tsv"), 4)


def test_latents_of_another_model() -> None:
    check_latents(Path("l.npy"), np.zeros((2, 6, 4, 8, 8)), 4)
    for shape in ((2, 4, 6, 8, 8), (6, 4, 8, 8)):
        with pytest.raises(InputError, match=r"l\.npy: an array of shape"):
            check_latents(Path("l.npy"), np.zeros(shape), 4)
