"""Vehicles of the film world."""

from __future__ import annotations

from mindvideo.demo.pen import GLASS, HAIR, METAL, TYRE, Colour, Draw, Pen, shade

_CANVAS, _LAMP, _WICKER = (250, 245, 230), (255, 250, 190), (165, 110, 55)


def _car(pen: Pen, paint: Colour, stride: float) -> None:
    pen.shape([(-0.36, 0.0), (-0.26, -0.29), (0.08, -0.29), (0.27, 0.0)], paint)
    pen.shape([(-0.27, -0.03), (-0.21, -0.22), (-0.11, -0.22), (-0.11, -0.03)], GLASS, rim=False)
    pen.shape([(-0.04, -0.03), (-0.04, -0.22), (0.05, -0.22), (0.18, -0.03)], GLASS, rim=False)
    pen.shape(
        [(-0.52, -0.05), (0.3, -0.05), (0.49, 0.02), (0.52, 0.2), (-0.5, 0.2)],
        paint,
    )
    pen.oval((0.45, 0.07), 0.05, 0.05, _LAMP, rim=False)
    for x in (-0.29, 0.29):
        pen.wheel((x, 0.19), 0.13)


def _bus(pen: Pen, paint: Colour, stride: float) -> None:
    pen.shape([(-0.52, -0.42), (0.44, -0.42), (0.52, -0.3), (0.52, 0.3), (-0.52, 0.3)], paint)
    for left in (-0.45, -0.22, 0.01):
        pen.box(left, -0.31, left + 0.17, -0.1, GLASS, rim=False)
    pen.shape([(0.26, -0.31), (0.42, -0.31), (0.49, -0.24), (0.49, 0.02), (0.26, 0.02)], GLASS)
    pen.box(-0.5, 0.03, 0.22, 0.1, shade(paint, 0.6), rim=False)
    for x in (-0.3, 0.3):
        pen.wheel((x, 0.29), 0.12)


def _boat(pen: Pen, paint: Colour, stride: float) -> None:
    top = 0.04 * stride - 0.06
    pen.stroke([(-0.06, 0.18), (top, -0.62)], 0.06, HAIR)
    pen.shape([(top - 0.02, -0.58), (-0.44, 0.1), (-0.07, 0.1)], paint)
    pen.shape([(top + 0.04, -0.5), (0.38, 0.1), (-0.01, 0.1)], _CANVAS)
    pen.shape([(-0.48, 0.16), (0.52, 0.12), (0.34, 0.42), (-0.38, 0.42)], paint)


def _plane(pen: Pen, paint: Colour, stride: float) -> None:
    dip = 0.03 * stride
    far = [(0.18, -0.1), (-0.06, -0.1), (-0.2, -0.32 + dip), (-0.07, -0.32 + dip)]
    near = [(0.22, 0.03), (-0.12, 0.03), (-0.36, 0.36 + dip), (-0.18, 0.36 + dip)]
    pen.shape(far, shade(paint, 0.75))
    pen.shape([(-0.34, 0.0), (-0.52, -0.38), (-0.36, -0.38), (-0.16, -0.06)], paint)
    pen.shape(
        [(-0.5, -0.06), (0.28, -0.17), (0.44, -0.1), (0.52, 0.03), (0.42, 0.14), (-0.26, 0.14)],
        paint,
    )
    pen.shape([(0.26, -0.14), (0.42, -0.08), (0.48, 0.01), (0.26, 0.01)], GLASS, rim=False)
    pen.shape(near, shade(paint, 0.85))


def _helicopter(pen: Pen, paint: Colour, stride: float) -> None:
    reach = 0.48 - 0.2 * abs(stride)
    pen.stroke([(0.08, -0.2), (0.08, -0.38)], 0.08, METAL)
    pen.stroke([(0.06 - reach, -0.37), (0.06 + reach, -0.37)], 0.07, TYRE)
    pen.shape([(-0.46, -0.16), (0.1, -0.24), (0.1, 0.1), (-0.44, -0.02)], paint)
    pen.shape([(-0.52, -0.33), (-0.38, -0.33), (-0.32, -0.02), (-0.46, 0.0)], paint)
    for x in (0.02, 0.28):
        pen.stroke([(x, 0.16), (x, 0.36)], 0.06, METAL)
    pen.stroke([(-0.14, 0.37), (0.4, 0.37), (0.49, 0.31)], 0.07, TYRE)
    pen.oval((0.15, 0.0), 0.37, 0.27, paint)
    pen.shape(
        [(0.24, -0.22), (0.34, -0.19), (0.43, -0.12), (0.48, 0.0), (0.24, 0.03)],
        GLASS,
        rim=False,
    )


def _balloon(pen: Pen, paint: Colour, stride: float) -> None:
    sway = 0.03 * stride
    for x in (-0.12, 0.12):
        pen.stroke([(2 * x, 0.2), (x + sway, 0.44)], 0.06, HAIR)
    pen.shape([(-0.32, 0.14), (0.32, 0.14), (0.12, 0.34), (-0.12, 0.34)], paint)
    pen.oval((0.0, -0.11), 0.45, 0.43, paint)
    pen.shape([(-0.28, 0.14), (0.28, 0.14), (0.1, 0.32), (-0.1, 0.32)], paint, rim=False)
    pen.oval((0.08, -0.11), 0.13, 0.4, shade(paint, 0.65), rim=False)
    pen.box(sway - 0.16, 0.41, sway + 0.16, 0.58, _WICKER)


STANCE: dict[str, tuple[float, float | None]] = {
    "car": (0.32, None),
    "bus": (0.41, None),
    "boat": (0.42, None),
    "plane": (0.39, 0.34),
    "helicopter": (0.41, 0.38),
    "balloon": (0.58, 0.4),
}
DRAW: dict[str, Draw] = {
    "car": _car,
    "bus": _bus,
    "boat": _boat,
    "plane": _plane,
    "helicopter": _helicopter,
    "balloon": _balloon,
}
