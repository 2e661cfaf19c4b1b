"""Backgrounds of the film world: a sky and a ground of its own colours, and what stands on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
HORIZON = 0.55


class Light(NamedTuple):
    """A time of day: the sky from top to horizon, and factors on what it shines on."""

    top: Colour
    bottom: Colour
    ground: tuple[float, float, float]
    subject: float


class Palette(NamedTuple):
    """Colours of a scene's ground from the horizon to the bottom."""

    far: Colour
    near: Colour


LIGHTS: dict[str, Light] = {
    "day": Light((90, 160, 235), (190, 220, 245), (1.0, 1.0, 1.0), 1.0),
    "sunset": Light((150, 80, 140), (255, 165, 80), (1.0, 0.78, 0.66), 0.94),
    "night": Light((8, 10, 40), (35, 40, 90), (0.4, 0.43, 0.6), 0.86),
}
PALETTES: dict[str, Palette] = {
    "forest": Palette((45, 105, 45), (80, 150, 60)),
    "beach": Palette((240, 222, 165), (225, 200, 135)),
    "street": Palette((95, 95, 100), (125, 125, 130)),
    "snow": Palette((222, 230, 242), (248, 250, 255)),
    "desert": Palette((225, 150, 70), (200, 115, 45)),
    "sea": Palette((20, 85, 140), (35, 130, 175)),
}


def _gradient(top: ArrayLike, bottom: ArrayLike, n_rows: int) -> np.ndarray:
    part = np.linspace(0, 1, n_rows)[:, None]
    return (1 - part) * np.asarray(top) + part * np.asarray(bottom)


class _Brush:
    """Draws in shares of the frame, under the light of the time of day."""

    def __init__(self, image: Image.Image, light: Light) -> None:
        self._draw = ImageDraw.Draw(image)
        self._size = image.width
        self._light = light

    def _lit(self, colour: Colour) -> Colour:
        r, g, b = (round(c * factor) for c, factor in zip(colour, self._light.ground, strict=True))
        return r, g, b

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        scaled = [(x * self._size, y * self._size) for x, y in points]
        self._draw.polygon(scaled, fill=self._lit(colour))

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour)

    def disc(self, x: float, y: float, r: float, colour: Colour, lit: bool = True) -> None:
        s = self._size
        box = ((x - r) * s, (y - r) * s, (x + r) * s, (y + r) * s)
        self._draw.ellipse(box, fill=self._lit(colour) if lit else colour)


def _forest(brush: _Brush, rng: np.random.Generator) -> None:
    for x in np.arange(0.04, 1.0, 0.155) + rng.uniform(-0.04, 0.04, 7):
        tall, foot = rng.uniform(0.3, 0.45), HORIZON + rng.uniform(0.0, 0.05)
        brush.box(x - 0.014, foot - 0.1, 0.028, 0.1, (95, 60, 30))
        brush.polygon([(x - 0.1, foot - 0.06), (x, foot - tall), (x + 0.1, foot - 0.06)],
                      (25, 75, 40))  # fmt: skip


def _beach(brush: _Brush, rng: np.random.Generator) -> None:
    brush.box(0, HORIZON - 0.1, 1, 0.12, (40, 140, 190))
    x = rng.uniform(0.08, 0.92)
    top = HORIZON - 0.32
    brush.polygon([(x - 0.012, HORIZON + 0.06), (x + 0.012, top), (x + 0.02, HORIZON + 0.06)],
                  (120, 85, 45))  # fmt: skip
    for dx, dy in ((-0.16, 0.05), (-0.12, -0.08), (0.12, -0.08), (0.16, 0.05)):
        brush.polygon([(x, top), (x + dx, top + dy), (x + dx * 0.6, top + dy - 0.05)],
                      (50, 140, 60))  # fmt: skip


