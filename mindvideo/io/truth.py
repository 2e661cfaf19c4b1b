"""Tables of the known content of areas: what each area represents."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table


def read_truth(path: Path) -> pd.DataFrame:
    """Read a table with a column `area`, and a column of numbers for each property of areas.

    Raises
    ------
    InputError
        If a column is missing or has other values.
    """
    table = load_table(path, ["area"])
    if words := [c for c in table.columns if c != "area" and table[c].dtype.kind not in "iuf"]:
        raise InputError(
            f"{path}: column {', '.join(words)} is not numeric; expected a column `area` (names of "
            "areas of the Glasser atlas), and a column of numbers for each property of areas"
        )
    return table
