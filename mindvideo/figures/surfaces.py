"""Interactive maps on the cortical surface: one HTML file that needs no network.

nilearn's `view_surf` repeats the library and the mesh in the file of each map, 5.3 MB for the two
S1200 hemispheres. Here all maps of a subject share one page, with the plotly.js that nilearn ships
for `view_surf`, one mesh, and 0.17 MB a map. The page's HTML, style and script are in ``pages/``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.colors import to_hex

from mindvideo.errors import InputError
from mindvideo.figures.pages import embedded_json, render

NO_VALUE = 65535
GREYS = (118, 172)  # of the deepest sulci and the highest gyri, 0…255
DEPTHS = (-1.0, 0.8)
WALL = 150  # grey of the medial wall

Scale = Literal["positive", "fraction", "signed", "ratio"]


@dataclass(frozen=True)
class GroupSurface:
    """The surface that maps are drawn on, left hemisphere's vertices before the right's."""

    meshes: Mapping[str, np.ndarray]
    """Name of the mesh, e.g. "inflated": (2, n_vertices / 2, 3) [mm]."""
    faces: np.ndarray
    """(2, n_faces, 3) int, of all meshes."""
    depth: np.ndarray
    """(n_vertices,) sulcal depth, negative in sulci; NaN on the medial wall."""
    areas: np.ndarray
    """(n_vertices,) str; empty where there is none."""


@dataclass(frozen=True)
class SurfaceMap:
    """A map at the vertices of the surface, and what the page says of it."""

    key: str
    """Names the map in the page's address."""
    name: str
    group: str
    """Heading in the list of maps."""
    about: str
    unit: str
    values: np.ndarray
    """(n_vertices,); NaN where there is no value."""
    scale: Scale
    """From 0 (positive), from 0 to 1 (fraction), around 0 (signed), around 1 (ratio)."""
    colours: str
    """A colour map of matplotlib."""


def surfaces_page(
    title: str, maps: Sequence[SurfaceMap], surface: GroupSurface, *, notice: str = ""
) -> str:
    """Write the page.

    Parameters
    ----------
    title : str
    maps : sequence of SurfaceMap
        In the order of the list; the first is shown first.
    surface : GroupSurface
    notice : str
        Why there are no maps: then the page says only this.

    Returns
    -------
    str
        HTML. Values are stored with 16 bits between a map's smallest and largest, and decoded when
        the map is chosen.
    """
    data: dict[str, Any] = {"notice": notice}
    arrays: dict[str, np.ndarray] = {}
    if not notice:
        names = sorted(set(surface.areas.tolist()) | {""})
        arrays["areas"] = np.searchsorted(names, surface.areas).astype(np.uint8)
        arrays["depth"] = _greys(surface.depth)
        arrays["faces"] = surface.faces.swapaxes(1, 2).astype("<u2")
        for number, points in enumerate(surface.meshes.values()):
            arrays[f"mesh-{number}"] = np.round(100 * points).swapaxes(1, 2).astype("<i2")
        data["areas"] = names
        data["meshes"] = [{"key": str(n), "name": name} for n, name in enumerate(surface.meshes)]
        data["colours"] = {name: _hex_colours(name) for name in sorted({m.colours for m in maps})}
        data["maps"] = []
        for surface_map in maps:
            entry, arrays[f"map-{surface_map.key}"] = _encoded(surface_map)
            data["maps"].append(entry)
    return render(
        "surfaces",
        title=title,
        data=embedded_json(data),
        arrays=[(name, _base64(array)) for name, array in arrays.items()],
        library="" if notice else Markup(_plotly()),
    )


def _plotly() -> str:
    """The source of plotly.js (MIT), as nilearn ships it for its own pages."""
    spec = find_spec("nilearn")
    folders = (spec.submodule_search_locations if spec else None) or []
    scripts = [path for folder in folders for path in Path(folder).rglob("plotly-gl3d*.min.js")]
    if not scripts:
        raise InputError(
            "nilearn is not installed, or its version has no plotly.js (plotly-gl3d*.min.js), "
            "which the page of surface maps needs: install the version of envs/requirements.lock"
        )
    return min(scripts).read_text(encoding="utf-8")


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _hex_colours(name: str) -> list[str]:
    return [to_hex(colour) for colour in mpl.colormaps[name](np.linspace(0, 1, 128))]


def _greys(depth: np.ndarray) -> np.ndarray:
    """Grey of each vertex of the background, (n_vertices,) uint8."""
    greys = np.interp(depth, DEPTHS, GREYS)
    return np.where(np.isfinite(depth), greys, WALL).astype(np.uint8)


def _encoded(surface_map: SurfaceMap) -> tuple[dict[str, Any], np.ndarray]:
    """Describe a map for the page's script, and encode its values, (n_vertices,) uint16."""
    values = np.asarray(surface_map.values, np.float64)
    logarithm = surface_map.scale == "ratio"
    if logarithm:
        values = np.log2(np.maximum(values, 1e-6))
    measured = np.isfinite(values)
    low, high = (float(f(values[measured], initial=0)) for f in (np.min, np.max))
    width = (high - low) or 1.0
    code = np.full(len(values), NO_VALUE, "<u2")
    code[measured] = np.round((values[measured] - low) / width * (NO_VALUE - 1))
    start, end = _limits(values[measured], surface_map.scale)
    entry = {
        **{name: getattr(surface_map, name) for name in ("key", "name", "group", "about", "unit")},
        **{"colours": surface_map.colours, "logarithm": logarithm, "low": low, "high": low + width},
        **{"range": [start, end], "ticks": _ticks(start, end, low, high, logarithm)},
    }
    return entry, code


def _limits(values: np.ndarray, scale: Scale) -> tuple[float, float]:
    """Ends of the colour scale; all but the largest two in a hundred values fit."""
    if scale == "fraction":
        return 0.0, 1.0
    if scale == "ratio":  # of the logarithm to base 2: from a quarter to four times uniform
        return -2.0, 2.0
    top = float(np.quantile(np.abs(values), 0.98)) if len(values) else 0.0
    top = float(f"{top:.2g}") or 1.0
    return (-top, top) if scale == "signed" else (0.0, top)


def _ticks(start: float, end: float, low: float, high: float, logarithm: bool) -> list[str]:
    """Five labels along the colour scale; ≤ and ≥ where values lie beyond its ends."""
    places = np.linspace(start, end, 5)
    ticks = [f"{2**place if logarithm else place:.3g}".replace("-", "−") for place in places]
    if low < start:
        ticks[0] = f"≤ {ticks[0]}"
    if high > end:
        ticks[-1] = f"≥ {ticks[-1]}"
    return ticks
