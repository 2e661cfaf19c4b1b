"""Confounds of a run: columns of the table that fMRIPrep writes beside it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.images import readable
from mindvideo.io.tables import load_table

MOTION = tuple(f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz")
EXPANSIONS = ("", "_derivative1", "_power2", "_derivative1_power2")

STRATEGIES: dict[str, tuple[str, ...]] = {
    "motion6": MOTION,
    "motion12": tuple(name + end for end in EXPANSIONS[:2] for name in MOTION),
    "motion24": tuple(name + end for end in EXPANSIONS for name in MOTION),
    "wm_csf": ("white_matter", "csf"),
    "acompcor": tuple(f"a_comp_cor_{n:02}" for n in range(5)),
}
"""Sets of columns that have a name: rigid motion, with its first temporal derivatives (12), and
with the squares of both (24: Friston et al. 1996, Satterthwaite et al. 2013); mean signals of
white matter and fluid; the first five anatomical CompCor components (Behzadi et al. 2007), which
fMRIPrep finds in runs whose drifts it has taken out, so that its `cosine…` columns come with them.
"""


def _columns(table: pd.DataFrame, name: str, path: Path) -> list[str]:
    wanted = list(STRATEGIES.get(name, (name,)))
    if name == "acompcor":
        wanted += [column for column in table.columns if column.startswith("cosine")]
    if missing := [column for column in wanted if column not in table.columns]:
        near = difflib.get_close_matches(name, [*STRATEGIES, *table.columns], n=3)
        raise InputError(
            f"{path}: no column {', '.join(missing[:3])} for clean.confounds: {name}"
            + (f"; did you mean {' or '.join(near)}?" if near and name not in STRATEGIES else ".")
            + f" Sets of columns: {', '.join(STRATEGIES)}."
        )
    return wanted


def read_confounds(path: Path, names: Sequence[str], n_volumes: int) -> np.ndarray:
    """Columns of a run's table of confounds.

    A derivative has no value at the first volume; it gets that of the second, as in
    ``nilearn.interfaces.fmriprep.load_confounds``.

    Parameters
    ----------
    path : Path
        fMRIPrep's ``…_desc-confounds_timeseries.tsv``.
    names : sequence of str
        Columns, or sets of them (:data:`STRATEGIES`); what is named twice comes once.
    n_volumes : int
        Of the run, before any is dropped.

    Returns
    -------
    (n_volumes, n_columns) float64

    Raises
    ------
    InputError
        If the table is missing or damaged, lacks a column, has other rows than the run has volumes,
        or values that are no numbers.
    """
    with readable(path):
        table = load_table(path)
    if len(table) != n_volumes:
        raise InputError(
            f"{path}: {len(table)} rows, the run has {n_volumes} volumes: does it belong to "
            "another run? Check dataset.confounds."
        )
    columns = dict.fromkeys(c for name in names for c in _columns(table, name, path))
    numbers = table[list(columns)].apply(pd.to_numeric, errors="coerce")
    values = np.array(numbers, dtype=np.float64)
    first = np.isnan(values[0])
    values[0, first] = values[1, first]
    if broken := [c for c, column in zip(columns, values.T) if not np.isfinite(column).all()]:
        raise InputError(
            f"{path}: {', '.join(broken[:3])} has values beyond the first row that are no finite "
            "numbers. Leave the column out of clean.confounds."
        )
    return values
