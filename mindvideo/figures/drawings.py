"""Clips that a model generates from fixed captions in the course of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mindvideo.figures.layout import LINE, wrap
from mindvideo.figures.strip import CELL, MARGIN, frame_numbers, side_by_side
from mindvideo.figures.style import SIZE, SMALL, SOFT, style


def draw_drawings(
    columns: Mapping[str, np.ndarray], captions: Sequence[str], *, frames_per_clip: int = 3
) -> Figure:
    """Draw a row for each caption, a column for each moment of the training.

    Parameters
    ----------
    columns : mapping of str to ndarray, uint8, (n_captions, n_frames, h, w, 3)
        By title.
    captions : sequence of str, (n_captions,)
        Stand above the rows.
    frames_per_clip : int
        Frames of each clip, evenly spread from the first to the last frame.
    """
    n_frames, h, w = next(iter(columns.values())).shape[1:4]
    numbers = frame_numbers(n_frames, frames_per_clip)
    gap, between = max(1, h // 32), 0.1  # between frames [px], between clips [inch]
    wide = CELL * (len(numbers) * (w + gap) - gap) / h
    width = len(columns) * (wide + between) + between
    titles = [wrap(title, wide, weight="bold") for title in columns]
    words = [wrap(caption, width - 2 * between, SMALL, most=2) for caption in captions]
    top = LINE * SIZE * max(map(len, titles)) + MARGIN
    aboves = [LINE * SMALL * len(lines) + MARGIN for lines in words]
    height = top + sum(aboves) + len(captions) * (CELL + MARGIN) + MARGIN
    with style():
        figure = Figure(figsize=(width, height))

        def write(x: float, y: float, lines: list[str], **options: Any) -> None:
            place = (x / width, y / height)
            figure.text(*place, "\n".join(lines), va="top", linespacing=1.2, **options)

        y = height - MARGIN
        for j, title in enumerate(titles):
            write(between + j * (wide + between), y, title, weight="bold", fontsize=SIZE)
        y -= top
        for i, (lines, above) in enumerate(zip(words, aboves)):
            write(between, y, lines, color=SOFT, fontsize=SMALL)
            y -= above + CELL
            for j, clips in enumerate(columns.values()):
                left = between + j * (wide + between)
                place = (left / width, y / height, wide / width, CELL / height)
                axis = figure.add_axes(place)
                axis.axis("off")
                axis.imshow(side_by_side(clips[i, numbers], gap), interpolation="none")
            y -= MARGIN
    return figure
