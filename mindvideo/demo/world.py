"""The film world: what may be seen in a shot, and how a shot is drawn.

A shot shows one subject (kind, colour) in one scene at one time of day, doing one motion. All
combinations exist, so that a reconstruction can be right or wrong about each of them separately.
Everything follows from the random generator that is handed in; nothing is read from disk.
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

UNSEEN = 5  # one in so many combinations of kind, scene and motion is kept out of training
UNSEEN_IN_TEST = 0.5  # share of the test films' shots that show such a combination
PANORAMA = 1.7  # width of a background [frames]
TURNS = 0.4  # of a turning subject in a second
THINNEST = 0.45  # it never gets thinner than this, so that it stays recognisable


@dataclass(frozen=True)
class Shot:
    """One shot. Positions and sizes are shares of the frame; y points down.

    The subject's centre runs in a straight line from (x0, y0) to (x1, y1), its size from size0 to
    size1, and the left edge of what the camera sees of the panorama from camera0 to camera1, over
    the `seconds` of the shot.
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
        """Subject's centre x, y and size, and the camera, `seconds` after the shot began."""
        part = min(max(seconds / self.seconds, 0.0), 1.0)
        return (
            self.x0 + part * (self.x1 - self.x0),
            self.y0 + part * (self.y1 - self.y0),
            self.size0 + part * (self.size1 - self.size0),
            self.camera0 + part * (self.camera1 - self.camera0),
        )

    def squeeze(self, seconds: float) -> float:
        """Factor on the subject's width: its facing, and how far it has turned."""
        side = -1.0 if self.facing == "left" else 1.0
        if self.motion != "turning":
            return side
        turned = side * cos(2 * pi * TURNS * seconds)
        return turned if abs(turned) > THINNEST else (THINNEST if turned > 0 else -THINNEST)


def is_unseen(kind: str, scene: str, motion: str) -> bool:
    """Whether a combination is kept out of training.

    The residue touches all three, so that every pair of them still occurs in training: what is
    new in test films is the combination alone.
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
        "train" draws only combinations that are not kept out of training, "test" those kept out
        as often as the others, None all alike.
    """
    wanted = {"train": False, "test": bool(rng.random() < UNSEEN_IN_TEST), None: None}[split]
    while True:
        kind, scene, motion = (str(rng.choice(options)) for options in (KINDS, SCENES, MOTIONS))
        if wanted is None or is_unseen(kind, scene, motion) == wanted:
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
        # What the camera turns away from slides out of sight, the near subject a little slower
        # than the scene, as when a camera follows it halfway.
        sweep = min(PANORAMA - 1, 0.35 * seconds) * (1 if rng.random() < 0.5 else -1)
        camera0, camera1 = ((PANORAMA - 1 - turn * sweep) / 2 for turn in (1, -1))
        x0, x1 = 0.5 + 0.3 * sweep, 0.5 - 0.3 * sweep
    floor = rng.uniform(0.88, 0.95)
    hover = rng.uniform(-0.03, 0.03)
    bottom, height = STANCE[kind]
    y0, y1 = (
        height + hover if height is not None else floor - bottom * size for size in (size0, size1)
    )
    # What hovers rises around its height, what stands leaves the ground.
    y0, y1 = (y0 + rise / 2, y1 - rise / 2) if height is not None else (y0, y1 - rise)
    course = {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "size0": size0, "size1": size1,
              "camera0": camera0, "camera1": camera1}  # fmt: skip
    return Shot(
        kind,
        colour,
        scene,
        time,
        motion,
        facing,
        seconds,
        **{name: round(float(value), 5) for name, value in course.items()},
        seed=int(rng.integers(2**31)),
    )


@lru_cache(maxsize=8)
def _panorama(scene: str, time: str, seed: int, size: int) -> Image.Image:
    return scenes.paint(scene, time, np.random.default_rng(seed), size, PANORAMA)


def _draw_streaks(pen: Pen, motion: str) -> None:
    """Lines behind a subject that moves across the frame: a single frame tells it too."""
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
        Time since the shot began [s].
    size
        Height and width [px].

    Returns
    -------
    np.ndarray
        uint8 (size, size, 3), RGB; drawn at twice the size and averaged down.
    """
    canvas = SUPERSAMPLING * size
    x, y, extent, camera = shot.place(seconds)
    left = round(camera * canvas)
    panorama = _panorama(shot.scene, shot.time, shot.seed, canvas)
    image = panorama.crop((left, 0, left + canvas, canvas))
    pen = Pen(
        image,
        centre=(x * canvas, y * canvas),
        scale=extent * canvas,
        squeeze=shot.squeeze(seconds),
        light=scenes.LIGHTS[shot.time].subject,
    )
    # Two strides a second; what stands still keeps its legs together.
    moving = shot.motion not in ("still", "pan", "turning")
    stride = sin(4 * pi * seconds + shot.seed % 7) if moving else 0.0
    if shot.motion in ("left", "right", "rising"):
        _draw_streaks(pen, shot.motion)
    DRAW[shot.kind](pen, PAINTS[shot.colour], stride)
    return np.asarray(image.reduce(SUPERSAMPLING))
