"""The film world: the content of a shot, and how a shot is drawn.

A shot shows one subject (kind, colour) in one scene at one time of day, with one motion. All
combinations exist, so that a reconstruction can be right or wrong about each of them separately.
All randomness comes from the generator that is passed in; nothing is read from disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin

import numpy as np
from PIL import Image

from mindvideo.demo import scenes
from mindvideo.demo.pen import PAINTS, Pen
from mindvideo.demo.subjects import DRAW, FAMILIES, STANCE

KINDS = tuple(kind for kinds in FAMILIES.values() for kind in kinds)
COLOURS = tuple(PAINTS)
SCENES = tuple(scenes.PALETTES)
TIMES = tuple(scenes.LIGHTS)
MOTIONS = ("left", "right", "towards", "away", "rising", "turning", "pan", "still")
SUPERSAMPLING = 2

UNSEEN = 5  # one in five combinations of kind, scene and motion is kept out of training
UNSEEN_IN_TEST = 0.5  # fraction of the test films' shots with such a combination
PANORAMA = 1.7  # width of a background [frames]
TURNS = 0.4  # of a turning subject [1/s]
THINNEST = 0.45  # smallest relative width of a turning subject, so that it stays recognisable


@dataclass(frozen=True)
class Shot:
    """One shot. Positions and sizes are fractions of the frame; y points down.

    The subject's centre runs in a straight line from (x0, y0) to (x1, y1), its size from size0 to
    size1, and the left edge of the camera's view of the panorama from camera0 to camera1, over the
    `seconds` of the shot.
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
    camera0: float
    camera1: float
    seed: int

    @property
    def family(self) -> str:
        return next(family for family, kinds in FAMILIES.items() if self.kind in kinds)

    @property
    def unseen(self) -> bool:
        """Whether its combination of kind, scene and motion is kept out of training."""
        return is_unseen(self.kind, self.scene, self.motion)

    def place(self, seconds: float) -> tuple[float, float, float, float]:
        """Centre x, y and size of the subject, and the camera, `seconds` after the shot's start."""
        part = min(max(seconds / self.seconds, 0.0), 1.0)
        return (
            self.x0 + part * (self.x1 - self.x0),
            self.y0 + part * (self.y1 - self.y0),
            self.size0 + part * (self.size1 - self.size0),
            self.camera0 + part * (self.camera1 - self.camera0),
        )

    def squeeze(self, seconds: float) -> float:
        """Factor on the subject's width: the side that it faces, and its turn."""
        side = -1.0 if self.facing == "left" else 1.0
        if self.motion != "turning":
            return side
        turned = side * cos(2 * pi * TURNS * seconds)
        return turned if abs(turned) > THINNEST else (THINNEST if turned > 0 else -THINNEST)


def is_unseen(kind: str, scene: str, motion: str) -> bool:
    """Whether a combination is kept out of training.

    The residue depends on all three, so that every pair still occurs in training: only the
    combination is new in test films.
    """
    residue = KINDS.index(kind) + 3 * SCENES.index(scene) + MOTIONS.index(motion)
    return residue % UNSEEN == 0


