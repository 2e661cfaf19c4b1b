"""Tables: tab-separated, one header row, missing values as ``n/a`` (as in BIDS)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mindvideo.errors import InputError


def load_table(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table that must have certain columns.

    Only ``n/a`` is a missing value: a caption may well be the word "None", or empty.

    Raises
    ------
    InputError
        If it is empty or lacks a column.
    """
    try:
        # quoting=3: captions keep their quotation marks
        table = pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["n/a"], quoting=3)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no table of tab-separated values ({error})") from error
    if missing := [name for name in columns if name not in table.columns]:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(map(str, table.columns))}: "
            "was it made by another version? Run its stage again"
        )
    return table


def save_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table; numbers keep the digits that bring them back exactly."""
    text = table.select_dtypes(["object", "string"]).columns
    clean = table.assign(**{c: table[c].map(_one_line, na_action="ignore") for c in text})
    clean.to_csv(path, sep="\t", index=False, na_rep="n/a", quoting=3, lineterminator="\n")


def rows(
    counts: dict[str, int], segments: Sequence[str], numbers: Sequence[int]
) -> list[tuple[str, int]]:
    """Pair segments with numbers of clips, and see that all of them are there.

    Parameters
    ----------
    counts : dict of str to int
        Clips found, by segment.
    segments, numbers : sequence
        Segment and number of each clip that a table names.

    Raises
    ------
    InputError
        Listing the first few that are missing.
    """
    wanted = _keys(segments, numbers)
    if missing := [f"{s} {n}" for s, n in wanted if not 0 <= n < counts.get(s, 0)]:
        found = ", ".join(f"{s} (0–{n - 1})" for s, n in counts.items()) or "none"
        few = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        raise InputError(f"{len(missing)} clips are missing: {few}; clips found: {found}")
    return wanted


def rows_of(table: pd.DataFrame, others: pd.DataFrame, where: object) -> np.ndarray:
    """For each row of a table, the row of another one with the same segment and clip.

    Parameters
    ----------
    table, others : DataFrame
        With columns `segment` and `clip`.
    where : object
        What the other table is called in the error.

    Returns
    -------
    array of int, shape (len(table),)

    Raises
    ------
    InputError
        If some are missing.
    """
    known = {key: row for row, key in enumerate(_keys(others["segment"], others["clip"]))}
    wanted = _keys(table["segment"], table["clip"])
    if missing := [f"{segment} {clip}" for segment, clip in wanted if (segment, clip) not in known]:
        few = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        raise InputError(
            f"{where}: {len(missing)} of {len(wanted)} clips are missing ({few}): make it again "
            "from the clips of all training segments"
        )
    return np.array([known[key] for key in wanted])


def find_segment(listing: pd.DataFrame, segment: str) -> list[int]:
    """Rows of a table of windows that are a segment's, in the order of its clips.

    Raises
    ------
    InputError
        If there are none, or clips are missing or listed twice: time would jump.
    """
    own = listing[listing["segment"].astype(str) == segment].sort_values("clip")
    if own.empty:
        there = ", ".join(map(str, listing["segment"].unique())) or "none"
        raise InputError(
            f"no windows of segment {segment}: there are windows of {there}. A test segment is "
            "needed that the subject has runs of"
        )
    numbers = own["clip"].tolist()
    if missing := sorted(set(range(max(numbers) + 1)) - set(numbers)):
        raise InputError(
            f"segment {segment}: no window of clip {', '.join(map(str, missing[:5]))}"
            f"{', …' if len(missing) > 5 else ''} of {max(numbers) + 1}: all are needed, since "
            "time would jump; make the windows again"
        )
    if len(numbers) > max(numbers) + 1:
        raise InputError(f"segment {segment}: clips are listed twice: make the windows again")
    return own.index.tolist()


def check_rows(path: Path, array: np.ndarray, table: Path, n_rows: int) -> None:
    """Refuse an array that does not go with its table.

    Raises
    ------
    InputError
    """
    if len(array) != n_rows:
        raise InputError(
            f"{path}: {len(array)} rows, but {n_rows} in {table}: they are not of one run of "
            "their stage; make both again"
        )


def _keys(segments: Iterable[object], numbers: Iterable[Any]) -> list[tuple[str, int]]:
    return [(str(s), int(n)) for s, n in zip(segments, numbers, strict=True)]


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value
