"""Progress bars in the same style for all stages."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(
    items: Iterable[T],
    *,
    desc: str,
    total: int | None = None,
    unit: str = "it",
    initial: int = 0,
) -> tqdm[T]:
    """Iterate over `items` with a progress bar of speed and time left, on standard error.

    If standard error is not a terminal (a cluster's log), a line is printed every half minute. The
    bar is a :class:`tqdm.tqdm`: ``bar.set_postfix(loss=…)`` adds values to it.
    """
    seconds = 0.2 if sys.stderr.isatty() else 30.0
    return tqdm(
        items,
        desc=desc,
        total=total,
        unit=unit,
        initial=initial,
        mininterval=seconds,
        maxinterval=seconds,
        dynamic_ncols=True,
    )
