"""Stimulus above reconstruction, clip by clip."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mindvideo.figures.layout import LINE, even_columns, wrap
from mindvideo.figures.style import INK, SMALL, SOFT, TINY, style

CELL = 0.85  # height of a frame [inch]
LEFT, BETWEEN, MARGIN = 0.3, 0.15, 0.06  # names of the rows; between clips; around all [inch]


def draw_strip(
    stimuli: np.ndarray,
    reconstructions: np.ndarray,
    labels: Sequence[str],
    *,
    caption: str = "",
    columns: int | None = None,
    frames_per_clip: int = 3,
) -> Figure:
    """Draw clips in a grid, each as a row of frames above the row of its reconstruction.

    Parameters
    ----------
    stimuli, reconstructions : ndarray, uint8, (n_clips, n_frames, h, w, 3)
    labels : sequence of str, (n_clips,)
        Stand above the clips.
    caption : str
        Stands below all of them.
    columns : int, optional
        Clips side by side; by default, as many as fill the rows.
    frames_per_clip : int
        Frames of each clip, evenly spread from the first to the last frame.
    """
    n_clips, n_frames, h, w, _ = stimuli.shape
    numbers = frame_numbers(n_frames, frames_per_clip)
    gap = max(1, h // 32)
    columns = columns or even_columns(n_clips, max(4, math.ceil(math.sqrt(n_clips / 3))))
    n_rows = -(-n_clips // columns)
    clip_height = CELL * (2 * h + gap) / h
    clip_width = CELL * (len(numbers) * (w + gap) - gap) / h
    titles = [wrap(label, clip_width, SMALL) for label in labels]
    above = LINE * SMALL * max(map(len, titles)) + MARGIN
    row = clip_height + above + MARGIN
    width = LEFT + columns * clip_width + (columns - 1) * BETWEEN + MARGIN
    lines = wrap(caption, width - LEFT - MARGIN, SMALL) if caption else []
    below = LINE * SMALL * len(lines) + (2 * MARGIN if lines else 0)
    height = n_rows * row + below
    with style():
        figure = Figure(figsize=(width, height))
        for i, title in enumerate(titles):
            left = LEFT + i % columns * (clip_width + BETWEEN)
            bottom = height - i // columns * row - above - clip_height
            place = (left / width, bottom / height, clip_width / width, clip_height / height)
            axis = figure.add_axes(place)
            axis.axis("off")
            pair = [side_by_side(c[i, numbers], gap) for c in (stimuli, reconstructions)]
            between = np.full((gap, pair[0].shape[1], 3), 255, np.uint8)
            picture = np.concatenate([pair[0], between, pair[1]])
            axis.imshow(picture, interpolation="none", aspect="auto")
            axis.set_title("\n".join(title), color=INK, pad=3, fontsize=SMALL, weight="normal")
            if i % columns == 0:
                for y, name in ((0.75, "stimulus"), (0.25, "reconstruction")):
                    figure.text(
                        (left - 0.05) / width,
                        (bottom + y * clip_height) / height,
                        name,
                        rotation=90,
                        ha="right",
                        va="center",
                        color=SOFT,
                        fontsize=TINY,
                    )
        figure.text(
            LEFT / width,
            MARGIN / height,
            "\n".join(lines),
            color=SOFT,
            fontsize=SMALL,
            linespacing=1.3,
        )
    return figure


def frame_numbers(n_frames: int, n: int) -> np.ndarray:
    """Frames of a clip, evenly spread from the first to the last one."""
    return np.unique(np.linspace(0, n_frames - 1, n).round().astype(int))


def side_by_side(frames: np.ndarray, gap: int) -> np.ndarray:
    """Put frames (n, h, w, 3) side by side with white between them."""
    padded = np.pad(frames, ((0, 0), (0, 0), (0, gap), (0, 0)), constant_values=255)
    return np.concatenate(list(padded), axis=1)[:, :-gap]
