"""The film world: what may be seen in a shot, and how a shot is drawn.

A shot shows one subject (kind, colour) in one scene at one time of day, doing one motion. All
combinations exist, so that a reconstruction can be right or wrong about each of them separately.
Everything follows from the random generator that is handed in; nothing is read from disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from mindvideo.demo import scenes, subjects

FAMILIES: dict[str, tuple[str, ...]] = {
    "animal": ("dog", "bird", "fish", "turtle"),
    "person": ("man", "woman", "child", "cyclist"),
    "vehicle": ("car", "bus", "boat", "plane"),
}
KINDS = tuple(kind for kinds in FAMILIES.values() for kind in kinds)
COLOURS = tuple(subjects.PAINTS)
SCENES = tuple(scenes.PALETTES)
TIMES = tuple(scenes.LIGHTS)
MOTIONS = ("left", "right", "towards", "away", "still")
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Shot:
    """One shot. Positions and sizes are shares of the frame; y points down.

    The subject's centre runs in a straight line from (x0, y0) to (x1, y1), and its size from
    size0 to size1, over the `seconds` of the shot.
    """

    kind: str
    colour: str
    scene: str
    time: str
    motion: str
    facing: str
    seconds: float
    x0: float
    y0: float
    x1: float
    y1: float
    size0: float
    size1: float
    seed: int

    @property
    def family(self) -> str:
        return next(family for family, kinds in FAMILIES.items() if self.kind in kinds)

    def place(self, seconds: float) -> tuple[float, float, float]:
        """Centre x, centre y and size of the subject, `seconds` after the shot began."""
        part = min(max(seconds / self.seconds, 0.0), 1.0)
        return (
            self.x0 + part * (self.x1 - self.x0),
            self.y0 + part * (self.y1 - self.y0),
            self.size0 + part * (self.size1 - self.size0),
        )


def is_held_out(kind: str, colour: str, scene: str, time: str, motion: str) -> bool:
    """Whether a combination belongs to the test films (a fifth does, the rest to training).

    The residue touches all five properties, so that every pair of properties still occurs in
    training: test films show known things in new combinations.
    """
    residue = (
        KINDS.index(kind)
        + 2 * COLOURS.index(colour)
        + 3 * SCENES.index(scene)
        + TIMES.index(time)
        + MOTIONS.index(motion)
    )
    return residue % 5 == 0


def draw_shot(rng: np.random.Generator, seconds: float, split: str | None = None) -> Shot:
    """Draw a shot at random.

    Parameters
    ----------
    rng
        Source of all choices.
    seconds
        Duration of the shot [s].
    split
        "train" or "test" draws only from the combinations of that split; None from all.
    """
    while True:
        kind, colour, scene, time, motion = (
            str(rng.choice(options)) for options in (KINDS, COLOURS, SCENES, TIMES, MOTIONS)
        )
        held_out = is_held_out(kind, colour, scene, time, motion)
        if split is None or held_out == (split == "test"):
            break
    facing = motion if motion in ("left", "right") else str(rng.choice(("left", "right")))
    size0 = size1 = rng.uniform(0.58, 0.74)
    x0 = x1 = rng.uniform(0.4, 0.6)
    if motion in ("left", "right"):
        # Fast enough to be seen within the 2 s of a clip, slow enough to stay in the frame.
        reach = min(0.32, 0.5 * seconds * rng.uniform(0.12, 0.3))
        x0, x1 = (0.5 - reach, 0.5 + reach) if motion == "right" else (0.5 + reach, 0.5 - reach)
    elif motion in ("towards", "away"):
        small, large = rng.uniform(0.42, 0.48), rng.uniform(0.78, 0.88)
        size0, size1 = (small, large) if motion == "towards" else (large, small)
    floor = rng.uniform(0.86, 0.93)
    hover = rng.uniform(-0.03, 0.03)
    bottom, height = subjects.STANCE[kind]
    y0, y1 = (
        height + hover if height is not None else floor - bottom * size for size in (size0, size1)
    )
    x0, y0, x1, y1, size0, size1 = (round(float(v), 5) for v in (x0, y0, x1, y1, size0, size1))
    seed = int(rng.integers(2**31))
    return Shot(
        kind, colour, scene, time, motion, facing, seconds, x0, y0, x1, y1, size0, size1, seed
    )


@lru_cache(maxsize=8)
def _background(scene: str, time: str, seed: int, size: int) -> Image.Image:
    return scenes.paint(scene, time, np.random.default_rng(seed), size)


def render(shot: Shot, seconds: float, size: int) -> np.ndarray:
    """Draw one frame.

    Parameters
    ----------
    shot
        What to draw.
    seconds
        Time since the shot began [s].
    size
        Height and width [px].

    Returns
    -------
    np.ndarray
        uint8 (size, size, 3), RGB; drawn at twice the size and averaged down.
    """
    canvas = SUPERSAMPLING * size
    image = _background(shot.scene, shot.time, shot.seed, canvas).copy()
    x, y, extent = shot.place(seconds)
    pen = subjects.Pen(
        image,
        centre=(x * canvas, y * canvas),
        scale=extent * canvas,
        mirrored=shot.facing == "left",
        light=scenes.LIGHTS[shot.time].subject,
    )
    moving = shot.motion != "still"
    # Two strides a second; what stands still keeps its legs together.
    stride = float(np.sin(4 * np.pi * seconds + shot.seed % 7)) if moving else 0.0
    if shot.motion in ("left", "right"):
        subjects.draw_speed_lines(pen)
    subjects.DRAW[shot.kind](pen, subjects.PAINTS[shot.colour], stride)
    return np.asarray(image.reduce(SUPERSAMPLING))
