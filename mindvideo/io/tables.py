"""Tables: tab-separated, one header row, missing values as ``n/a`` (as in BIDS).

>>> save_table(Path("clips.tsv"), pd.DataFrame({"segment": ["seg1", "seg1"], "clip": [0, 1]}))
>>> table = load_table(Path("clips.tsv"), ["segment", "clip"])
>>> find_segment(table, "seg1")
[0, 1]
>>> rows({"seg1": 2}, ["seg1", "seg1"], [0, 2])
Traceback (most recent call last):
mindvideo.errors.InputError: 1 clips are missing: seg1 2; clips found: seg1 (0–1)
"""

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
        table = pd.read_csv(
            path,
            sep="\t",
            keep_default_na=False,
            na_values=["n/a"],
            quoting=3,
            float_precision="round_trip",  # the default may miss the last digit
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a table of tab-separated values ({error})") from error
    if missing := [name for name in columns if name not in table.columns]:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(map(str, table.columns))}: "
            "was it written by another version? Run its stage again"
        )
    return table


def save_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table; numbers have enough digits to be read back exactly."""
    text = table.select_dtypes(["object", "string"]).columns
    clean = table.assign(**{c: table[c].map(_one_line, na_action="ignore") for c in text})
    clean.to_csv(path, sep="\t", index=False, na_rep="n/a", quoting=3, lineterminator="\n")


def rows(
    counts: dict[str, int], segments: Sequence[str], numbers: Sequence[int]
) -> list[tuple[str, int]]:
    """Pair segments with numbers of clips, and check that all of them exist.

    Parameters
    ----------
    counts : dict of str to int
        Number of clips of each segment.
    segments, numbers : sequence
        Segment and number of each clip that a table names.

    Returns
    -------
    list of (str, int)

    Raises
    ------
    InputError
        If some are missing; the message lists the first few.
    """
    clips = _keys(segments, numbers)
    if missing := [f"{s} {n}" for s, n in clips if not 0 <= n < counts.get(s, 0)]:
        existing = ", ".join(f"{s} (0–{n - 1})" for s, n in counts.items()) or "none"
        raise InputError(
            f"{len(missing)} clips are missing: {_few(missing)}; clips found: {existing}"
        )
    return clips


def rows_of(table: pd.DataFrame, others: pd.DataFrame, where: object) -> np.ndarray:
    """For each row of a table, the row of another one with the same segment and clip.

    Parameters
    ----------
    table, others : DataFrame
        With columns `segment` and `clip`.
    where : object
        Name of the other table, for the message.

    Returns
    -------
    ndarray of int, (len(table),)

    Raises
    ------
    InputError
        If some are missing.
    """
    row_of = {key: row for row, key in enumerate(_keys(others["segment"], others["clip"]))}
    clips = _keys(table["segment"], table["clip"])
    if missing := [f"{segment} {clip}" for segment, clip in clips if (segment, clip) not in row_of]:
        raise InputError(
            f"{where}: {len(missing)} of {len(clips)} clips are missing ({_few(missing)}): compute "
            "it again from the clips of all training segments"
        )
    return np.array([row_of[key] for key in clips])


def find_segment(table: pd.DataFrame, segment: str) -> list[int]:
    """Rows of a segment in a table of windows, in the order of its clips.

    Raises
    ------
    InputError
        If there are none, or if clips are missing or listed twice: time would jump.
    """
    of_segment = table[table["segment"].astype(str) == segment].sort_values("clip")
    if of_segment.empty:
        segments = ", ".join(map(str, table["segment"].unique())) or "none"
        raise InputError(
            f"no windows of segment {segment}, only of {segments}. Choose a test segment for which "
            "the subject has runs"
        )
    numbers = of_segment["clip"].tolist()
    if missing := sorted(set(range(max(numbers) + 1)) - set(numbers)):
        raise InputError(
            f"segment {segment}: no window of clip {_few(map(str, missing))} of "
            f"{max(numbers) + 1}: all are needed, since time would jump; compute the windows again"
        )
    if len(numbers) > max(numbers) + 1:
        raise InputError(f"segment {segment}: clips are listed twice: compute the windows again")
    return of_segment.index.tolist()


def check_rows(path: Path, array: np.ndarray, table: Path, n_rows: int) -> None:
    """Raise an error if an array does not have as many rows as its table.

    Raises
    ------
    InputError
    """
    if len(array) != n_rows:
        raise InputError(
            f"{path}: {len(array)} rows, but {n_rows} in {table}: they are not from the same run "
            "of their stage; run it again"
        )


def _few(names: Iterable[str], most: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def _keys(segments: Iterable[object], numbers: Iterable[Any]) -> list[tuple[str, int]]:
    return [(str(s), int(n)) for s, n in zip(segments, numbers, strict=True)]


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value
