"""Animals of the film world."""

from __future__ import annotations

from math import cos, pi, sin

from mindvideo.demo.pen import BEAK, LEAF, TYRE, Colour, Draw, Pen, shade

_WHITE = (250, 250, 250)
_HIDE = shade(LEAF, 0.65)


def _eye(pen: Pen, x: float, y: float, radius: float = 0.04) -> None:
    pen.oval((x, y), radius, radius, TYRE, rim=False)


def _leg(
    pen: Pen, x: float, top: float, foot: float, bottom: float, half: float, colour: Colour
) -> None:
    corners = [(x - half, top), (x + half, top), (foot + half, bottom), (foot - half, bottom)]
    pen.shape(corners, colour)


def _dog(pen: Pen, paint: Colour, stride: float) -> None:
    for x, sign in ((-0.2, -1), (0.2, 1)):
        _leg(pen, x, 0.05, x + 0.09 * sign * stride, 0.38, 0.055, shade(paint, 0.65))
    wag = -0.41 + 0.05 * stride
    tail = [(-0.36, -0.02), (-0.46, -0.14), (wag - 0.07, -0.38), (wag + 0.03, -0.4)]
    tail += [(-0.36, -0.16), (-0.26, -0.1)]
    pen.shape(tail, paint)
    for x, sign in ((-0.31, 1), (0.09, -1)):
        _leg(pen, x, 0.05, x + 0.09 * sign * stride, 0.38, 0.06, paint)
    trunk = [(-0.38, -0.12), (0.1, -0.14), (0.2, -0.32), (0.32, -0.2), (0.28, 0.1)]
    trunk += [(0.16, 0.18), (-0.2, 0.12), (-0.37, 0.16)]
    pen.shape(trunk, paint)
    head = [(0.12, -0.22), (0.16, -0.44), (0.34, -0.46), (0.4, -0.34), (0.52, -0.3)]
    head += [(0.52, -0.18), (0.32, -0.12)]
    pen.shape(head, paint)
    pen.oval((0.17, -0.28), 0.075, 0.17, shade(paint, 0.45), rim=False, turn=0.15)
    pen.oval((0.48, -0.29), 0.045, 0.045, TYRE, rim=False)
    _eye(pen, 0.34, -0.35, 0.035)


def _bird(pen: Pen, paint: Colour, stride: float) -> None:
    tip = -0.4 - 0.14 * stride
    pen.shape([(0.2, -0.02), (0.0, -0.02), (0.0, tip), (0.16, tip + 0.08)], shade(paint, 0.6))
    tail = [(-0.18, -0.06), (-0.52, -0.16), (-0.44, 0.0), (-0.52, 0.14), (-0.18, 0.12)]
    pen.shape(tail, shade(paint, 0.75))
    pen.shape([(0.36, -0.16), (0.54, -0.06), (0.36, 0.02)], BEAK)
    pen.oval((-0.02, 0.04), 0.29, 0.16, paint)
    pen.oval((0.28, -0.08), 0.14, 0.13, paint)
    _eye(pen, 0.32, -0.11)
    wing = [(0.14, 0.04), (-0.14, 0.06), (-0.3, tip + 0.14), (-0.32, tip)]
    wing += [(-0.14, tip - 0.04), (0.02, tip + 0.16)]
    pen.shape(wing, shade(paint, 0.85))


def _fish(pen: Pen, paint: Colour, stride: float) -> None:
    swish = 0.06 * stride
    tail = [(-0.2, 0.0), (-0.5, -0.28 + swish), (-0.4, swish), (-0.5, 0.28 + swish)]
    pen.shape(tail, shade(paint, 0.75))
    pen.shape([(-0.16, -0.18), (-0.06, -0.4), (0.2, -0.36), (0.24, -0.18)], shade(paint, 0.75))
    pen.shape([(-0.02, 0.2), (-0.08, 0.37), (0.14, 0.22)], shade(paint, 0.75))
    pen.oval((0.1, 0.0), 0.4, 0.27, paint)
    for x in (-0.12, 0.06):
        stripe = [(x - 0.03, -0.19), (x + 0.05, -0.21), (x + 0.08, 0.0), (x + 0.05, 0.21)]
        stripe += [(x - 0.03, 0.19), (x, 0.0)]
        pen.shape(stripe, shade(paint, 0.55), rim=False)
    pen.oval((0.3, -0.07), 0.08, 0.08, _WHITE, rim=False)
    _eye(pen, 0.32, -0.07, 0.045)
    pen.stroke([(0.47, 0.09), (0.36, 0.11)], 0.06, shade(paint, 0.45))


