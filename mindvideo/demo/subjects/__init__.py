"""The subjects of the film world: silhouettes that differ at 64 × 64 pixels, in four families."""

from __future__ import annotations

from mindvideo.demo.pen import Draw
from mindvideo.demo.subjects import animals, people, scenery, vehicles

_MODULES = {"animal": animals, "person": people, "vehicle": vehicles, "scenery": scenery}
FAMILIES: dict[str, tuple[str, ...]] = {name: tuple(m.DRAW) for name, m in _MODULES.items()}
DRAW: dict[str, Draw] = {kind: draw for m in _MODULES.values() for kind, draw in m.DRAW.items()}
STANCE: dict[str, tuple[float, float | None]] = {
    kind: stance for m in _MODULES.values() for kind, stance in m.STANCE.items()
}
"""Where a silhouette meets the ground [units], and for what hovers its centre's height [frame]."""
