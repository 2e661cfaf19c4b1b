"""A pen that draws in a subject's coordinates: x to its front, y down, one unit wide."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import cos, pi, sin

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

PAINTS: dict[str, Colour] = {
    "red": (215, 35, 35),
    "blue": (40, 70, 220),
    "yellow": (250, 215, 40),
    "white": (245, 245, 245),
    "purple": (150, 50, 180),
    "green": (70, 205, 80),
}
SKIN, HAIR, METAL, GLASS = (235, 185, 150), (90, 50, 25), (150, 155, 165), (175, 220, 240)
TYRE, BEAK, LEAF = (30, 30, 30), (245, 150, 30), (95, 150, 70)


CORNERS = 20  # of an ellipse
CIRCLE = [(cos(2 * pi * i / CORNERS), sin(2 * pi * i / CORNERS)) for i in range(CORNERS)]


@lru_cache(maxsize=4096)
def shade(colour: Colour, factor: float) -> Colour:
    r, g, b = (min(255, round(c * factor)) for c in colour)
    return r, g, b


class Pen:
    """Draws in the units of a subject.

    Parameters
    ----------
    image
        Drawn on in place.
    centre, scale
        Position of the origin, and length of a unit [px].
    squeeze
        Factor on x: -1 mirrors the subject (it faces left), values between -1 and 1 turn it about
        its vertical axis.
    light
        Factor on all colours.
    """

    def __init__(
        self, image: Image.Image, centre: Point, scale: float, squeeze: float, light: float
    ) -> None:
        self._draw = ImageDraw.Draw(image)
        self._x, self._y = centre
        self._scale = scale
        self._across = squeeze * scale  # length of a unit along x
        self._light = light
        self._rim = max(1, round(0.02 * scale))

    def _on_image(self, points: list[Point]) -> list[Point]:
        left, top, across, down = self._x, self._y, self._across, self._scale
        return [(left + across * x, top + down * y) for x, y in points]

    def shape(self, points: list[Point], colour: Colour, rim: bool = True) -> None:
        """A filled polygon, with a darker (for black: lighter) rim."""
        outline = None
        if rim:
            factor = 0.45 if sum(colour) > 150 else 3.2
            outline = shade(colour, factor * self._light)
        self._draw.polygon(
            self._on_image(points),
            fill=shade(colour, self._light),
            outline=outline,
            width=self._rim if rim else 0,
        )

    def oval(
        self, centre: Point, rx: float, ry: float, colour: Colour, rim: bool = True, turn: float = 0
    ) -> None:
        """An ellipse with half axes rx, ry, turned by `turn` radians."""
        left, top, c, s = *centre, cos(turn), sin(turn)
        ring = [(rx * x, ry * y) for x, y in CIRCLE]
        self.shape([(left + c * x - s * y, top + s * x + c * y) for x, y in ring], colour, rim)

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: Colour, rim: bool = True
    ) -> None:
        """A filled rectangle."""
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour, rim)

    def stroke(self, points: list[Point], width: float, colour: Colour) -> None:
        """A line through the points, `width` units thick."""
        thick = max(1, round(width * self._scale))
        self._draw.line(self._on_image(points), shade(colour, self._light), thick, "curve")

    def wheel(self, centre: Point, radius: float) -> None:
        """A tyre with its rim of metal."""
        self.oval(centre, radius, radius, TYRE, rim=False)
        self.oval(centre, 0.5 * radius, 0.5 * radius, METAL, rim=False)


Draw = Callable[[Pen, Colour, float], None]
"""Draws a subject with a pen, in a colour, at a phase of its stride (-1…1)."""
