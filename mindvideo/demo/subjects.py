"""The subjects of the film world: twelve silhouettes that differ at 64 × 64 pixels.

A subject is drawn in its own coordinates: x to its front, y down, one unit wide.
"""

from __future__ import annotations

from collections.abc import Callable
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

# Lowest point of the silhouette [units], and for what hovers the height of its centre [frame].
STANCE: dict[str, tuple[float, float | None]] = {
    "dog": (0.38, None),
    "bird": (0.3, 0.36),
    "fish": (0.3, 0.56),
    "turtle": (0.3, None),
    "man": (0.58, None),
    "woman": (0.58, None),
    "child": (0.52, None),
    "cyclist": (0.46, None),
    "car": (0.28, None),
    "bus": (0.36, None),
    "boat": (0.4, None),
    "plane": (0.25, 0.34),
}


def _shade(colour: Colour, factor: float) -> Colour:
    r, g, b = (min(255, round(c * factor)) for c in colour)
    return r, g, b


class Pen:
    """Draws in the units of a subject.

    Parameters
    ----------
    image
        Drawn on in place.
    centre, scale
        Where the origin lies and how long a unit is [px].
    mirrored
        The subject looks left instead of right.
    light
        Factor on all colours.
    """

    def __init__(
        self, image: Image.Image, centre: Point, scale: float, mirrored: bool, light: float
    ) -> None:
        self._draw = ImageDraw.Draw(image)
        self._x, self._y = centre
        self._scale = scale
        self._sign = -1 if mirrored else 1
        self._light = light
        self._rim = max(1, round(0.02 * scale))

    def _at(self, point: Point) -> Point:
        return self._x + self._sign * self._scale * point[0], self._y + self._scale * point[1]

    def shape(self, points: list[Point], colour: Colour, rim: bool = True) -> None:
        """A filled polygon, with a darker (for black: lighter) rim that parts it from the scene."""
        outline = None
        if rim:
            factor = 0.45 if sum(colour) > 150 else 3.2
            outline = _shade(colour, factor * self._light)
        self._draw.polygon(
            [self._at(p) for p in points],
            fill=_shade(colour, self._light),
            outline=outline,
            width=self._rim if rim else 0,
        )

    def oval(
        self, centre: Point, rx: float, ry: float, colour: Colour, rim: bool = True, turn: float = 0
    ) -> None:
        """An ellipse with half axes rx, ry, turned by `turn` radians."""
        n = 20
        c, s = cos(turn), sin(turn)
        ring = [(rx * cos(2 * pi * i / n), ry * sin(2 * pi * i / n)) for i in range(n)]
        points = [(centre[0] + c * x - s * y, centre[1] + s * x + c * y) for x, y in ring]
        self.shape(points, colour, rim)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour,
            rim: bool = True) -> None:  # fmt: skip
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour, rim)

    def stroke(self, points: list[Point], width: float, colour: Colour) -> None:
        """A line through the points, `width` units thick."""
        thick = max(1, round(width * self._scale))
        self._draw.line([self._at(p) for p in points], _shade(colour, self._light), thick, "curve")

    def wheel(self, centre: Point, radius: float) -> None:
        self.oval(centre, radius, radius, TYRE, rim=False)
        self.oval(centre, 0.5 * radius, 0.5 * radius, METAL, rim=False)


def draw_speed_lines(pen: Pen) -> None:
    """Lines behind a subject that moves sideways, so that a single frame tells it too."""
    for y, reach in ((-0.16, 0.2), (0.0, 0.28), (0.16, 0.2)):
        pen.stroke([(-0.54, y), (-0.54 - reach, y)], 0.03, (255, 255, 255))


def _dog(pen: Pen, paint: Colour, stride: float) -> None:
    for x, sign in ((-0.3, 1), (-0.2, -1), (0.12, 1), (0.22, -1)):
        foot = x + 0.09 * sign * stride
        pen.stroke([(x, 0.08), (foot, 0.37)], 0.09, _shade(paint, 0.75))
    pen.stroke([(-0.36, -0.05), (-0.46, -0.2), (-0.42, -0.32)], 0.07, paint)
    pen.shape([(-0.38, -0.12), (0.26, -0.12), (0.3, 0.1), (0.2, 0.17), (-0.34, 0.15)], paint)
    head = [(0.14, -0.1), (0.2, -0.36), (0.38, -0.38), (0.52, -0.24), (0.5, -0.14), (0.32, -0.08)]
    pen.shape(head, paint)
    pen.oval((0.22, -0.24), 0.06, 0.13, _shade(paint, 0.5), rim=False)
    pen.oval((0.5, -0.22), 0.035, 0.035, TYRE, rim=False)
    pen.oval((0.37, -0.28), 0.025, 0.025, TYRE, rim=False)


