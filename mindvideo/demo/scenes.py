"""Backgrounds of the film world: a sky, a ground, and objects on it.

Shapes are few, bold and a little out of focus, so that little is lost when frames are compressed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
HORIZON = 0.55
BLUR = 0.009
"""SD of the blur of a background, as a fraction of the frame's height."""


class Light(NamedTuple):
    """A time of day: the colours of the sky from top to horizon, and factors on ground and subject.

    Then the colours of sun or moon, of clouds and of window panes, and the height of the sun.
    """

    top: Colour
    bottom: Colour
    ground: tuple[float, float, float]
    subject: float
    sun: Colour
    cloud: Colour
    pane: Colour
    height: float


class Palette(NamedTuple):
    """Colours of a scene's ground from the horizon to the bottom."""

    far: Colour
    near: Colour


LIGHTS: dict[str, Light] = {
    "day": Light(
        top=(90, 160, 235),
        bottom=(190, 220, 245),
        ground=(1.0, 1.0, 1.0),
        subject=1.0,
        sun=(255, 236, 130),
        cloud=(238, 245, 252),
        pane=(200, 222, 238),
        height=0.13,
    ),
    "sunset": Light(
        top=(150, 80, 140),
        bottom=(255, 165, 80),
        ground=(1.0, 0.78, 0.66),
        subject=0.94,
        sun=(255, 226, 125),
        cloud=(232, 130, 125),
        pane=(255, 205, 120),
        height=0.3,
    ),
    "night": Light(
        top=(8, 10, 40),
        bottom=(35, 40, 90),
        ground=(0.4, 0.43, 0.6),
        subject=0.86,
        sun=(232, 232, 212),
        cloud=(36, 40, 82),
        pane=(180, 142, 84),
        height=0.13,
    ),
}
PALETTES: dict[str, Palette] = {
    "forest": Palette((60, 120, 50), (95, 165, 70)),
    "beach": Palette((246, 228, 175), (228, 204, 145)),
    "street": Palette((92, 92, 98), (125, 125, 130)),
    "snow": Palette((205, 220, 245), (238, 244, 255)),
    "desert": Palette((228, 140, 70), (200, 105, 45)),
    "sea": Palette((25, 90, 150), (20, 75, 130)),
    "room": Palette((165, 105, 62), (190, 125, 75)),
    "farm": Palette((222, 180, 50), (245, 208, 75)),
}


def _gradient(top: ArrayLike, bottom: ArrayLike, n_rows: int) -> np.ndarray:
    part = np.linspace(0, 1, n_rows)[:, None]
    return (1 - part) * np.asarray(top) + part * np.asarray(bottom)


class _Brush:
    """Draws in units of the frame's height, under the light of the time of day."""

    def __init__(self, image: Image.Image, light: Light) -> None:
        self._draw = ImageDraw.Draw(image)
        self._size = image.height
        self.width = image.width / image.height
        self.light = light

    def _lit(self, colour: Colour) -> Colour:
        r, g, b = (round(c * factor) for c, factor in zip(colour, self.light.ground, strict=True))
        return r, g, b

    def polygon(self, points: list[tuple[float, float]], colour: Colour, lit: bool = True) -> None:
        scaled = [(x * self._size, y * self._size) for x, y in points]
        self._draw.polygon(scaled, fill=self._lit(colour) if lit else colour)

    def box(
        self, x: float, y: float, width: float, height: float, colour: Colour, lit: bool = True
    ) -> None:
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        self.polygon(corners, colour, lit)

    def disc(self, x: float, y: float, r: float, colour: Colour, lit: bool = True) -> None:
        s = self._size
        box = ((x - r) * s, (y - r) * s, (x + r) * s, (y + r) * s)
        self._draw.ellipse(box, fill=self._lit(colour) if lit else colour)

    def hills(
        self, top: float, rise: float, gap: float, start: float, colour: Colour, foot: float
    ) -> None:
        """A smooth ridge over the whole width, a crest every `gap` from `start`."""
        x = np.linspace(0, self.width, 24 * int(np.ceil(self.width / gap)) + 1)
        y = top - 0.5 * rise * np.cos(2 * np.pi * (x - start) / gap)
        ridge = list(zip(x.tolist(), y.tolist(), strict=True))
        self.polygon([(0, foot), *ridge, (self.width, foot)], colour)


