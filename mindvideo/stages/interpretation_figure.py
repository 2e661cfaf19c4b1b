"""Draw the interpretation of the encoder: cortical maps, and bars by network, layer, stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.figures.cortex import Cortex
from mindvideo.figures.interpretation import STAGES, draw_interpretation
from mindvideo.fmri.atlas import network_names
from mindvideo.fmri.networks import NETWORKS
from mindvideo.io.figures import save_figure
from mindvideo.io.maps import read_map
from mindvideo.io.tables import load_table
from mindvideo.settings.interpretation import InterpretationFigureSettings
from mindvideo.stages import Input, Outputs, chapter, makes
from mindvideo.stages._cortex import on_cortex, surface_of

LAST = list(STAGES)[-1]


@chapter("interpretation")
@makes("figures", made_from=["interpretation"])
def main(
    *,
    networks: Input,
    temporal: Input,
    occlusion: Input,
    agreements: Input,
    maps: Input,
    mask: Input,
    figure: Outputs,
    settings: InterpretationFigureSettings,
) -> None:
    """Write a figure, as PNG and as PDF, from the tables and maps of the stage `interpret`."""
    selected, grid = read_map(mask)
    titles = {
        f"Attention {STAGES[stage]}": _find(maps, f"attention_{stage}_first") for stage in STAGES
    }
    titles[f"Attribution {STAGES[LAST]}"] = _find(maps, f"attribution_{LAST}")
    ratios = {title: _on_cortex(path, selected > 0) for title, path in titles.items()}
    ceiling = _find(maps, "noise_ceiling")
    surface = surface_of(grid)
    inflated = surface.meshes["inflated"], surface.faces
    cortex = Cortex(surface.flat, inflated, surface.areas, surface.networks)
    names = {n: (NETWORKS[n - 1], colour) for n, (_, colour) in network_names().items()}
    columns = ["method", "stage", "layer", "grouping", "group", "value", "uniform"]
    drawing = draw_interpretation(
        cortex,
        names,
        ratios,
        _on_cortex(ceiling, read_map(ceiling)[0] > 0),
        load_table(networks, columns),
        load_table(occlusion, ["stage", "group", "drop_value", "random_low", "random_high"]),
        _maybe_empty(temporal),
        load_table(agreements, ["method", "stage", "layer", "property", "rho", "p"]),
        others_below=settings.others_below,
        tr=settings.tr,
    )
    save_figure(drawing, figure)


def _find(maps: Path, start: str) -> Path:
    paths = sorted(path for path in maps.glob(f"{start}*") if path.suffix != ".json")
    if not paths:
        raise InputError(
            f"{maps}: no map {start}…: did the stage `interpret` run without this layer? "
            "The figure needs `first` among interpretation.layers"
        )
    return paths[0]


def _on_cortex(path: Path, selected: np.ndarray) -> np.ndarray:
    values, grid = read_map(path)
    return on_cortex(values, selected, grid)


def _maybe_empty(path: Path) -> pd.DataFrame:
    """Read the table of temporal attention, which is empty for an encoder without it."""
    return pd.DataFrame() if not path.read_text().strip() else load_table(path, ["stage", "value"])
