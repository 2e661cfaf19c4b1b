"""Process clips in several threads: OpenCV and numpy release Python's global lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cv2

Each = Callable[..., Iterable[Any]]
"""`map`, or a function with the same interface."""


def count() -> int:
    """Number of threads to use: OMP_NUM_THREADS, which workflow engines set, or all cores."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) else os.cpu_count() or 1


@contextmanager
def side_by_side() -> Iterator[Each]:
    """A `map` that runs in several threads; OpenCV's own threads are disabled meanwhile.

    The function that it calls must depend only on its arguments: then the number of threads does
    not affect the results.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(count()) as pool:
            yield pool.map
    finally:
        cv2.setNumThreads(before)
