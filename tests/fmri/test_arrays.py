"""Runs that are plain arrays through the stages, with a known answer; what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from mindvideo.checks.runs import inspect_run
from mindvideo.fmri.atlas import NO_AREA
from mindvideo.io.maps import read_labels
from mindvideo.io.spaces import Columns
from tests.fmri.forms import SEGMENTS, through_the_stages, values_of

NAMES = ["17Networks_LH_VisCent_ExStr_1", "17Networks_RH_ContA_PFCl_1", "b", "c"]


def save_npy(folder, segment, repetition, values):
    path = folder / f"{SEGMENTS[segment]}_{repetition}.npy"
    np.save(path, values)
    return path


def save_npz(folder, segment, repetition, values):
    path = folder / "runs.npz"
    arrays = dict(np.load(path)) if path.exists() else {}
    arrays[f"{SEGMENTS[segment]}_{repetition}"] = values
    np.savez(path, **arrays)
    return Path(f"{path}::{SEGMENTS[segment]}_{repetition}")


def save_tsv(folder, segment, repetition, values):
    path = folder / f"{SEGMENTS[segment]}_{repetition}.tsv"
    pd.DataFrame(values, columns=NAMES).to_csv(path, sep="\t", index=False)
    return path


def save_hdf5(folder, segment, repetition, values):
    path = folder / "runs.h5"
    key = f"ses-1/{SEGMENTS[segment]}_{repetition}"
    with h5py.File(path, "a") as archive:
        if key not in archive:  # a test may go through the stages twice
            archive[key] = values
    return Path(f"{path}::{key}")


SAVES = [save_npy, save_npz, save_tsv, save_hdf5]


@pytest.mark.parametrize("save", SAVES)
def test_arrays_with_a_table_of_their_columns(tmp_path, save):
    def run_of(segment, repetition):
        values = values_of(4, np.array([0, 2]), segment, repetition)
        return save(tmp_path, segment, repetition, values)

    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n")
    chosen, table, grid = through_the_stages(
        tmp_path, "array", run_of, voxels=tmp_path / "names.txt"
    )
    assert np.flatnonzero(chosen).tolist() == [0, 2]
    assert grid.table["name"].tolist() == NAMES
    assert dict(zip(table["element"], table["network"])) == {0: 1, 2: 0}
    written = pd.read_csv(tmp_path / "mask.tsv", sep="\t")
    assert written["value"].tolist() == [1, 0, 1, 0]

    areas = pd.DataFrame(
        {"area": ["V1", "V1", "MT", "spot"], "hemisphere": ["L", "R", "R", "L"], "x": range(4)}
    )
    areas.to_csv(tmp_path / "voxels.csv", index=False)
    chosen, table, _ = through_the_stages(
        tmp_path, "array", run_of, voxels=tmp_path / "voxels.csv", areas=["V1", "spot"]
    )
    assert np.flatnonzero(chosen).tolist() == [0]
    assert table["x"].tolist() == [0]
    labels, _ = read_labels(tmp_path / "regions.tsv")
    assert labels.tolist() == [1, 181, 181 + 22, NO_AREA + 1]


def test_arrays_without_a_table(tmp_path):
    def run_of(segment, repetition):
        values = values_of(4, np.array([1]), segment, repetition)
        return save_npy(tmp_path, segment, repetition, values)

    _, table, grid = through_the_stages(tmp_path, "array", run_of)
    assert (table["element"].tolist(), grid.shape) == ([1], (4,))


def problem_of(path, table=None):
    return inspect_run(str(path), "array", str(table) if table else None)[1][0].message


def test_what_is_wrong_with_an_array(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\n")
    path = tmp_path / "run.npy"
    np.save(path, np.zeros((3, 20)))
    assert "It has 3 rows: it is transposed" in problem_of(path, names)
    np.save(path, np.zeros((20, 4)))
    assert "is 20×4 (volumes × columns), but the columns described are 3" in problem_of(path, names)
    np.save(path, np.zeros((2, 3, 4)))
    assert "is 2×3×4; expected a matrix" in problem_of(path)
    np.save(path, np.zeros((20, 3), complex))
    assert "another type than real numbers" in problem_of(path)
    path.write_bytes(path.read_bytes()[:200])
    assert "damaged" in problem_of(path)
    assert "does not exist" in problem_of(tmp_path / "none.npy")
    np.savez(tmp_path / "runs.npz", film1=np.zeros((20, 3)), film2=np.zeros((20, 3)))
    wrong = problem_of(f"{tmp_path}/runs.npz::film3")
    assert "has no array 'film3'; did you mean 'film" in wrong
    assert "it has film1, film2" in wrong
    assert "several arrays: film1, film2" in problem_of(tmp_path / "runs.npz")
    pd.DataFrame(np.ones((4, 3)), columns=["a", "c", "b"]).to_csv(
        tmp_path / "run.tsv", sep="\t", index=False
    )
    assert "its column 2 is c, and that of the table b" in problem_of(tmp_path / "run.tsv", names)
    (tmp_path / "run.tsv").write_text("a\tb\nx\ty\n")
    assert "not a table of numbers" in problem_of(tmp_path / "run.tsv")
    (tmp_path / "table.tsv").write_text("1\t2\n3\t4\n")
    np.save(path, np.zeros((20, 1)))
    assert "Is the row of names missing?" in problem_of(path, tmp_path / "table.tsv")
    (tmp_path / "table.tsv").write_text("name\tvalue\na\t4\n")
    assert "rename it" in problem_of(path, tmp_path / "table.tsv")
    (tmp_path / "run.h5").write_bytes(b"not one")
    assert "is not an HDF5 file" in problem_of(f"{tmp_path}/run.h5::film1")


def test_tables_without_names_of_columns(tmp_path):
    (tmp_path / "run.csv").write_text("1,2\n3,4\n5,6\n")
    header, problems = inspect_run(str(tmp_path / "run.csv"), "array")
    assert not problems
    assert header.n_volumes == 3
    assert header.grid.same(Columns(pd.DataFrame(index=range(2))))
    np.testing.assert_array_equal(header.stored.read(), [[1, 2], [3, 4], [5, 6]])