def draw_shot(rng: np.random.Generator, seconds: float, split: str | None = None) -> Shot:
    """Draw a shot at random.

    Parameters
    ----------
    rng
        Source of all choices.
    seconds
        Duration of the shot [s].
    split
        "train" draws only combinations that are not kept out of training, "test" draws those kept
        out as often as the others, None draws all with equal probability.
    """
    # Drawn for every split, so that the random streams of all splits stay aligned.
    unseen_in_test = bool(rng.random() < UNSEEN_IN_TEST)
    unseen = {"train": False, "test": unseen_in_test, None: None}[split]
    while True:
        kind, scene, motion = (str(rng.choice(options)) for options in (KINDS, SCENES, MOTIONS))
        if unseen is None or is_unseen(kind, scene, motion) == unseen:
            break
    colour, time = str(rng.choice(COLOURS)), str(rng.choice(TIMES))
    facing = motion if motion in ("left", "right") else str(rng.choice(("left", "right")))
    size0 = size1 = rng.uniform(0.6, 0.78)
    x0 = x1 = rng.uniform(0.44, 0.56)
    camera0 = camera1 = rng.uniform(0, PANORAMA - 1)
    rise = 0.0
    if motion in ("left", "right"):
        reach = min(0.3, 0.2 * seconds)
        x0, x1 = (0.5 - reach, 0.5 + reach) if motion == "right" else (0.5 + reach, 0.5 - reach)
    elif motion in ("towards", "away"):
        small, large = rng.uniform(0.42, 0.48), rng.uniform(0.86, 0.96)
        size0, size1 = (small, large) if motion == "towards" else (large, small)
    elif motion == "rising":
        size0 = size1 = rng.uniform(0.56, 0.66)
        rise = min(0.36, 0.3 * seconds)
    elif motion == "pan":
        # The subject slides across the frame a little slower than the scene, as if the camera
        # followed it halfway.
        sweep = min(PANORAMA - 1, 0.35 * seconds) * (1 if rng.random() < 0.5 else -1)
        camera0, camera1 = ((PANORAMA - 1 - turn * sweep) / 2 for turn in (1, -1))
        x0, x1 = 0.5 + 0.3 * sweep, 0.5 - 0.3 * sweep
    floor = rng.uniform(0.88, 0.95)
    hover = rng.uniform(-0.03, 0.03)
    bottom, height = STANCE[kind]
    y0, y1 = (
        height + hover if height is not None else floor - bottom * size for size in (size0, size1)
    )
    # A hovering subject rises around its height, a standing one leaves the ground.
    y0, y1 = (y0 + rise / 2, y1 - rise / 2) if height is not None else (y0, y1 - rise)
    return Shot(
        kind=kind,
        colour=colour,
        scene=scene,
        time=time,
        motion=motion,
        facing=facing,
        seconds=seconds,
        x0=_rounded(x0),
        y0=_rounded(y0),
        x1=_rounded(x1),
        y1=_rounded(y1),
        size0=_rounded(size0),
        size1=_rounded(size1),
        camera0=_rounded(camera0),
        camera1=_rounded(camera1),
        seed=int(rng.integers(2**31)),
    )


def _rounded(value: float) -> float:
    return round(float(value), 5)


@lru_cache(maxsize=8)
def _panorama(scene: str, time: str, seed: int, size: int) -> Image.Image:
    return scenes.paint(scene, time, np.random.default_rng(seed), size, PANORAMA)


def _draw_streaks(pen: Pen, motion: str) -> None:
    """Lines behind a subject that moves across the frame: a single frame shows the motion."""
    for offset, reach in ((-0.2, 0.22), (0.0, 0.3), (0.2, 0.22)):
        line = [(-0.56, offset), (-0.56 - reach, offset)]
        if motion == "rising":
            line = [(offset, 0.6), (offset, 0.6 + reach)]
        pen.stroke(line, 0.05, (255, 255, 255))


def render(shot: Shot, seconds: float, size: int) -> np.ndarray:
    """Draw one frame.

    Parameters
    ----------
    shot
        What to draw.
    seconds
        Time since the start of the shot [s].
    size
        Height and width [px].

    Returns
    -------
    np.ndarray
        uint8 (size, size, 3), RGB; drawn at twice the size and downsampled by averaging.
    """
    # Two strides a second; a subject at rest keeps its legs together.
    moving = shot.motion not in ("still", "pan", "turning")
    stride = sin(4 * pi * seconds + shot.seed % 7) if moving else 0.0
    return _draw(shot, shot.place(seconds), shot.squeeze(seconds), stride, size)


@lru_cache(maxsize=1)  # all frames of a subject at rest are the same
def _draw(
    shot: Shot, place: tuple[float, float, float, float], squeeze: float, stride: float, size: int
) -> np.ndarray:
    canvas = SUPERSAMPLING * size
    x, y, extent, camera = place
    left = round(camera * canvas)
    panorama = _panorama(shot.scene, shot.time, shot.seed, canvas)
    image = panorama.crop((left, 0, left + canvas, canvas))
    pen = Pen(
        image,
        centre=(x * canvas, y * canvas),
        scale=extent * canvas,
        squeeze=squeeze,
        light=scenes.LIGHTS[shot.time].subject,
    )
    if shot.motion in ("left", "right", "rising"):
        _draw_streaks(pen, shot.motion)
    DRAW[shot.kind](pen, PAINTS[shot.colour], stride)
    return np.asarray(image.reduce(SUPERSAMPLING))
