"""Films of a data set: whether clips can be cut from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, warning
from mindvideo.io.probe import probe

SAME_FPS = 0.01
"""A larger relative difference is more than rounding."""


def film(dataset: Dataset, segment: str, fps: float, seconds: float) -> Iterator[Finding]:
    """Errors that the stage `clips` would raise with clips of `seconds`, and warnings."""
    path = dataset.film_path(segment)
    if not Path(path).is_file():
        return
    try:
        facts = probe(Path(path))
    except InputError as problem:
        yield error(path, str(problem).removeprefix(f"{path}: "))
        return
    n_clips, start = dataset.n_clips(segment), dataset.film_start_of(segment)
    needed = dataset.n_shown(segment) * seconds
    if fault := facts.fault(n_clips, seconds, fps, start):
        yield error(path, fault)
    elif not dataset.film_start and facts.seconds > needed + seconds:
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
