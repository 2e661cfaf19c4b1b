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
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.images import readable
from mindvideo.io.tables import load_table

EXPANSIONS = ("", "_derivative1", "_power2", "_derivative1_power2")


def _expanded(names: Sequence[str], ends: Sequence[str] = EXPANSIONS) -> tuple[str, ...]:
    return tuple(name + end for end in ends for name in names)


MOTION = tuple(f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz")
WM_CSF = ("white_matter", "csf")
ANATOMICAL = "a_comp_cor_*"


@dataclass(frozen=True)
class Strategy:
    """A named set of columns."""

    meaning: str
    columns: tuple[str, ...] = ()
    """Columns that every table has."""
    patterns: tuple[str, ...] = ()
    """Patterns for columns whose number differs between runs; a run may have none."""
    components: slice | None = None
    """Which of the anatomical CompCor components, in order; every table has at least one."""


STRATEGIES = {
    "motion6": Strategy("rigid motion", MOTION),
    "motion12": Strategy(
        "rigid motion and its first temporal derivatives", _expanded(MOTION, EXPANSIONS[:2])
    ),
    "motion24": Strategy(
        "rigid motion, its derivatives, and the squares of both (Friston et al. 1996)",
        _expanded(MOTION),
    ),
    "wm_csf": Strategy("mean signals of white matter and of cerebrospinal fluid", WM_CSF),
    "wm_csf8": Strategy("the same, their derivatives, and the squares of both", _expanded(WM_CSF)),
    "global_signal4": Strategy(
        "mean signal of the brain, its derivative, and the squares of both",
        _expanded(["global_signal"]),
    ),
    "36P": Strategy(
        "motion24, wm_csf8 and global_signal4 (Satterthwaite et al. 2013)",
        _expanded([*MOTION, *WM_CSF, "global_signal"]),
    ),
    "acompcor": Strategy(
        "the first five anatomical CompCor components (Behzadi et al. 2007), with fMRIPrep's "
        "cosines, in whose space it finds them",
        patterns=("cosine*",),
        components=slice(5),
    ),
    "acompcor50": Strategy(
        "all anatomical components in the table, with the cosines: unless fMRIPrep was called with "
        "--return-all-components, those that explain half of the variance (Muschelli et al. 2014)",
        patterns=("cosine*",),
        components=slice(None),
    ),
    "aroma": Strategy(
        "components that ICA-AROMA takes for motion (Pruim et al. 2015)",
        patterns=("aroma_motion_*",),
    ),
    "non_steady_state": Strategy(
        "one column for each volume before the magnetisation is steady",
        patterns=("non_steady_state_outlier*",),
    ),
    "outliers": Strategy(
        "one column for each volume of much motion or signal change (Power et al. 2012), or "
        "before the steady state",
        patterns=("motion_outlier*", "non_steady_state_outlier*"),
    ),
}


def patterns_of(name: str) -> tuple[str, ...]:
    """Patterns of a name of `clean.confounds` that may match no column of a run; else ()."""
    if name in STRATEGIES:
        strategy = STRATEGIES[name]
        return () if strategy.columns or strategy.components else strategy.patterns
    return (name,) if any(sign in name for sign in "*?[") else ()


def find_columns(path: Path, table: Sequence[str], name: str) -> list[str]:
    """The columns of a run's table that a name stands for; those of a pattern in table order.

    Parameters
    ----------
    path : Path
        Path of the table, for messages.
    table : sequence of str
        All columns of the table.
    name : str
        A column, a pattern of columns (``motion_outlier*``), or a set of them
        (:data:`STRATEGIES`). Only a pattern may match no column.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If a column is missing.
    """
    if patterns := patterns_of(name):
        return _matching(table, patterns)
    strategy = STRATEGIES.get(name, Strategy("", (name,)))
    columns = list(strategy.columns)
    missing = [column for column in columns if column not in table]
    if strategy.components:
        components = _matching(table, [ANATOMICAL])
        missing += [] if components else [ANATOMICAL]
        columns += components[strategy.components]
    if missing:
        near = difflib.get_close_matches(name, [*STRATEGIES, *table], n=3)
        hint = "."
        if near and name not in STRATEGIES:
            hint = f"; did you mean {' or '.join(near)}?"
        raise InputError(
            f"{path}: no column {', '.join(missing[:3])} for clean.confounds: {name}{hint} Sets of "
            f"columns: {', '.join(STRATEGIES)}. Patterns: motion_outlier*, cosine*."
        )
    return columns + _matching(table, strategy.patterns)


def _matching(table: Sequence[str], patterns: Sequence[str]) -> list[str]:
    return [column for p in patterns for column in table if fnmatchcase(column, p)]


def read_confounds(path: Path, names: Sequence[str], n_volumes: int | None) -> np.ndarray:
    """Read columns of a run's table of confounds.

    A derivative has no value at the first volume: it is set to that of the second, as in
    ``nilearn.interfaces.fmriprep.load_confounds``.

    Parameters
    ----------
    path : Path
        fMRIPrep's ``…_desc-confounds_timeseries.tsv``.
    names : sequence of str
        Columns, patterns, or sets of them (:func:`find_columns`); duplicates are removed.
    n_volumes : int or None
        Volumes of the run, before any is dropped; None: not known.

    Returns
    -------
    (n_volumes, n_columns) float64

    Raises
    ------
    InputError
        If the table is missing or damaged, lacks a column, does not have one row per volume, or has
        values that are not numbers.
    """
    with readable(path):
        table = load_table(path)
    if n_volumes is not None and len(table) != n_volumes:
        raise InputError(
            f"{path}: {len(table)} rows, but the run has {n_volumes} volumes: does the table "
            "belong to another run? Check dataset.confounds."
        )
    header = list(table.columns)
    columns = dict.fromkeys(c for name in names for c in find_columns(path, header, name))
    numbers = table[list(columns)].apply(pd.to_numeric, errors="coerce")
    values = np.array(numbers, dtype=np.float64).reshape(len(table), len(columns))
    if len(values) > 1:
        first = np.isnan(values[0])
        values[0, first] = values[1, first]
    if broken := [c for c, column in zip(columns, values.T) if not np.isfinite(column).all()]:
        raise InputError(
            f"{path}: {', '.join(broken[:3])} has values beyond the first row that are not finite "
            "numbers. Leave the column out of clean.confounds."
        )
    return values
