"""Plants, mountains and the like of the film world."""

from __future__ import annotations

from math import cos, pi, sin

from mindvideo.demo.pen import HAIR, Colour, Draw, Pen, Point, shade

_BARK, _STEM, _STALK, _SMOKE = (115, 70, 35), (40, 105, 50), (240, 225, 195), (95, 90, 95)
_LAVA, _EMBER, _HEART = (250, 90, 20), (255, 190, 40), (110, 65, 20)
_FOAM, _WATER = (235, 248, 255), (130, 200, 245)

Puff = tuple[float, float, float]


def _puffs(pen: Pen, puffs: list[Puff], colour: Colour) -> None:
    """Discs that merge into one shape with a common rim."""
    for rim in (True, False):
        for x, y, r in puffs:
            radius = r if rim else r - 0.025
            pen.oval((x, y), radius, radius, colour, rim)


def _tree(pen: Pen, paint: Colour, stride: float) -> None:
    sway = 0.03 * stride
    trunk = [(-0.11, 0.1), (0.09, 0.1), (0.1, 0.42), (0.22, 0.53), (-0.18, 0.53), (-0.1, 0.42)]
    pen.shape(trunk, _BARK)
    crown = [(-0.28, -0.06, 0.22), (0.26, -0.04, 0.2), (-0.2, -0.3, 0.22), (0.16, -0.32, 0.25)]
    crown += [(0.0, -0.14, 0.32), (0.32, -0.2, 0.18)]
    _puffs(pen, [(x + sway * (0.2 - y), y, r) for x, y, r in crown], paint)
    for x, y in ((-0.22, -0.08), (0.16, -0.24), (0.12, 0.02)):
        branch = [(x - 0.1, y - 0.04), (x, y + 0.02), (x + 0.1, y - 0.05)]
        pen.stroke(branch, 0.06, shade(paint, 0.7))


def _flower(pen: Pen, paint: Colour, stride: float) -> None:
    x, y = 0.05 + 0.03 * stride, -0.17
    pen.shape([(-0.12, 0.55), (-0.12, 0.28), (x, y), (-0.01, 0.28), (-0.01, 0.55)], _STEM)
    pen.oval((-0.27, 0.38), 0.19, 0.1, _STEM, turn=0.5)
    for i in range(6):
        turn = 2 * pi * i / 6 + 0.1 * stride
        pen.oval((x + 0.26 * cos(turn), y + 0.26 * sin(turn)), 0.2, 0.155, paint, turn=turn)
    pen.oval((x, y), 0.14, 0.14, _HEART)


def _arc(centre: Point, rx: float, ry: float, n: int = 14) -> list[Point]:
    """The upper half of an ellipse."""
    x, y = centre
    return [(x - rx * cos(pi * i / n), y - ry * sin(pi * i / n)) for i in range(n + 1)]


def _mushroom(pen: Pen, paint: Colour, stride: float) -> None:
    lean = 0.02 * stride
    foot = [(-0.12, 0.0), (0.14, 0.0), (0.15, 0.3), (0.24, 0.48), (-0.2, 0.48), (-0.13, 0.3)]
    pen.shape(foot, _STALK)
    pen.shape([*_arc((lean, 0.08), 0.5, 0.54), (0.3 + lean, 0.17), (-0.3 + lean, 0.17)], paint)
    spot = HAIR if sum(paint) > 600 else (250, 250, 250)
    for x, y, r in ((-0.27, -0.07, 0.08), (0.03, -0.23, 0.1), (0.3, -0.02, 0.07)):
        pen.oval((x + lean, y), r, r, spot, rim=False)


def _volcano(pen: Pen, paint: Colour, stride: float) -> None:
    drift, flow = 0.03 * stride, 0.12 + 0.05 * stride
    smoke = [(-0.02, -0.3, 0.11), (-0.13 + drift, -0.41, 0.13), (-0.28 + 2 * drift, -0.46, 0.14)]
    _puffs(pen, smoke, _SMOKE)
    pen.shape([(-0.52, 0.5), (-0.17, -0.2), (0.19, -0.2), (0.34, 0.18), (0.52, 0.5)], paint)
    lava = [(-0.17, -0.22), (0.19, -0.22), (0.25, flow - 0.1), (0.14, flow - 0.1), (0.11, -0.02)]
    lava += [(0.06, flow), (-0.06, flow), (-0.07, -0.02), (-0.16, 0.02), (-0.22, -0.1)]
    pen.shape(lava, _LAVA)
    pen.box(-0.13, -0.2, 0.15, -0.13, _EMBER, rim=False)


def _cloud(pen: Pen, paint: Colour, stride: float) -> None:
    swell = 0.015 * stride
    puffs = [(-0.34, 0.08, 0.17), (-0.14, -0.06, 0.2 - swell), (0.14, -0.12, 0.26 + swell)]
    puffs += [(0.36, 0.09, 0.16), (0.14, 0.04, 0.19), (-0.1, 0.04, 0.18)]
    pen.box(-0.34, 0.05, 0.36, 0.25, paint)
    _puffs(pen, puffs, paint)
    pen.box(-0.34, 0.05, 0.36, 0.225, paint, rim=False)


def _waterfall(pen: Pen, paint: Colour, stride: float) -> None:
    cliff = [(-0.52, 0.5), (-0.5, -0.26), (-0.38, -0.38), (-0.18, -0.36), (0.18, -0.36)]
    cliff += [(0.24, -0.56), (0.42, -0.58), (0.5, -0.4), (0.52, 0.5)]
    pen.shape(cliff, paint)
    for x, y in ((-0.36, -0.12), (0.37, -0.3), (-0.36, 0.18), (0.37, 0.08)):
        pen.stroke([(x - 0.1, y), (x + 0.06, y + 0.03)], 0.06, shade(paint, 0.7))
    pen.shape([(-0.18, -0.39), (0.18, -0.39), (0.2, 0.46), (-0.2, 0.46)], _WATER)
    for x, top in ((-0.11, -0.3), (0.0, -0.16), (0.11, -0.26)):
        top += 0.07 * stride
        pen.box(x - 0.03, top, x + 0.03, top + 0.5, _FOAM, rim=False)
    _puffs(pen, [(-0.19, 0.43, 0.11), (0.2, 0.43, 0.11), (0.0, 0.41, 0.13)], _FOAM)


STANCE: dict[str, tuple[float, float | None]] = {
    "tree": (0.53, None),
    "flower": (0.55, None),
    "mushroom": (0.48, None),
    "volcano": (0.5, None),
    "cloud": (0.25, 0.32),
    "waterfall": (0.54, None),
}
DRAW: dict[str, Draw] = {
    "tree": _tree,
    "flower": _flower,
    "mushroom": _mushroom,
    "volcano": _volcano,
    "cloud": _cloud,
    "waterfall": _waterfall,
}
