from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.tables import check_rows, load_table, rows_of, save_table


def test_tables_come_back_exactly(tmp_path):
    table = pd.DataFrame(
        {
            "caption": ['a "red" ball', "None", "two\tlines\nof it"],
            "value": [0.1 + 0.2, np.nan, 1e-17],
            "clip": [0, 1, 2],
        }
    )
    save_table(tmp_path / "t.tsv", table)
    back = load_table(tmp_path / "t.tsv", ["caption", "clip"])
    assert back["caption"].tolist() == ['a "red" ball', "None", "two lines of it"]
    np.testing.assert_array_equal(back["value"], table["value"])
    assert back["clip"].tolist() == [0, 1, 2]
    assert "n/a" in (tmp_path / "t.tsv").read_text()


def test_a_missing_column_is_named(tmp_path):
    save_table(tmp_path / "t.tsv", pd.DataFrame({"clip": [0]}))
    with pytest.raises(InputError, match=r"t\.tsv: no column segment; found clip"):
        load_table(tmp_path / "t.tsv", ["segment", "clip"])


def test_an_empty_file_is_no_table(tmp_path):
    (tmp_path / "t.tsv").write_text("")
    with pytest.raises(InputError, match="not a table"):
        load_table(tmp_path / "t.tsv")


def listing(*rows):
    return pd.DataFrame(rows, columns=["segment", "clip"])


def test_rows_are_joined_by_segment_and_clip():
    others = listing(("seg1", 0), ("seg1", 1), ("seg2", 0))
    table = listing(("seg2", 0), ("seg1", 0))
    np.testing.assert_array_equal(rows_of(table, others, "there"), [2, 0])
    with pytest.raises(InputError, match=r"there: 1 of 2 clips are missing \(seg3 4\)"):
        rows_of(listing(("seg1", 1), ("seg3", 4)), others, "there")


def test_rows_of_segments_named_by_numbers():
    others = pd.DataFrame({"segment": [1, 2], "clip": [0, 0]})
    np.testing.assert_array_equal(rows_of(listing(("2", 0)), others, ""), [1])


def test_arrays_that_do_not_go_with_their_table():
    with pytest.raises(InputError, match=r"a\.npy: 3 rows, but 4 in t\.tsv"):
        check_rows(Path("a.npy"), np.zeros(3), Path("t.tsv"), 4)
    check_rows(Path("a.npy"), np.zeros(4), Path("t.tsv"), 4)
