"""Clips that a model generates from fixed captions in the course of its training."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mindvideo.figures.strip import side_by_side
from mindvideo.figures.style import SOFT, style


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
    frame_numbers = np.unique(np.linspace(0, n_frames - 1, frames_per_clip).round().astype(int))
    cell, gap = 0.85, max(1, h // 32)  # height of a frame [inch], lines between frames [px]
    wide = cell * (len(frame_numbers) * w + (len(frame_numbers) - 1) * gap) / h
    width, row, top = len(columns) * (wide + 0.1) + 0.1, cell + 0.25, 0.25
    height = top + len(captions) * row + 0.05
    with style():
        figure = Figure(figsize=(width, height))
        for i, caption in enumerate(captions):
            y = height - top - i * row
            words = textwrap.shorten(caption, int(14 * width), placeholder=" …")
            figure.text(0.1 / width, (y - 0.17) / height, words, color=SOFT, fontsize=8)
            for j, (title, clips) in enumerate(columns.items()):
                left = 0.1 + j * (wide + 0.1)
                place = (left / width, (y - row) / height, wide / width, cell / height)
                axis = figure.add_axes(place)
                axis.axis("off")
                axis.imshow(side_by_side(clips[i, frame_numbers], gap), interpolation="nearest")
                if i == 0:
                    figure.text(left / width, 1 - 0.17 / height, title, weight="bold", fontsize=9)
    return figure
