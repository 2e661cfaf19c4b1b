"""Films of a data set: whether they last as long as their runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, warning
from mindvideo.io import inventory

SAME_FPS = 0.01
"""A larger difference, as a share, is more than rounding."""


def film(dataset: Dataset, segment: str) -> Iterator[Finding]:
    path = dataset.film_path(segment)
    if not Path(path).is_file():
        return
    try:
        seconds, fps = inventory.probe_film(Path(path))
    except InputError as problem:
        yield error(path, str(problem))
        return
    needed = dataset.n_clips(segment) * dataset.tr
    if seconds + 1 / max(fps, 1) < needed:
        yield error(
            path,
            f"the film lasts {seconds:.2f} s, {dataset.n_clips(segment)} clips of {dataset.tr:g} s "
            f"need {needed:g} s: is it whole, and is dataset.clips_per_segment right?",
        )
    elif seconds > needed + dataset.tr:
        yield warning(
            path, f"the film lasts {seconds:.2f} s, its runs {needed:g} s: the rest is not used"
        )
    stated = dataset.fps_of(segment)
    if stated and abs(fps - stated) > SAME_FPS * stated:
        yield warning(
            path,
            f"{fps:g} frames per second, dataset.film_fps says {stated:g}: the film that was "
            "shown? Clips are cut by time, so all is well if it lasts as long",
        )