def _spread(brush: _Brush, rng: np.random.Generator, gap: float, jitter: float = 0) -> np.ndarray:
    """Places over the whole width and a little beyond, about `gap` apart."""
    places = np.arange(rng.uniform(-gap, 0), brush.width + gap, gap)
    return places + rng.uniform(-jitter, jitter, len(places))


def _sky(brush: _Brush, rng: np.random.Generator) -> None:
    light = brush.light
    for x in _spread(brush, rng, 0.75, 0.12):
        y = rng.uniform(0.1, 0.22)
        for dx, dy, r in ((-0.09, 0.01, 0.035), (0, -0.01, 0.055), (0.09, 0.01, 0.04)):
            brush.disc(x + dx, y + dy, r, light.cloud, lit=False)
        brush.box(x - 0.09, y, 0.18, 0.045, light.cloud, lit=False)
    brush.disc(rng.uniform(0.1, brush.width - 0.1), light.height, 0.08, light.sun, lit=False)


def _forest(brush: _Brush, rng: np.random.Generator) -> None:
    brush.hills(HORIZON - 0.14, 0.05, 0.3, rng.uniform(), (50, 105, 70), HORIZON + 0.01)
    for x in _spread(brush, rng, 0.27, 0.03):
        tall, foot = rng.uniform(0.36, 0.48), HORIZON + rng.uniform(0.02, 0.05)
        brush.box(x - 0.025, foot - 0.08, 0.05, 0.08, (105, 68, 38))
        for low, half, high in ((0.06, 0.125, 0.68), (0.42 * tall, 0.095, 1.0)):
            corners = [(x - half, foot - low), (x, foot - high * tall), (x + half, foot - low)]
            brush.polygon(corners, (25, 82, 45))


def _palm(brush: _Brush, x: float, foot: float, lean: float) -> None:
    top = foot - 0.38
    left = [(x - 0.025, foot), (x + lean - 0.018, top)]
    right = [(x + lean + 0.018, top), (x + 0.025, foot)]
    brush.polygon(left + right, (140, 98, 55))
    x += lean
    for dx, dy in ((-0.17, 0.08), (-0.13, -0.06), (0.13, -0.06), (0.17, 0.08)):
        tip, knee = (x + dx, top + dy), (x + 0.6 * dx, top + dy - 0.06)
        brush.polygon([(x, top + 0.035), tip, knee, (x, top - 0.025)], (50, 140, 65))


def _beach(brush: _Brush, rng: np.random.Generator) -> None:
    brush.box(0, HORIZON - 0.11, brush.width, 0.12, (45, 150, 200))
    brush.hills(HORIZON + 0.025, 0.02, 0.5, rng.uniform(), (246, 228, 175), HORIZON + 0.06)
    for x in _spread(brush, rng, 0.72, 0.06):
        _palm(brush, x, HORIZON + rng.uniform(0.06, 0.1), rng.uniform(-0.05, 0.05))
        shade, top = x + 0.36, HORIZON - 0.17
        brush.box(shade - 0.016, top, 0.032, 0.24, (235, 225, 205))
        corners = [(shade - 0.15, top + 0.08), (shade, top - 0.03), (shade + 0.15, top + 0.08)]
        brush.polygon(corners, (232, 110, 90))


def _street(brush: _Brush, rng: np.random.Generator) -> None:
    walls = [(200, 124, 104), (222, 190, 140), (144, 160, 182), (186, 160, 150)]
    first = int(rng.integers(len(walls)))
    for i, x in enumerate(_spread(brush, rng, 0.36)):
        tall = rng.uniform(0.3, 0.36)
        top = HORIZON - tall
        brush.box(x, top, 0.36, tall, walls[(first + i) % len(walls)])
        corners = [(x - 0.01, top), (x + 0.06, top - 0.1), (x + 0.3, top - 0.1), (x + 0.37, top)]
        brush.polygon(corners, (135, 82, 74))
        for dx, dy in ((0.06, 0.05), (0.2, 0.05), (0.06, 0.18)):
            brush.box(x + dx, top + dy, 0.1, 0.085, brush.light.pane, lit=False)
        brush.box(x + 0.2, HORIZON - 0.14, 0.1, 0.14, (122, 86, 74))
    brush.box(0, HORIZON, brush.width, 0.045, (172, 166, 160))
    for x in _spread(brush, rng, 0.36):
        brush.box(x, 0.78, 0.18, 0.04, (225, 225, 215))


