"""Tables of events (BIDS ``events.tsv``): when the film of a run starts.

>>> _ = Path("events.tsv").write_text(
...     "onset\\tduration\\ttrial_type\\n0\\t9\\tfixation\\n9.2\\t480\\tmovie\\n"
... )
>>> read_onset(Path("events.tsv"), {"trial_type": "movie"})
9.2
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.images import readable
from mindvideo.io.tables import load_table

SHOWN = 8
"""Maximum number of values that a message lists."""


def read_onset(path: Path, event: Mapping[str, str]) -> float:
    """Onset of the event with these values of columns [s after the start of the run].

    Parameters
    ----------
    path : Path
    event : mapping of str to str
        Column: value, compared as text.

    Raises
    ------
    InputError
        If the table is damaged, lacks a column, has no such row or several, or the onset is not a
        time in the run.
    """
    with readable(path):
        table = load_table(path, ["onset"])
    if missing := [name for name in event if name not in table.columns]:
        raise InputError(
            f"{path}: no column {', '.join(missing)}, which dataset.event names; found "
            f"{', '.join(map(str, table.columns))}"
        )
    text = table[list(event)].astype(str)
    rows = table[(text == pd.Series(dict(event))).all(axis=1)]
    described = ", ".join(f"{name}: {value}" for name, value in event.items())
    if len(rows) != 1:
        there = [", ".join(values) for values in text.drop_duplicates().to_numpy()]
        listed = "; ".join(there[:SHOWN]) + (", …" if len(there) > SHOWN else "")
        number = f"{len(rows)} events" if len(rows) else "no event"
        raise InputError(
            f"{path}: {number} with {described}, but one is needed, whose onset is that of the "
            f"film; the table has {listed}. Change dataset.event, or name more columns in it"
        )
    onset = float(pd.to_numeric(rows["onset"], errors="coerce").iloc[0])
    if not onset >= 0:
        raise InputError(
            f"{path}: the onset of the event with {described} is {rows['onset'].iloc[0]}; expected "
            "seconds after the start of the run"
        )
    return onset