def _street(brush: _Brush, rng: np.random.Generator) -> None:
    x = -rng.uniform(0, 0.1)
    while x < 1:
        width, tall = rng.uniform(0.14, 0.22), rng.uniform(0.2, 0.42)
        grey = int(rng.integers(130, 190))
        brush.box(x, HORIZON - tall, width, tall, (grey, grey - 25, grey - 35))
        for row in np.arange(HORIZON - tall + 0.04, HORIZON - 0.05, 0.09):
            for column in np.arange(x + 0.03, x + width - 0.04, 0.06):
                brush.box(column, row, 0.03, 0.045, (255, 240, 170))
        x += width + 0.01
    brush.box(0, HORIZON, 1, 0.035, (165, 160, 155))
    for dash in np.arange(-0.1, 1, 0.22) + rng.uniform(0, 0.1):
        brush.box(dash, 0.8, 0.12, 0.025, (245, 245, 235))


def _snow(brush: _Brush, rng: np.random.Generator) -> None:
    for x in np.array([0.1, 0.5, 0.88]) + rng.uniform(-0.1, 0.1, 3):
        tall = rng.uniform(0.22, 0.38)
        peak = HORIZON - tall
        brush.polygon([(x - tall, HORIZON), (x, peak), (x + tall, HORIZON)], (120, 135, 165))
        cap = 0.35 * tall
        brush.polygon([(x - cap, peak + cap), (x, peak), (x + cap, peak + cap)], (250, 250, 255))


def _desert(brush: _Brush, rng: np.random.Generator) -> None:
    for x in np.array([0.2, 0.75]) + rng.uniform(-0.12, 0.12, 2):
        brush.polygon([(x - 0.4, HORIZON), (x, HORIZON - 0.1), (x + 0.4, HORIZON)], (235, 170, 95))
    for x in np.array([0.12, 0.88]) + rng.uniform(-0.06, 0.06, 2):
        foot = HORIZON + rng.uniform(0.02, 0.08)
        brush.box(x - 0.022, foot - 0.26, 0.044, 0.26, (60, 125, 60))
        brush.box(x - 0.085, foot - 0.16, 0.17, 0.035, (60, 125, 60))
        brush.box(x - 0.085, foot - 0.21, 0.032, 0.07, (60, 125, 60))
        brush.box(x + 0.053, foot - 0.24, 0.032, 0.1, (60, 125, 60))


def _sea(brush: _Brush, rng: np.random.Generator) -> None:
    for row in np.arange(HORIZON + 0.05, 1.0, 0.095):
        for x in np.arange(-0.1, 1, 0.26) + rng.uniform(0, 0.2):
            middle = x + 0.06
            crest = [(x, row), (middle, row - 0.025), (x + 0.12, row), (middle, row - 0.008)]
            brush.polygon(crest, (190, 225, 240))


_PAINT = {
    "forest": _forest,
    "beach": _beach,
    "street": _street,
    "snow": _snow,
    "desert": _desert,
    "sea": _sea,
}


def paint(scene: str, time: str, rng: np.random.Generator, size: int) -> Image.Image:
    """Paint a background, RGB, `size` × `size` pixels."""
    light = LIGHTS[time]
    far, near = (np.array(colour) * light.ground for colour in PALETTES[scene])
    split = round(HORIZON * size)
    rows = np.concatenate(
        [
            _gradient(light.top, light.bottom, split),
            _gradient(far, near, size - split),
        ]
    )
    pixels = np.broadcast_to(rows.round().astype(np.uint8)[:, None], (size, size, 3))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    brush = _Brush(image, light)
    if time == "night":
        for x, y in rng.uniform((0, 0), (1, 0.3), (14, 2)):
            brush.disc(x, y, 0.007, (235, 235, 255), lit=False)
    colour = {"day": (255, 240, 140), "sunset": (255, 225, 120), "night": (240, 240, 220)}[time]
    height = 0.42 if time == "sunset" else 0.13
    brush.disc(rng.uniform(0.1, 0.9), height, 0.07, colour, lit=False)
    _PAINT[scene](brush, rng)
    return image
