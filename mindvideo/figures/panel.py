"""The same clips as several models reconstruct them, below the stimuli."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mindvideo.figures.style import SOFT, style

EMPTY = 238  # grey in place of a clip that a model lacks


def draw_panel(
    truth: np.ndarray,
    models: Mapping[str, Sequence[np.ndarray | None]],
    labels: Sequence[str],
    *,
    frames_per_clip: int = 3,
) -> Figure:
    """Draw a row for the films, and one for each model; a column a clip, of several frames.

    Parameters
    ----------
    truth : ndarray, uint8, (n_clips, n_frames, h, w, 3)
    models : mapping of str to sequence of ndarray, uint8, (n_frames, h, w, 3), or None
        By name; as many as `truth` has clips, None where a model lacks the clip.
    labels : sequence of str, (n_clips,)
    frames_per_clip : int
        Frames of each clip, evenly spread from the first to the last frame.
    """
    n_clips, n_frames, h, w, _ = truth.shape
    frame_numbers = np.unique(np.linspace(0, n_frames - 1, frames_per_clip).round().astype(int))
    empty = np.full((n_frames, h, w, 3), EMPTY, np.uint8)
    rows = {
        "shown": list(truth),
        **{k: [empty if c is None else c for c in v] for k, v in models.items()},
    }
    gap, between = max(1, h // 48), max(3, h // 8)
    cell = 0.62  # height of a frame [inch]
    left = 0.2 + 0.075 * max(map(len, rows))
    wide = n_clips * (len(frame_numbers) * (w + gap) - gap) + (n_clips - 1) * between
    width = left + wide * cell / h + 0.05
    height = 0.3 + len(rows) * cell * (1 + gap / h)
    picture = np.concatenate([_row(clips, frame_numbers, gap, between) for clips in rows.values()])
    with style():
        figure = Figure(figsize=(width, height))
        axis = figure.add_axes((left / width, 0, (width - left - 0.05) / width, 1 - 0.3 / height))
        axis.imshow(picture, interpolation="nearest", aspect="auto")
        axis.axis("off")
        for i, name in enumerate(rows):
            y = (i + 0.5) * (h + gap)
            axis.text(-between, y, name, ha="right", va="center", color=SOFT, fontsize=8)
        step = len(frame_numbers) * (w + gap) - gap + between
        for i, label in enumerate(labels):
            axis.text(i * step, -between, label, ha="left", va="bottom", color=SOFT, fontsize=8)
    return figure


def _row(
    clips: Sequence[np.ndarray], frame_numbers: np.ndarray, gap: int, between: int
) -> np.ndarray:
    """Put frames of clips side by side, with white between them and below."""
    parts: list[np.ndarray] = []
    for i, clip in enumerate(clips):
        for k, frame in enumerate(clip[frame_numbers]):
            width = (between if i else 0) if k == 0 else gap
            parts += [np.full((len(frame), width, 3), 255, np.uint8), frame]
    return np.pad(np.concatenate(parts, axis=1), ((0, gap), (0, 0), (0, 0)), constant_values=255)