def _snow(brush: _Brush, rng: np.random.Generator) -> None:
    for x in _spread(brush, rng, 0.42, 0.05):
        tall = rng.uniform(0.3, 0.4)
        peak, foot = HORIZON - tall, HORIZON + 0.01
        brush.polygon([(x - 0.9 * tall, foot), (x, peak), (x + 0.9 * tall, foot)], (125, 145, 185))
        cap = 0.45 * tall
        corners = [(x - 0.9 * cap, peak + cap), (x, peak), (x + 0.9 * cap, peak + cap)]
        brush.polygon(corners, (246, 249, 255))
    brush.hills(HORIZON - 0.02, 0.05, 0.6, rng.uniform(), (222, 231, 245), HORIZON + 0.02)


def _cactus(brush: _Brush, x: float, foot: float) -> None:
    green = (70, 135, 70)
    brush.box(x - 0.035, foot - 0.28, 0.07, 0.28, green)
    brush.disc(x, foot - 0.28, 0.035, green)
    brush.box(x - 0.11, foot - 0.15, 0.22, 0.045, green)
    for arm, high in ((x - 0.11, 0.22), (x + 0.065, 0.25)):
        brush.box(arm, foot - high, 0.045, high - 0.12, green)
        brush.disc(arm + 0.0225, foot - high, 0.0225, green)


def _desert(brush: _Brush, rng: np.random.Generator) -> None:
    start = rng.uniform()
    for x in start + 0.95 * np.arange(-2, np.ceil(brush.width / 0.95) + 1):
        left = [(x - 0.2, HORIZON), (x - 0.13, HORIZON - 0.24)]
        right = [(x + 0.13, HORIZON - 0.24), (x + 0.2, HORIZON)]
        brush.polygon(left + right, (190, 95, 62))
    brush.hills(HORIZON - 0.04, 0.06, 0.8, rng.uniform(), (238, 172, 100), HORIZON + 0.01)
    for x in _spread(brush, rng, 0.6, 0.06):
        _cactus(brush, x, HORIZON + rng.uniform(0.04, 0.09))


def _sea(brush: _Brush, rng: np.random.Generator) -> None:
    for x in _spread(brush, rng, 0.8, 0.08):
        for dx, r in ((-0.08, 0.09), (0.05, 0.13)):
            brush.disc(x + dx, HORIZON + 0.01, r, (85, 135, 120))
    brush.box(0, HORIZON, brush.width, 0.16, (25, 90, 150))
    swells = [(35, 115, 175), (65, 155, 200), (35, 115, 170), (20, 85, 140)]
    for i, colour in enumerate(swells):
        top = HORIZON + 0.07 + 0.105 * i
        brush.hills(top, 0.022 + 0.008 * i, 0.36 + 0.03 * i, rng.uniform(), colour, 1.0)


def _window(brush: _Brush, x: float) -> None:
    light, half, top, tall = brush.light, 0.16, 0.07, 0.34
    brush.box(x - half - 0.035, top - 0.035, 2 * half + 0.07, tall + 0.07, (245, 238, 225))
    for i, colour in enumerate(_gradient(light.top, light.bottom, 17)):
        r, g, b = (round(c) for c in colour)
        brush.box(x - half, top + 0.02 * i, 2 * half, 0.02, (r, g, b), lit=False)
    brush.disc(x + 0.085, 0.16, 0.05, light.sun, lit=False)
    brush.box(x - 0.016, top, 0.032, tall, (245, 238, 225))
    for side in (-1, 1):
        outer, inner = x + side * (half + 0.07), x + side * 0.09
        corners = [(outer, 0.02), (inner, 0.02), (outer - side * 0.05, 0.46), (outer, 0.46)]
        brush.polygon(corners, (222, 138, 120))


