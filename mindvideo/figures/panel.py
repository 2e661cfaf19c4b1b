"""The same clips as several models reconstruct them, below the stimuli."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mindvideo.figures.layout import LINE, text_width, wrap
from mindvideo.figures.strip import MARGIN, frame_numbers
from mindvideo.figures.style import SMALL, SOFT, style

EMPTY = 238  # grey in place of a clip that a model lacks
CELL = 0.62  # height of a frame [inch]
NAMES = 1.6  # width of the models' names, at most [inch]


def draw_panel(
    stimuli: np.ndarray,
    models: Mapping[str, Sequence[np.ndarray | None]],
    labels: Sequence[str],
    *,
    frames_per_clip: int = 3,
) -> Figure:
    """Draw a row for the stimuli, and one for each model; a column a clip, of several frames.

    Parameters
    ----------
    stimuli : ndarray, uint8, (n_clips, n_frames, h, w, 3)
    models : mapping of str to sequence of ndarray, uint8, (n_frames, h, w, 3), or None
        By name; as many as there are stimuli, None where a model lacks the clip.
    labels : sequence of str, (n_clips,)
    frames_per_clip : int
        Frames of each clip, evenly spread from the first to the last frame.
    """
    n_frames, h, w = stimuli.shape[1:4]
    numbers = frame_numbers(n_frames, frames_per_clip)
    empty = np.full((n_frames, h, w, 3), EMPTY, np.uint8)
    rows = {
        "stimulus": list(stimuli),
        **{k: [empty if c is None else c for c in v] for k, v in models.items()},
    }
    gap, between = max(1, h // 48), max(3, h // 8)
    clip = len(numbers) * (w + gap) - gap  # its width [px]
    most = int((CELL + MARGIN) / (LINE * SMALL))  # lines of a name
    names = [wrap(name, NAMES, SMALL, most=most) for name in rows]
    titles = [wrap(label, clip * CELL / h, SMALL) for label in labels]
    left = max(text_width(line, SMALL) for name in names for line in name) + 2 * MARGIN
    top = LINE * SMALL * max(map(len, titles)) + 2 * MARGIN
    picture = np.concatenate([_row(clips, numbers, gap, between) for clips in rows.values()])
    across, down = picture.shape[1] * CELL / h, picture.shape[0] * CELL / h
    width, height = left + across + MARGIN, top + down
    with style():
        figure = Figure(figsize=(width, height))
        axis = figure.add_axes((left / width, 0, across / width, down / height))
        axis.imshow(picture, interpolation="none", aspect="auto")
        axis.axis("off")
        look: Any = {"color": SOFT, "fontsize": SMALL}
        for i, name in enumerate(names):
            place = (-MARGIN * h / CELL, i * (h + gap) + h / 2)
            axis.text(*place, "\n".join(name), ha="right", va="center", **look)
        for i, title in enumerate(titles):
            place = (i * (clip + between), -MARGIN * h / CELL)
            axis.text(*place, "\n".join(title), ha="left", va="bottom", **look)
    return figure


def _row(clips: Sequence[np.ndarray], numbers: np.ndarray, gap: int, between: int) -> np.ndarray:
    """Put frames of clips side by side, with white between them and below."""
    parts: list[np.ndarray] = []
    for i, clip in enumerate(clips):
        for k, frame in enumerate(clip[numbers]):
            width = (between if i else 0) if k == 0 else gap
            parts += [np.full((len(frame), width, 3), 255, np.uint8), frame]
    return np.pad(np.concatenate(parts, axis=1), ((0, gap), (0, 0), (0, 0)), constant_values=255)
