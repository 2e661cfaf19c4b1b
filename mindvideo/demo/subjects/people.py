"""People of the film world."""

from __future__ import annotations

from mindvideo.demo.pen import HAIR, METAL, SKIN, TYRE, Colour, Draw, Pen, shade

_FOAM, _FELT, _LEATHER, _CLOTH = (235, 245, 250), (50, 40, 35), (125, 75, 35), (55, 60, 85)
_SEA = (35, 125, 165)


def _legs(pen: Pen, top: float, bottom: float, stride: float, width: float, colour: Colour) -> None:
    for sign in (-1, 1):
        x = 0.08 * sign
        foot = x + 0.13 * sign * stride
        pen.stroke([(x, top), (foot, bottom)], width, colour)
        pen.oval((foot + 0.03, bottom), 0.085, 0.045, TYRE, rim=False)


def _man(pen: Pen, paint: Colour, stride: float) -> None:
    swing = 0.08 * stride
    _legs(pen, 0.2, 0.54, stride, 0.12, _CLOTH)
    arm = [(-0.18, -0.2), (-0.28, -0.16), (-0.4 - swing, 0.16), (-0.28 - swing, 0.2), (-0.14, 0.0)]
    pen.shape(arm, shade(paint, 0.7))
    pen.box(0.18 + swing, 0.2, 0.46 + swing, 0.42, _LEATHER)
    arm = [(0.18, -0.2), (0.28, -0.16), (0.39 + swing, 0.18), (0.27 + swing, 0.22), (0.14, 0.0)]
    pen.shape(arm, shade(paint, 0.7))
    pen.shape([(-0.26, -0.21), (0.26, -0.21), (0.2, 0.3), (-0.2, 0.3)], paint)
    pen.oval((0.0, -0.31), 0.13, 0.13, SKIN)
    pen.box(-0.14, -0.65, 0.14, -0.4, _FELT, rim=False)
    pen.box(-0.25, -0.45, 0.25, -0.38, _FELT, rim=False)


def _woman(pen: Pen, paint: Colour, stride: float) -> None:
    sway = 0.04 * stride
    _legs(pen, 0.36, 0.54, 0.7 * stride, 0.09, SKIN)
    hair = [(-0.12, -0.58), (0.1, -0.6), (0.19, -0.46), (0.16, -0.1)]
    hair += [(-0.24 - sway, 0.04), (-0.3 - sway, -0.1), (-0.2, -0.3)]
    pen.shape(hair, HAIR, rim=False)
    pen.stroke([(0.1, -0.12), (0.36 + sway, 0.08)], 0.09, SKIN)
    pen.stroke([(-0.1, -0.12), (-0.34 - sway, 0.14)], 0.09, SKIN)
    dress = [(-0.14, -0.22), (0.14, -0.22), (0.11, -0.02)]
    dress += [(0.44 + sway, 0.42), (-0.44 + sway, 0.42), (-0.11, -0.02)]
    pen.shape(dress, paint)
    pen.oval((0.05, -0.38), 0.12, 0.15, SKIN)
    pen.shape([(-0.14, -0.3), (-0.12, -0.56), (0.12, -0.58), (0.19, -0.44)], HAIR, rim=False)


def _child(pen: Pen, paint: Colour, stride: float) -> None:
    bob = 0.03 * stride
    _legs(pen, 0.32, 0.5, 0.6 * stride, 0.11, _CLOTH)
    pen.stroke([(0.2, 0.1), (0.3 + bob, -0.2)], 0.06, _FOAM)
    pen.stroke([(-0.24, 0.14), (-0.42, 0.22 + bob)], 0.09, SKIN)
    pen.stroke([(-0.02, 0.16), (0.21, 0.08)], 0.09, SKIN)
    pen.shape([(-0.26, 0.05), (0.04, 0.05), (0.14, 0.39), (-0.34, 0.39)], paint)
    pen.oval((-0.12, -0.12), 0.21, 0.21, SKIN)
    hair = [(-0.34, -0.08), (-0.31, -0.26), (-0.16, -0.36)]
    hair += [(0.02, -0.32), (0.1, -0.2), (-0.1, -0.2)]
    pen.shape(hair, HAIR, rim=False)
    pen.oval((-0.01, -0.1), 0.035, 0.04, TYRE, rim=False)
    pen.oval((0.3 + bob, -0.42), 0.2, 0.23, paint)


