"""Films of a data set: whether clips can be cut from them, one for each volume of their runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, warning
from mindvideo.io.probe import probe

SAME_FPS = 0.01
"""A larger relative difference is more than rounding."""


def film(dataset: Dataset, segment: str, fps: float) -> Iterator[Finding]:
    """Errors that the stage `clips` would raise with `fps` frames per second, and warnings."""
    path = dataset.film_path(segment)
    if not Path(path).is_file():
        return
    try:
        facts = probe(Path(path))
    except InputError as problem:
        yield error(path, str(problem).removeprefix(f"{path}: "))
        return
    needed = dataset.n_clips(segment) * dataset.tr
    if fault := facts.fault(dataset.n_clips(segment), dataset.tr, fps):
        yield error(path, fault)
    elif facts.seconds > needed + dataset.tr:
        yield warning(
            path,
            f"the film lasts {facts.seconds:.2f} s, its runs {needed:g} s: its end is not used",
        )
    stated = dataset.fps_of(segment)
    if stated and abs(facts.mean_rate - stated) > SAME_FPS * stated:
        yield warning(
            path,
            f"{facts.mean_rate:g} frames per second, but dataset.film_fps is {stated:g}: is this "
            "the film of the experiment? Clips are cut by time stamps, so the rate does not "
            "matter if the duration is right",
        )
