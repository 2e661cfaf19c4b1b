import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table, save_table


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
    with pytest.raises(InputError, match="no table"):
        load_table(tmp_path / "t.tsv")
