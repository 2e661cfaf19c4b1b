"""Confounds of a run: columns of the table that fMRIPrep writes for it.

>>> columns = ["global_signal", "csf", "motion_outlier00", "motion_outlier01", *MOTION]
>>> table = Path("run_desc-confounds_timeseries.tsv")
>>> find_columns(table, columns, "motion6")
['trans_x', 'trans_y', 'trans_z', 'rot_x', 'rot_y', 'rot_z']
>>> find_columns(table, columns, "motion_outlier*")
['motion_outlier00', 'motion_outlier01']
>>> find_columns(table, columns, "wm_csf")
Traceback (most recent call last):
mindvideo.errors.InputError: run_desc-confounds_timeseries.tsv: no column white_matter ...
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.images import readable
from mindvideo.io.tables import load_table
from mindvideo.nuisance import STRATEGIES, Censor, Strategy, resolve

MOTION = STRATEGIES["motion6"].names
OUTLIERS = STRATEGIES["outliers"].patterns
DERIVATIVE, SQUARE = "_derivative1", "_power2"


def find_columns(path: Path, table: Sequence[str], entry: str | Strategy) -> list[str]:
    """The columns that an entry of `clean.confounds` stands for; those of a pattern in table order.

    Parameters
    ----------
    path : Path
        Path of the table, for messages.
    table : sequence of str
        All columns of the table.
    entry : str or Strategy
        A column, a pattern of columns (``motion_outlier*``), the name of a strategy, or a strategy.
        Only a pattern may match no column.

    Returns
    -------
    list of str
        Some may be terms that the table lacks, but that follow from its columns
        (:func:`is_computable`).

    Raises
    ------
    InputError
        If a column is missing.
    """
    strategy = resolve(entry)
    columns = list(strategy.names)
    missing = [column for column in columns if not is_computable(column, table)]
    for kind, n in strategy.components.items():
        components = _matching(table, [f"{kind}_*"])
        missing += [] if components else [f"{kind}_*"]
        columns += components if n == "all" else components[:n]
    if missing:
        meaning = f" ({strategy.meaning})" if strategy.meaning else ""
        raise InputError(
            f"{path}: no column {', '.join(missing[:3])} for clean.confounds: {strategy.name}"
            f"{meaning}{_hint(strategy, missing[0], table)} Strategies: {', '.join(STRATEGIES)}. "
            "Patterns: motion_outlier*, cosine*."
        )
    return columns + _matching(table, strategy.patterns)


def _hint(strategy: Strategy, missing: str, table: Sequence[str]) -> str:
    """ "; did you mean …?", unless the project chose the names of the columns."""
    near = difflib.get_close_matches(missing, [*STRATEGIES, *table], n=3)
    return (
        f"; did you mean {' or '.join(near)}?" if near and strategy.name not in STRATEGIES else "."
    )


def _matching(table: Sequence[str], patterns: Sequence[str]) -> list[str]:
    return [column for p in patterns for column in table if fnmatchcase(column, p)]


def is_computable(column: str, table: Sequence[str]) -> bool:
    """Whether a table has a column, or one that it is a derivative or a square of."""
    if column in table:
        return True
    ends = [end for end in (DERIVATIVE, SQUARE) if column.endswith(end)]
    return bool(ends) and is_computable(column.removesuffix(ends[0]), table)


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    """A column of a table; a derivative or a square that it lacks is computed, as in fMRIPrep.

    The first temporal derivative is the difference to the volume before; the first has none.
    """
    if name in table:
        return pd.to_numeric(table[name], errors="coerce")
    if name.endswith(SQUARE):
        return _column(table, name.removesuffix(SQUARE)) ** 2
    return _column(table, name.removesuffix(DERIVATIVE)).diff()


def read_confounds(
    path: Path, entries: Sequence[str | Strategy], n_volumes: int | None
) -> np.ndarray:
    """Columns of a run's table of confounds, from the file: :func:`values_of`."""
    return values_of(path, load_confound_table(path, n_volumes), entries)


def load_confound_table(path: Path, n_volumes: int | None) -> pd.DataFrame:
    """Read a run's table of confounds.

    Parameters
    ----------
    path : Path
        fMRIPrep's ``…_desc-confounds_timeseries.tsv``.
    n_volumes : int or None
        Volumes of the run, before any is dropped; None: not known.

    Raises
    ------
    InputError
        If the table is missing or damaged, or does not have one row per volume.
    """
    with readable(path):
        table = load_table(path)
    if n_volumes is not None and len(table) != n_volumes:
        raise InputError(
            f"{path}: {len(table)} rows, but the run has {n_volumes} volumes: does the table "
            "belong to another run? Check dataset.confounds."
        )
    return table


def values_of(path: Path, table: pd.DataFrame, entries: Sequence[str | Strategy]) -> np.ndarray:
    """Columns of a run's table of confounds.

    A derivative has no value at the first volume: it is set to that of the second, as in
    ``nilearn.interfaces.fmriprep.load_confounds``.

    Parameters
    ----------
    path : Path
        Path of the table, for messages.
    table : DataFrame
        From :func:`load_confound_table`.
    entries : sequence of str or Strategy
        Columns, patterns and strategies (:func:`find_columns`); duplicates are removed.

    Returns
    -------
    (n_volumes, n_columns) float64

    Raises
    ------
    InputError
        If the table lacks a column, or a column has values that are not numbers.
    """
    header = list(table.columns)
    columns = list(dict.fromkeys(c for entry in entries for c in find_columns(path, header, entry)))
    values = np.empty((len(table), len(columns)), order="F")
    for place, column in enumerate(columns):
        values[:, place] = _column(table, column)
    if len(values) > 1:
        first = np.isnan(values[0])
        values[0, first] = values[1, first]
    if broken := [c for c, column in zip(columns, values.T) if not np.isfinite(column).all()]:
        raise InputError(f"{path}: {', '.join(broken[:3])} {NOT_NUMBERS} clean.confounds.")
    return values


NOT_NUMBERS = "has values beyond the first row that are not finite numbers. Leave the column out of"


def exceeding(path: Path, table: pd.DataFrame, censor: Censor, name: str) -> np.ndarray:
    """Volumes that one of the criteria of a censor marks, without those before and after them.

    Parameters
    ----------
    path : Path
        Path of the table, for messages.
    table : DataFrame
        From :func:`load_confound_table`.
    censor : Censor
    name : str
        Of the setting or the strategy that censors, for messages.

    Returns
    -------
    (n_volumes,) bool

    Raises
    ------
    InputError
        If the table lacks a column that a threshold needs, or has values in it that are not
        numbers.
    """
    marked = np.zeros(len(table), dtype=bool)
    columns = {"framewise_displacement": censor.fd, "std_dvars": censor.std_dvars}
    columns |= dict.fromkeys(
        _matching(list(table.columns), OUTLIERS if censor.outliers else ()), 0.0
    )
    for column, threshold in columns.items():
        if threshold is None:
            continue
        if column not in table:
            raise InputError(
                f"{path}: no column {column}, which {name} needs to censor volumes: name "
                "fMRIPrep's table in dataset.confounds, or censor by clean.censor.outliers"
            )
        values = np.array(_column(table, column), dtype=np.float64)
        if not np.isfinite(values[1:]).all():
            raise InputError(f"{path}: {column} {NOT_NUMBERS} {name}.")
        with np.errstate(invalid="ignore"):
            marked |= values > threshold  # the first volume has no displacement
    return marked
