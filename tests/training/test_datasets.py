from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mindvideo.clip_times import ClipTimes
from mindvideo.errors import InputError
from mindvideo.fmri.windows import cut
from mindvideo.training.datasets import (
    Concatenated,
    Examples,
    Reindexed,
    check_latents,
    load_volumes,
)


def test_batch_has_rows_of_all_arrays() -> None:
    x, y = np.arange(20).reshape(10, 2), np.arange(10.0)
    batch = Examples(x=x, y=y).batch(np.array([7, 2]))
    assert batch["index"].tolist() == [7, 2]
    assert batch["x"].tolist() == [[14, 15], [4, 5]]
    assert batch["y"].tolist() == [7, 2]
    assert batch["x"].dtype == batch["y"].dtype == torch.float32


def test_examples_of_different_lengths() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        Examples(x=np.zeros(3), y=np.zeros(4))


def test_concatenated_is_the_concatenation() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.random((n, 3)) for n in (4, 1, 7)]
    concatenated, expected = Concatenated(parts, "abc"), np.concatenate(parts)
    rows = rng.permutation(12)
    np.testing.assert_array_equal(concatenated[rows], expected[rows])
    assert len(concatenated) == 12
    assert concatenated.shape == (12, 3)


def test_reindexed_is_the_array_in_another_order() -> None:
    array, order = np.arange(10) * 10, np.array([9, 0, 5, 5])
    np.testing.assert_array_equal(Reindexed(array, order)[np.array([2, 0])], [50, 90])
    assert len(Reindexed(array, order)) == 4


def test_volumes_and_windows_of_files(tmp_path: Path) -> None:
    volumes = np.random.default_rng(0).random((5, 4), np.float32)
    windows = np.random.default_rng(1).random((3, 2, 4), np.float32)
    np.save(tmp_path / "a.npy", volumes)
    np.save(tmp_path / "b.npy", windows)
    loaded = load_volumes([tmp_path / "a.npy", tmp_path / "b.npy"])
    expected = np.concatenate([volumes, windows[:, 0]])
    np.testing.assert_array_equal(loaded[np.arange(len(expected))], expected)
    assert len(loaded) == len(expected)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_an_epoch_of_windows_has_each_volume_once(tmp_path: Path, size: int) -> None:
    volumes = np.arange(10.0)[:, None]
    times = ClipTimes(tr=2.0, seconds=2.0, size=size, end="repeat")
    np.save(tmp_path / "windows.npy", cut(volumes, times, len(volumes)))
    loaded = load_volumes([tmp_path / "windows.npy"])
    np.testing.assert_array_equal(loaded[np.arange(len(loaded))], volumes)


def test_files_of_other_shapes(tmp_path: Path) -> None:
    for name, shape in {"a": (5, 4), "b": (5, 6), "flat": (5,), "empty": (0, 4)}.items():
        np.save(tmp_path / f"{name}.npy", np.zeros(shape, np.float32))
    with pytest.raises(InputError, match=r"b\.npy: rows of shape \(6,\), but \(4,\)"):
        load_volumes([tmp_path / "a.npy", tmp_path / "b.npy"])
    for name in ("flat", "empty"):
        with pytest.raises(InputError, match=rf"{name}\.npy: an array of shape"):
            load_volumes([tmp_path / f"{name}.npy"])


def test_latents_of_another_model() -> None:
    check_latents(Path("l.npy"), np.zeros((2, 6, 4, 8, 8)), 4)
    for shape in ((2, 4, 6, 8, 8), (6, 4, 8, 8)):
        with pytest.raises(InputError, match=r"l\.npy: an array of shape"):
            check_latents(Path("l.npy"), np.zeros(shape), 4)
