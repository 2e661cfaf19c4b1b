"""Scores of the rows of Table 1: of one trained model, or means over the replicates of a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table
from mindvideo.metrics.names import current_name
from mindvideo.metrics.summary import with_holm
from mindvideo.settings.evaluation import TableRow

KEYS = ["segment", "clip"]
NUMBERS = ("value", "ci_low", "ci_high", "chance")
"""Columns of every table of metrics, those of other methods included."""
OVER_MODELS = (*NUMBERS, "null_mean")
LARGEST = ("p", "p_holm", "p_min")
ALL_NUMBERS = ("n_clips", *OVER_MODELS, *LARGEST)
"""Columns of the tables of metrics of this configuration."""


@dataclass(frozen=True)
class Scores:
    """Scores of a row.

    Parameters
    ----------
    metrics : DataFrame
        By metric the columns `ALL_NUMBERS`. Of several trained models `OVER_MODELS` are means, and
        `LARGEST` are the largest of their values.
    per_clip : DataFrame
        `KEYS`, and a column for each metric: means over the trained models.
    values : DataFrame, (n_metrics, n_models)
        Means over the clips, of each trained model.
    """

    metrics: pd.DataFrame
    per_clip: pd.DataFrame
    values: pd.DataFrame

    @property
    def n_models(self) -> int:
        """Trained models that differ; 1 for a method without randomness."""
        return self.values.shape[1]

    def of_models(self, metric: str) -> np.ndarray:
        """Means over the clips of each trained model, (n_models,)."""
        return self.values.loc[[metric]].to_numpy(float).ravel()

    @property
    def sd(self) -> pd.Series:
        """Standard deviation over trained models; NaN if there is one."""
        return self.values.std(axis=1, ddof=1)


def read_metrics(path: Path, columns: Sequence[str] = NUMBERS) -> pd.DataFrame:
    """Read a table of metrics, with the metric as index and its current name."""
    return load_table(path, ["metric", *columns]).set_index("metric").rename(current_name)


def read_rows(
    rows: Sequence[TableRow], metrics: Sequence[Path], per_clip: Sequence[Path]
) -> dict[str, Scores]:
    """Read the scores of the rows that are configured, by label.

    Parameters
    ----------
    rows
        Some may not be configured.
    metrics, per_clip
        Tables of all owners: those of a row, then those of its replicates, row by row.

    Raises
    ------
    InputError
        If there are more or fewer tables than owners, or the models of a row have other metrics.
    """
    there = [row for row in rows if row.owner is not None]
    owners = [owner for row in there for owner in (row.label, *row.replicates)]
    if not len(owners) == len(metrics) == len(per_clip):
        raise InputError(
            f"{len(owners)} rows ({', '.join(owners)}), but {len(metrics)} tables of metrics and "
            f"{len(per_clip)} tables of clips: every row needs one of each"
        )
    paths = iter(zip(metrics, per_clip))
    return {row.label: _read(paths, 1 + len(row.replicates)) for row in there}


def _read(paths: Iterator[tuple[Path, Path]], n: int) -> Scores:
    """Read the next n tables; those that are the same file, since no seed matters, count once."""
    chosen = list(dict.fromkeys(next(paths) for _ in range(n)))
    tables = [
        with_holm(read_metrics(m, [*OVER_MODELS, "n_clips", "p", "p_min"])) for m, _ in chosen
    ]
    for (path, _), table in zip(chosen, tables):
        if list(table.index) != list(tables[0].index):
            raise InputError(
                f"{path}: other metrics ({', '.join(map(str, table.index))}) than {chosen[0][0]}, "
                f"a replicate ({', '.join(map(str, tables[0].index))}): score both again"
            )
    values = pd.concat([table["value"] for table in tables], axis=1, keys=range(len(tables)))
    clips = [load_table(c, KEYS).rename(columns=current_name) for _, c in chosen]
    if len(tables) == 1:
        return Scores(tables[0], clips[0], values)
    mean = tables[0].copy()
    mean[[*OVER_MODELS]] = np.mean([table[[*OVER_MODELS]] for table in tables], axis=0)
    mean[[*LARGEST]] = np.max([table[[*LARGEST]] for table in tables], axis=0)
    return Scores(mean, pd.concat(clips).groupby(KEYS, as_index=False).mean(), values)