def _room(brush: _Brush, rng: np.random.Generator) -> None:
    brush.box(0, 0, brush.width, HORIZON, (172, 204, 142))
    for x in _spread(brush, rng, 0.2):
        brush.box(x, 0, 0.1, HORIZON, (186, 215, 158))
    for x in _spread(brush, rng, 0.8, 0.03):
        _window(brush, x)
        picture = x + 0.4
        brush.box(picture - 0.1, 0.12, 0.2, 0.24, (168, 118, 78))
        brush.box(picture - 0.065, 0.155, 0.13, 0.17, (240, 225, 185))
        brush.disc(picture, 0.25, 0.05, (226, 150, 96))
    brush.box(0, HORIZON - 0.05, brush.width, 0.06, (240, 232, 215))
    brush.box(0, HORIZON + 0.07, brush.width, 0.1, (188, 126, 78))
    brush.box(0, HORIZON + 0.29, brush.width, 0.16, (168, 106, 62))


def _barn(brush: _Brush, x: float) -> None:
    foot = HORIZON + 0.02
    left = [(x - 0.16, foot), (x - 0.16, foot - 0.2), (x - 0.11, foot - 0.3)]
    right = [(x + 0.11, foot - 0.3), (x + 0.16, foot - 0.2), (x + 0.16, foot)]
    brush.polygon([*left, (x, foot - 0.36), *right], (195, 50, 42))
    for side in (-1, 1):
        roof = [(0.19, 0.17), (0.125, 0.31), (0, 0.38), (0, 0.335), (0.1, 0.275), (0.15, 0.16)]
        brush.polygon([(x + side * dx, foot - dy) for dx, dy in roof], (105, 72, 72))
    brush.box(x - 0.055, foot - 0.13, 0.11, 0.13, (240, 228, 208))


def _farm(brush: _Brush, rng: np.random.Generator) -> None:
    brush.hills(HORIZON - 0.06, 0.06, 0.7, rng.uniform(), (110, 165, 80), HORIZON + 0.01)
    middle = brush.width / 2 + rng.uniform(-0.1, 0.1)
    for k in np.arange(-2 * np.ceil(brush.width / 0.1), 2 * np.ceil(brush.width / 0.1), 2):
        corners = [(0.06 * k, HORIZON), (0.06 * k + 0.06, HORIZON)]
        corners += [(0.16 * k + 0.16, 1.0), (0.16 * k, 1.0)]
        brush.polygon([(middle + x, y) for x, y in corners], (216, 170, 52))
    for x in _spread(brush, rng, 0.78, 0.04):
        _barn(brush, x)
        brush.box(x + 0.365, HORIZON - 0.13, 0.05, 0.15, (110, 75, 45))
        brush.disc(x + 0.39, HORIZON - 0.2, 0.11, (85, 145, 65))
    brush.box(0, HORIZON + 0.035, brush.width, 0.032, (242, 226, 184))
    for x in _spread(brush, rng, 0.3):
        brush.box(x, HORIZON - 0.01, 0.05, 0.12, (242, 226, 184))


_PAINT: dict[str, Callable[[_Brush, np.random.Generator], None]] = dict(
    zip(PALETTES, (_forest, _beach, _street, _snow, _desert, _sea, _room, _farm), strict=True)
)


def paint(
    scene: str, time: str, rng: np.random.Generator, size: int, width: float = 1.0
) -> Image.Image:
    """Paint a background, RGB, `size` pixels high and `width` times as wide: a panorama."""
    light = LIGHTS[time]
    far, near = (np.array(colour) * light.ground for colour in PALETTES[scene])
    split, columns = round(HORIZON * size), round(width * size)
    sky = _gradient(light.top, light.bottom, split)
    rows = np.concatenate([sky, _gradient(far, near, size - split)])
    pixels = np.broadcast_to(rows.round().astype(np.uint8)[:, None], (size, columns, 3))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    brush = _Brush(image, light)
    if scene != "room":
        _sky(brush, rng)
    _PAINT[scene](brush, rng)
    return image.filter(ImageFilter.GaussianBlur(BLUR * size))
