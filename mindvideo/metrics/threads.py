"""Clips side by side: OpenCV and numpy leave Python's lock while they work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cv2

Each = Callable[..., Iterable[Any]]
"""`map`, or one like it."""


def count() -> int:
    """Threads that this process may use: OMP_NUM_THREADS, as workflow engines set it, or all."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) else os.cpu_count() or 1


@contextmanager
def side_by_side() -> Iterator[Each]:
    """A `map` that runs in several threads; OpenCV's own threads rest meanwhile.

    What it calls must depend on its arguments alone: then the number of threads changes nothing.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(count()) as pool:
            yield pool.map
    finally:
        cv2.setNumThreads(before)