def _bird(pen: Pen, paint: Colour, stride: float) -> None:
    pen.shape([(-0.2, -0.02), (-0.5, -0.1), (-0.5, 0.1)], _shade(paint, 0.75))
    pen.oval((0.0, 0.02), 0.3, 0.15, paint)
    pen.oval((0.28, -0.09), 0.12, 0.11, paint)
    pen.shape([(0.38, -0.12), (0.52, -0.06), (0.38, -0.03)], BEAK)
    pen.oval((0.31, -0.11), 0.025, 0.025, TYRE if sum(paint) > 150 else METAL, rim=False)
    tip = -0.34 - 0.1 * stride
    pen.shape([(0.12, 0.0), (-0.16, 0.02), (-0.32, tip), (-0.12, tip + 0.04)], _shade(paint, 0.85))


def _fish(pen: Pen, paint: Colour, stride: float) -> None:
    pen.shape([(-0.22, 0.0), (-0.5, -0.24 + 0.05 * stride), (-0.42, 0.0),
               (-0.5, 0.24 + 0.05 * stride)], _shade(paint, 0.8))  # fmt: skip
    pen.shape([(-0.1, -0.2), (0.06, -0.36), (0.18, -0.18)], _shade(paint, 0.8))
    pen.oval((0.08, 0.0), 0.38, 0.25, paint)
    pen.stroke([(0.0, -0.2), (0.03, 0.0), (0.0, 0.2)], 0.05, _shade(paint, 0.6))
    pen.stroke([(-0.13, -0.17), (-0.1, 0.0), (-0.13, 0.17)], 0.05, _shade(paint, 0.6))
    pen.oval((0.27, -0.07), 0.06, 0.06, (255, 255, 255), rim=False)
    pen.oval((0.28, -0.07), 0.03, 0.03, TYRE, rim=False)


def _turtle(pen: Pen, paint: Colour, stride: float) -> None:
    for x, sign in ((-0.24, 1), (0.2, -1)):
        pen.oval((x + 0.05 * sign * stride, 0.2), 0.1, 0.1, LEAF)
    pen.stroke([(-0.38, 0.13), (-0.5, 0.18)], 0.06, LEAF)
    pen.oval((0.42, 0.02), 0.11, 0.1, LEAF)
    pen.oval((0.46, -0.01), 0.022, 0.022, TYRE, rim=False)
    dome = [(0.38 * cos(pi * i / 12), 0.14 - 0.42 * sin(pi * i / 12)) for i in range(13)]
    pen.shape(dome, paint)
    for x in (-0.17, 0.0, 0.17):
        pen.oval((x, -0.02 - (0.1 if x == 0 else 0)), 0.07, 0.08, _shade(paint, 0.6), rim=False)
    pen.box(-0.4, 0.1, 0.4, 0.17, _shade(paint, 0.7))


def _legs(pen: Pen, top: float, length: float, stride: float, colour: Colour) -> None:
    for sign in (-1, 1):
        x = 0.05 * sign
        pen.stroke([(x, top), (x + 0.15 * sign * stride, top + length)], 0.085, colour)


def _man(pen: Pen, paint: Colour, stride: float) -> None:
    _legs(pen, 0.14, 0.42, stride, (55, 60, 85))
    pen.stroke([(-0.12, -0.16), (-0.2 - 0.1 * stride, 0.14)], 0.075, _shade(paint, 0.75))
    pen.shape([(-0.17, -0.22), (0.17, -0.22), (0.13, 0.2), (-0.13, 0.2)], paint)
    pen.stroke([(0.12, -0.16), (0.2 + 0.1 * stride, 0.14)], 0.075, _shade(paint, 0.75))
    pen.oval((0.0, -0.35), 0.12, 0.13, SKIN)
    pen.box(-0.2, -0.46, 0.2, -0.41, (60, 45, 35), rim=False)
    pen.box(-0.12, -0.64, 0.12, -0.44, (60, 45, 35), rim=False)


def _woman(pen: Pen, paint: Colour, stride: float) -> None:
    _legs(pen, 0.28, 0.28, stride, SKIN)
    pen.oval((-0.03, -0.34), 0.17, 0.24, HAIR, rim=False)
    pen.stroke([(-0.07, -0.15), (-0.26, 0.1)], 0.06, SKIN)
    pen.stroke([(0.07, -0.15), (0.26, 0.1)], 0.06, SKIN)
    pen.shape([(-0.1, -0.2), (0.1, -0.2), (0.34, 0.36), (-0.34, 0.36)], paint)
    pen.oval((0.02, -0.36), 0.11, 0.13, SKIN)
    pen.shape([(-0.13, -0.36), (-0.1, -0.52), (0.1, -0.52), (0.14, -0.42)], HAIR, rim=False)


def _child(pen: Pen, paint: Colour, stride: float) -> None:
    _legs(pen, 0.26, 0.25, 0.8 * stride, (70, 80, 120))
    pen.stroke([(0.1, 0.06), (0.3, -0.06), (0.34, -0.3)], 0.025, (240, 240, 240))
    pen.stroke([(0.08, 0.06), (0.3, -0.04)], 0.06, SKIN)
    pen.box(-0.15, 0.0, 0.13, 0.3, paint)
    pen.oval((-0.02, -0.17), 0.19, 0.19, SKIN)
    pen.shape([(-0.21, -0.18), (-0.15, -0.37), (0.1, -0.38), (0.16, -0.24)], HAIR, rim=False)
    pen.oval((0.36, -0.44), 0.16, 0.19, paint)


