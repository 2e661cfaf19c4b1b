"""Tables of the scenes and captions of a segment's clips, and of captions corrected by hand.

>>> from mindvideo.io.tables import save_table
>>> scenes = np.array([[0, 0, 1], [1, 1, 1]])
>>> table = scene_table(["a dog Then a boat", "a boat"], [0, 1], scenes)
>>> save_table(Path("seg1.tsv"), table)
>>> table, frames = load_scenes(Path("seg1.tsv"))
>>> table["scene"].tolist(), frames.tolist()
([0, 1], [[0, 0, 1], [1, 1, 1]])
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table

COLUMNS = ("clip", "caption", "scene")


def scene_table(captions: Sequence[str], main: Sequence[int], scenes: np.ndarray) -> pd.DataFrame:
    """Make the table of a segment.

    Parameters
    ----------
    captions : sequence of str, (n_clips,)
    main : sequence of int, (n_clips,)
        Scene of each clip.
    scenes : ndarray of int, (n_clips, n_frames)
        Scene of each frame.

    Returns
    -------
    DataFrame
        One row per clip: `clip`, `caption`, `scene`, and `scene_1`, … of its frames.
    """
    frames = {f"scene_{f + 1}": column for f, column in enumerate(scenes.T)}
    return pd.DataFrame(
        {"clip": range(len(captions)), "caption": captions, "scene": main, **frames}
    )


def load_scenes(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Read a table of scenes.

    Returns
    -------
    table : DataFrame
        `clip`, `caption` and `scene` of each clip.
    frames : ndarray of int, (n_clips, n_frames)
        Scene of each frame.

    Raises
    ------
    InputError
        If it lacks a column.
    """
    table = load_table(path, [*COLUMNS, "scene_1"])
    frames = table[[name for name in table.columns if name.startswith("scene_")]].to_numpy(int)
    table = table[list(COLUMNS)]
    return table.assign(caption=table["caption"].fillna("").astype(str)), frames


def load_corrections(path: Path, n_clips: int) -> dict[int, str]:
    """Read captions corrected by hand: a table with `clip` and `caption`.

    Parameters
    ----------
    path : Path
        Other columns are ignored, so a table of scenes may be copied and its captions corrected.
        Rows may be left out.
    n_clips : int
        Clips of the segment.

    Returns
    -------
    dict of int to str
        Caption by clip.

    Raises
    ------
    InputError
        If a row does not name a clip of the segment, has no caption, or repeats a clip.
    """
    table = load_table(path, ["clip", "caption"])
    clips = pd.to_numeric(table["clip"], errors="coerce")
    for wrong, reason in (
        (~clips.isin(range(n_clips)), f"no clip of this segment, which has 0 to {n_clips - 1}"),
        (clips.duplicated(), "a clip that an earlier row corrects"),
        (table["caption"].fillna("").astype(str).str.strip() == "", "a clip without a caption"),
    ):
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise InputError(
                f"{path}: row {row + 2} ({table['clip'][row]}): {reason}; a row for each corrected "
                "clip is needed, with its number and its caption"
            )
    captions = table["caption"].astype(str).str.split().str.join(" ")
    return dict(zip(clips.astype(int), captions))
