"""Tables of shots: the content of a film over time; one table per film.

A row is a shot, on screen during [`start`, `end`) seconds of the film. Any other columns describe
its content.

>>> shots = pd.DataFrame({"start": [0.0, 3.0], "end": [3.0, 8.0], "subject": ["dog", "boat"]})
>>> clips = pd.DataFrame({"segment": "seg1", "clip": range(4)})
>>> describe_clips(clips, {"seg1": shots}, seconds=2)["subject"].tolist()
['dog', 'dog', 'boat', 'boat']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table


def load_shots(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a table of shots that must have certain columns.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Required columns, besides `start` and `end`.

    Returns
    -------
    DataFrame
        Shots in the order of the film.

    Raises
    ------
    InputError
        If a column or a value of it is missing, or a shot does not end after its start.
    """
    table = load_table(path)
    columns = ["start", "end", *columns]
    if missing := [name for name in columns if name not in table.columns]:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(map(str, table.columns))}. "
            "A table of shots needs start and end [s of the film], and the columns that "
            "scoring.attributes and scoring.subset name: add them, or name others"
        )
    if (empty := table[columns].isna().any()).any():
        raise InputError(
            f"{path}: shots without a value in the column {', '.join(empty.index[empty])}: "
            "fill it in for every shot"
        )
    times = table[["start", "end"]].apply(pd.to_numeric, errors="coerce")
    if not len(table) or not (times["start"] < times["end"]).all():
        raise InputError(f"{path}: every shot must end after its start [s of the film]")
    return table.assign(**times).sort_values("start", ignore_index=True)


def longest_shot(
    start: np.ndarray, end: np.ndarray, clips: np.ndarray, seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the shot that fills most of each clip's time.

    Clip i is on screen during [i·seconds, (i + 1)·seconds) of its film. If several shots fill
    equally much of it, to a microsecond, the first is chosen.

    Parameters
    ----------
    start, end : ndarray, (n_shots,)
        [s of the film]
    clips : ndarray of int, (n_clips,)
        Numbers of clips.
    seconds : float
        Duration of a clip [s].

    Returns
    -------
    shot : ndarray of int, (n_clips,)
    overlap : ndarray, (n_clips,)
        Time for which the shot is on screen during the clip [s]; 0 without a shot.
    """
    begin = clips[:, None] * seconds  # (n_clips, 1)
    overlap = np.minimum(end, begin + seconds) - np.maximum(start, begin)  # (n_clips, n_shots)
    overlap = overlap.clip(min=0).round(6)
    return overlap.argmax(axis=1), overlap.max(axis=1)


def describe_clips(
    clip_table: pd.DataFrame,
    shots: dict[str, pd.DataFrame],
    seconds: float,
    starts: Mapping[str, float] = MappingProxyType({}),
) -> pd.DataFrame:
    """Describe each clip by the shot that fills most of its time.

    Parameters
    ----------
    clip_table : DataFrame
        `segment` and `clip` of each clip.
    shots : dict of str to DataFrame
        From :func:`load_shots`, by segment.
    seconds : float
        Duration of a clip [s].
    starts : mapping of str to float
        Where segments start in their films [s], if not at 0.

    Returns
    -------
    DataFrame
        The columns of the tables of shots, one row per row of `clip_table`, in its order.

    Raises
    ------
    InputError
        If there is a clip during which no shot is on screen.
    """
    parts = []
    for segment, rows in clip_table.groupby("segment", sort=False):
        table = shots[str(segment)]
        clips = rows["clip"].to_numpy()
        first = starts.get(str(segment), 0.0)
        start, end = (table[name].to_numpy() - first for name in ("start", "end"))
        shot, overlap = longest_shot(start, end, clips, seconds)
        if (dark := clips[overlap == 0]).size:
            raise InputError(
                f"{segment}: no shot during clip {dark[0]} ({first + dark[0] * seconds:g} to "
                f"{first + (dark[0] + 1) * seconds:g} s of the film); the table's shots go from "
                f"{table['start'].min():g} to {table['end'].max():g} s: it must describe the whole "
                "film, in seconds"
            )
        parts.append(table.iloc[shot].set_axis(rows.index))
    return pd.concat(parts).reindex(clip_table.index)


def marked_clips(clip_values: pd.DataFrame, shot_values: pd.DataFrame, column: str) -> np.ndarray:
    """Find the clips that a column of 0 and 1 marks.

    Parameters
    ----------
    clip_values : DataFrame
        From :func:`describe_clips`.
    shot_values : DataFrame
        All tables of shots, concatenated.
    column : str

    Returns
    -------
    ndarray of bool, (n_clips,)

    Raises
    ------
    InputError
        If the column has other values, or marks no clip.
    """
    if not (valid := shot_values[column].isin([0, 1])).all():
        raise InputError(
            f"{column}: {shot_values[column][~valid].iloc[0]!r} in a table of shots; expected 0 or "
            "1, since scoring.subset names a column that marks shots by 1"
        )
    marked = (clip_values[column] == 1).to_numpy()
    if not marked.any():
        raise InputError(
            f"{column}: marks none of the {len(marked)} clips, but at least 1 is needed: mark some "
            "by 1 in the tables of shots, or remove scoring.subset"
        )
    return marked