def _cyclist(pen: Pen, paint: Colour, stride: float) -> None:
    for x in (-0.28, 0.28):
        pen.oval((x, 0.25), 0.21, 0.21, TYRE, rim=False)
        pen.oval((x, 0.25), 0.145, 0.145, (205, 205, 205), rim=False)
    pen.stroke([(-0.28, 0.25), (-0.1, 0.02), (0.2, 0.02), (0.28, 0.25)], 0.05, BEAK)
    pen.stroke([(-0.1, 0.02), (0.0, 0.25), (0.2, 0.02)], 0.05, BEAK)
    knee = 0.06 * stride
    pen.stroke([(-0.13, -0.06), (0.1, 0.03 + knee), (0.0, 0.26 + knee)], 0.09, (55, 60, 85))
    pen.shape([(-0.2, -0.04), (-0.08, -0.36), (0.1, -0.38), (0.0, 0.0)], paint)
    pen.stroke([(0.04, -0.28), (0.24, -0.06)], 0.07, paint)
    pen.oval((0.14, -0.48), 0.11, 0.11, SKIN)
    pen.shape([(0.01, -0.5), (0.06, -0.63), (0.22, -0.63), (0.28, -0.52)], METAL)


def _car(pen: Pen, paint: Colour, stride: float) -> None:
    pen.shape([(-0.28, -0.03), (-0.18, -0.26), (0.14, -0.26), (0.28, -0.03)], paint)
    pen.shape([(-0.21, -0.04), (-0.14, -0.21), (-0.03, -0.21), (-0.03, -0.04)], GLASS, rim=False)
    pen.shape([(0.01, -0.04), (0.01, -0.21), (0.12, -0.21), (0.21, -0.04)], GLASS, rim=False)
    pen.shape([(-0.5, -0.04), (0.4, -0.04), (0.5, 0.04), (0.5, 0.17), (-0.5, 0.17)], paint)
    pen.oval((0.46, 0.06), 0.035, 0.04, (255, 250, 190), rim=False)
    for x in (-0.28, 0.28):
        pen.wheel((x, 0.16), 0.12)


def _bus(pen: Pen, paint: Colour, stride: float) -> None:
    pen.box(-0.5, -0.4, 0.5, 0.25, paint)
    for left in (-0.44, -0.23, -0.02, 0.19):
        pen.box(left, -0.31, left + 0.17, -0.08, GLASS, rim=False)
    pen.box(0.4, -0.31, 0.49, 0.08, GLASS, rim=False)
    pen.box(-0.5, 0.04, 0.38, 0.08, _shade(paint, 0.6), rim=False)
    for x in (-0.28, 0.28):
        pen.wheel((x, 0.25), 0.11)


def _boat(pen: Pen, paint: Colour, stride: float) -> None:
    tilt = 0.03 * stride
    pen.stroke([(0.0, 0.15), (tilt, -0.6)], 0.04, HAIR)
    pen.shape([(0.04 + tilt, -0.56), (0.42, 0.08), (0.04, 0.08)], (250, 245, 230))
    pen.shape([(-0.04 + tilt, -0.46), (-0.3, 0.08), (-0.04, 0.08)], (235, 225, 205))
    pen.shape([(-0.5, 0.14), (0.52, 0.14), (0.36, 0.39), (-0.36, 0.39)], paint)


def _plane(pen: Pen, paint: Colour, stride: float) -> None:
    pen.shape([(-0.4, -0.05), (-0.52, -0.3), (-0.38, -0.3), (-0.22, -0.06)], _shade(paint, 0.8))
    pen.shape(
        [(-0.5, 0.0), (-0.4, -0.1), (0.34, -0.11), (0.5, 0.0), (0.34, 0.1), (-0.3, 0.1)], paint
    )
    for x in (-0.2, -0.06, 0.08, 0.22):
        pen.box(x, -0.06, x + 0.06, 0.0, GLASS, rim=False)
    pen.shape([(0.34, -0.09), (0.44, -0.03), (0.34, -0.03)], GLASS, rim=False)
    pen.shape([(0.12, 0.03), (-0.08, 0.03), (-0.34, 0.26), (-0.2, 0.26)], _shade(paint, 0.8))


DRAW: dict[str, Callable[[Pen, Colour, float], None]] = {
    "dog": _dog,
    "bird": _bird,
    "fish": _fish,
    "turtle": _turtle,
    "man": _man,
    "woman": _woman,
    "child": _child,
    "cyclist": _cyclist,
    "car": _car,
    "bus": _bus,
    "boat": _boat,
    "plane": _plane,
}
