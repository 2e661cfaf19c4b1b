"""A cortex, and films for it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mindvideo.demo.epi import head
from mindvideo.demo.motion_energy import FPS, PIXELS
from mindvideo.demo.neurons import Cortex
from mindvideo.demo.sight import Sight, look

SECONDS = 12
CONTENT = {"kind": "dog", "family": "animal", "colour": "red", "scene": "beach", "motion": "still"}
SHOT = {"start": 0.0, "end": float(SECONDS), **CONTENT}


def grey(seconds: float = SECONDS) -> np.ndarray:
    return np.full((round(FPS * seconds), PIXELS, PIXELS, 3), 128, np.uint8)


def stripes(rows: slice = slice(None), columns: slice = slice(None), drift: int = 0) -> np.ndarray:
    """Vertical stripes in a part of the film, grey elsewhere; `drift` pixels to the right a frame.

    Eight cycles a frame.
    """
    frames = grey()
    translation = drift * np.arange(len(frames)) // 4
    wave = np.arange(PIXELS) - translation[:, None]
    frames[:, rows, columns] = (255 * (wave // 2 % 2))[:, None, columns, None]
    return frames


def sight_of(frames: np.ndarray, **content: str) -> Sight:
    return look(frames, [SHOT | content])


@pytest.fixture(scope="session")
def films() -> SimpleNamespace:
    return SimpleNamespace(grey=grey, stripes=stripes, sight_of=sight_of, shot=SHOT)


@pytest.fixture(scope="session")
def cortex() -> Cortex:
    return Cortex(head(6).grid, seed=1, subject="subject1")