def _cyclist(pen: Pen, paint: Colour, stride: float) -> None:
    for x in (-0.29, 0.29):
        pen.oval((x, 0.24), 0.22, 0.22, TYRE, rim=False)
        pen.oval((x, 0.24), 0.14, 0.14, (215, 215, 215), rim=False)
    pen.stroke([(-0.29, 0.24), (-0.12, 0.02), (0.2, 0.04), (0.0, 0.26), (-0.12, 0.02)], 0.07, paint)
    pen.stroke([(0.29, 0.24), (0.19, -0.08), (0.28, -0.1)], 0.07, paint)
    knee = 0.06 * stride
    pen.stroke([(-0.14, -0.04), (0.1, 0.02 + knee), (0.0, 0.28 + knee)], 0.12, shade(paint, 0.5))
    jersey = [(-0.24, 0.02), (-0.22, -0.2), (-0.06, -0.4)]
    jersey += [(0.14, -0.38), (0.14, -0.24), (-0.02, 0.02)]
    pen.shape(jersey, paint)
    pen.stroke([(0.06, -0.28), (0.16, -0.12), (0.28, -0.1)], 0.09, shade(paint, 0.7))
    pen.oval((0.18, -0.45), 0.12, 0.12, SKIN)
    pen.shape([(0.0, -0.46), (0.06, -0.6), (0.2, -0.64), (0.32, -0.56), (0.34, -0.48)], paint)


def _surfer(pen: Pen, paint: Colour, stride: float) -> None:
    lean = 0.05 * stride
    crest = [(-0.52, 0.26), (-0.4, 0.36), (-0.26, 0.3), (-0.1, 0.4)]
    crest += [(0.06, 0.32), (0.22, 0.42), (0.36, 0.34), (0.52, 0.44)]
    pen.shape([*crest, (0.4, 0.6), (-0.4, 0.6)], _FOAM, rim=False)
    pen.shape([*((x, y + 0.13) for x, y in crest), (0.36, 0.6), (-0.36, 0.6)], _SEA, rim=False)
    for x in (-0.24, 0.2):
        pen.stroke([(0.3 * x, -0.02), (1.15 * x, 0.1), (x, 0.3)], 0.13, shade(paint, 0.7))
    board = [(-0.52, 0.36), (-0.4, 0.29), (0.1, 0.24), (0.38, 0.14), (0.54, 0.02)]
    board += [(0.5, 0.2), (0.34, 0.33), (0.06, 0.42), (-0.36, 0.44)]
    pen.shape(board, paint)
    for side in (-1, 1):
        hand = -0.3 - side * lean
        pen.oval((0.48 * side, hand), 0.06, 0.06, SKIN, rim=False)
        arm = [(0.1 * side, -0.25), (0.44 * side, hand - 0.06)]
        arm += [(0.46 * side, hand + 0.06), (0.12 * side, -0.1)]
        pen.shape(arm, shade(paint, 0.85))
    pen.shape([(-0.18, -0.26), (0.18, -0.26), (0.12, 0.06), (-0.12, 0.06)], paint)
    pen.oval((0.03 + lean, -0.38), 0.13, 0.14, SKIN)
    hair = [(-0.24 + lean, -0.36), (-0.08 + lean, -0.52), (0.06 + lean, -0.56)]
    hair += [(0.17 + lean, -0.44), (-0.04 + lean, -0.42)]
    pen.shape(hair, HAIR, rim=False)


def _singer(pen: Pen, paint: Colour, stride: float) -> None:
    nod = 0.03 * stride
    pen.oval((-0.06, -0.3 + nod), 0.3, 0.31, HAIR, rim=False)
    pen.box(-0.12, -0.1, 0.1, 0.16, shade(SKIN, 0.8), rim=False)
    shoulders = [(-0.52, 0.65), (-0.5, 0.24), (-0.38, 0.12), (-0.14, 0.06), (0.0, 0.14)]
    shoulders += [(0.12, 0.06), (0.36, 0.12), (0.48, 0.24), (0.52, 0.65)]
    pen.shape(shoulders, paint)
    pen.oval((0.0, -0.24 + nod), 0.24, 0.27, SKIN)
    hair = [(-0.26, -0.18 + nod), (-0.24, -0.46 + nod), (0.0, -0.58 + nod)]
    hair += [(0.2, -0.5 + nod), (0.24, -0.36 + nod), (-0.08, -0.38 + nod)]
    pen.shape(hair, HAIR, rim=False)
    for x in (-0.02, 0.15):
        pen.oval((x, -0.27 + nod), 0.035, 0.04, TYRE, rim=False)
    pen.oval((0.1, -0.1 + nod), 0.07, 0.06 + 0.02 * stride, (120, 25, 30), rim=False)
    pen.stroke([(0.22, -0.02), (0.36, 0.24)], 0.1, TYRE)
    pen.oval((0.21, -0.05), 0.11, 0.11, METAL)
    pen.shape([(0.24, 0.65), (0.26, 0.28), (0.46, 0.28), (0.52, 0.65)], shade(paint, 0.75))
    pen.oval((0.35, 0.21), 0.1, 0.09, SKIN)


STANCE: dict[str, tuple[float, float | None]] = {
    "man": (0.58, None),
    "woman": (0.58, None),
    "child": (0.54, None),
    "cyclist": (0.46, None),
    "surfer": (0.6, 0.56),
    "singer": (0.55, None),
}
DRAW: dict[str, Draw] = {
    "man": _man,
    "woman": _woman,
    "child": _child,
    "cyclist": _cyclist,
    "surfer": _surfer,
    "singer": _singer,
}
