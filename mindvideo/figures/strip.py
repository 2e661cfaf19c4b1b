"""Ground truth above reconstruction, clip by clip."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mindvideo.figures.style import INK, SOFT, style


def draw_strip(
    truth: np.ndarray,
    reconstruction: np.ndarray,
    labels: Sequence[str],
    *,
    caption: str = "",
    columns: int = 4,
    frames_per_clip: int = 3,
) -> Figure:
    """Draw clips in a grid, each as a row of frames above the row of its reconstruction.

    Parameters
    ----------
    truth, reconstruction : ndarray, uint8, (n_clips, n_frames, h, w, 3)
    labels : sequence of str, (n_clips,)
        Stand above the clips.
    caption : str
        Stands below all of them.
    columns : int
        Clips side by side.
    frames_per_clip : int
        Frames of each clip, evenly spread from the first to the last frame.
    """
    n_clips, n_frames, h, w, _ = truth.shape
    frame_numbers = np.unique(np.linspace(0, n_frames - 1, frames_per_clip).round().astype(int))
    columns = min(columns, n_clips)
    n_rows = -(-n_clips // columns)
    cell = 0.85  # height of a frame, and below: rooms for names, labels and the caption [inch]
    left, above = 0.3, 0.3
    width = left + columns * (len(frame_numbers) * cell * w / h + 0.15)
    lines = textwrap.wrap(
        caption, max(40, int(16 * (width - left))), break_on_hyphens=False, break_long_words=False
    )
    below = 0.05 + 0.16 * len(lines) + (0.08 if lines else 0)
    height = n_rows * (2 * cell + above) + below
    with style():
        figure = Figure(figsize=(width, height))
        axes = figure.subplots(n_rows, columns, squeeze=False)
        for axis in axes.flat:
            axis.axis("off")
        for i, axis in enumerate(axes.flat[:n_clips]):
            gap = max(1, h // 32)
            rows = [side_by_side(clips[i, frame_numbers], gap) for clips in (truth, reconstruction)]
            between = np.full((gap, rows[0].shape[1], 3), 255, np.uint8)
            axis.imshow(np.concatenate([rows[0], between, rows[1]]), interpolation="nearest")
            axis.set_title(labels[i], color=INK, pad=3, fontsize=8, weight="normal")
            if i % columns == 0:
                for y, name in ((0.75, "shown"), (0.25, "reconstructed")):
                    axis.text(
                        -0.02,
                        y,
                        name,
                        transform=axis.transAxes,
                        rotation=90,
                        ha="right",
                        va="center",
                        color=SOFT,
                        fontsize=8,
                    )
        figure.text(left / width, 0.05 / height, "\n".join(lines), color=SOFT, fontsize=8)
        figure.subplots_adjust(
            left=left / width,
            right=1 - 0.05 / width,
            bottom=below / height,
            top=1 - 0.25 / height,
            wspace=0.05,
            hspace=above / (2 * cell),
        )
    return figure


def side_by_side(frames: np.ndarray, gap: int) -> np.ndarray:
    """Put frames (n, h, w, 3) side by side with white between them."""
    padded = np.pad(frames, ((0, 0), (0, 0), (0, gap), (0, 0)), constant_values=255)
    return np.concatenate(list(padded), axis=1)[:, :-gap]