def _turtle(pen: Pen, paint: Colour, stride: float) -> None:
    pen.shape([(-0.32, 0.08), (-0.52, 0.22), (-0.3, 0.2)], _HIDE)
    for x, sign in ((-0.24, 1), (0.2, -1)):
        pen.oval((x + 0.06 * sign * stride, 0.2), 0.1, 0.12, _HIDE)
    pen.shape([(0.2, 0.16), (0.26, 0.02), (0.38, -0.08), (0.46, 0.08), (0.36, 0.18)], _HIDE)
    pen.oval((0.41, -0.06), 0.12, 0.11, _HIDE)
    pen.oval((0.45, -0.09), 0.045, 0.045, _WHITE, rim=False)
    dome = [(0.39 * cos(pi * i / 14) - 0.04, 0.12 - 0.5 * sin(pi * i / 14)) for i in range(15)]
    pen.shape(dome, paint)
    for x, y in ((-0.23, -0.04), (-0.04, -0.19), (0.15, -0.04)):
        pen.oval((x, y), 0.075, 0.085, shade(paint, 0.6), rim=False)
    pen.box(-0.45, 0.09, 0.37, 0.17, shade(paint, 0.7))


def _elephant(pen: Pen, paint: Colour, stride: float) -> None:
    for x, sign in ((-0.2, -1), (0.16, 1)):
        _leg(pen, x, 0.05, x + 0.06 * sign * stride, 0.42, 0.075, shade(paint, 0.6))
    pen.shape([(-0.42, -0.16), (-0.52, 0.14), (-0.44, 0.16), (-0.36, -0.06)], shade(paint, 0.6))
    for x, sign in ((-0.34, 1), (0.02, -1)):
        _leg(pen, x, 0.05, x + 0.06 * sign * stride, 0.42, 0.085, paint)
    pen.oval((-0.14, -0.08), 0.33, 0.25, paint)
    sway = 0.03 * stride
    head = [(0.2, -0.38), (0.36, -0.36), (0.46, -0.22), (0.5, 0.0), (0.48 + sway, 0.26)]
    head += [(0.51 + sway, 0.32), (0.46 + sway, 0.38), (0.38 + sway, 0.3), (0.37, 0.04)]
    head += [(0.3, 0.02), (0.14, -0.02)]
    pen.shape(head, paint)
    pen.shape(
        [(0.26, 0.0), (0.36, -0.04), (0.42, 0.05), (0.52, 0.04), (0.48, 0.13), (0.37, 0.13)],
        _WHITE,
        rim=False,
    )
    pen.oval((0.12, -0.17), 0.15, 0.22, shade(paint, 0.7), turn=0.15)
    _eye(pen, 0.34, -0.23)


def _butterfly(pen: Pen, paint: Colour, stride: float) -> None:
    spread = 0.86 + 0.14 * stride
    for side in (-1, 1):
        x = side * spread
        pen.stroke([(0.0, -0.24), (0.12 * side, -0.44)], 0.06, TYRE)
        hind_wing = [(0.0, 0.02), (0.3 * x, 0.06), (0.4 * x, 0.2), (0.34 * x, 0.4)]
        hind_wing += [(0.2 * x, 0.44), (0.06 * x, 0.26)]
        pen.shape(hind_wing, shade(paint, 0.75))
        fore_wing = [(0.0, -0.14), (0.2 * x, -0.38), (0.4 * x, -0.46), (0.52 * x, -0.36)]
        fore_wing += [(0.5 * x, -0.1), (0.38 * x, 0.08), (0.0, 0.06)]
        pen.shape(fore_wing, paint)
        pen.oval((0.36 * x, -0.24), 0.09 * spread, 0.1, shade(paint, 0.45), rim=False)
        pen.oval((0.25 * x, 0.26), 0.06 * spread, 0.07, _WHITE, rim=False)
    pen.oval((0.0, 0.02), 0.065, 0.26, TYRE, rim=False)
    pen.oval((0.0, -0.25), 0.08, 0.08, TYRE, rim=False)


STANCE: dict[str, tuple[float, float | None]] = {
    "dog": (0.38, None),
    "bird": (0.2, 0.36),
    "fish": (0.37, 0.56),
    "turtle": (0.32, None),
    "elephant": (0.42, None),
    "butterfly": (0.44, 0.42),
}
DRAW: dict[str, Draw] = {
    "dog": _dog,
    "bird": _bird,
    "fish": _fish,
    "turtle": _turtle,
    "elephant": _elephant,
    "butterfly": _butterfly,
}
