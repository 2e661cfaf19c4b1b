"""The figure of interpretation closes up where data are missing, and cuts no text."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from mindvideo.figures.cortex import CEILING, NETWORKS, Cortex
from mindvideo.figures.interpretation import STAGES, draw_interpretation
from tests.figures.texts import cut

SIDE = 12
GROUPS = {"network": [f"Network{i}" for i in range(5)], "hierarchy": ["V1", "beyond"]}
RATIOS = [*(f"Attention {when}" for when in STAGES.values()), "Attribution after co-training"]
NAMES = {n: (f"Network{n}", (0.2, 0.1 * n, 0.5)) for n in range(5)}


def cortex():
    """Two squares, V1 below area 4."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    half = np.stack([x * 10.0 - 150, y * 10.0], axis=1)
    flat = np.concatenate([half, half * [-1, 1]])
    points = np.stack([np.zeros(len(x)), x, y], axis=1).astype(float)
    faces = np.array([[0, 1, SIDE], [1, SIDE + 1, SIDE]])
    areas = np.tile(np.where(y < SIDE / 2, "V1", "4"), 2)
    return Cortex(flat, (np.stack([points] * 2), np.stack([faces] * 2)), areas, np.ones(len(flat)))


def tables(layers=("first", "last")):
    rng = np.random.default_rng(0)
    of_groups = [(g, name) for g, names in GROUPS.items() for name in names]
    kinds = [("attention", stage, layer) for stage in STAGES for layer in layers]
    kinds += [("attribution", stage, "n/a") for stage in ("contrastive", "cotraining")]
    networks = pd.DataFrame(
        [(*kind, *group) for kind, group in product(kinds, of_groups)],
        columns=["method", "stage", "layer", "grouping", "group"],
    )
    networks = networks.assign(value=rng.random(len(networks)), ci_low=0, ci_high=1, uniform=0.2)
    networks["layer"] = networks["layer"].replace("n/a", np.nan)
    occlusion = pd.DataFrame(
        [(stage, *group) for stage in ("contrastive", "cotraining") for group in of_groups],
        columns=["stage", "grouping", "group"],
    )
    drops = {"drop_value": 0.1, "drop_ci_low": 0, "drop_ci_high": 0.2, "full": 0.6}
    occlusion = occlusion.assign(**drops, random_low=-0.1, random_high=0.1)
    temporal = pd.DataFrame(list(product(range(2), range(2))), columns=["volume", "attends"])
    temporal = temporal.assign(
        stage="cotraining", layer="first", value=0.5, ci_low=0.4, ci_high=0.6
    )
    methods = [(m, s, p) for m, s in product(("attention", "occlusion"), STAGES) for p in "ab"]
    agreements = pd.DataFrame(methods, columns=["method", "stage", "property"])
    agreements = agreements.assign(layer="first", rho=0.9, p=0.01)
    return {
        "networks": networks,
        "occlusion": occlusion,
        "temporal": temporal,
        "agreements": agreements,
    }


def draw(selected=None, **changed):
    """Draw with `selected` vertices, all by default, and with other tables."""
    n = 2 * SIDE * SIDE
    selected = np.ones(n, bool) if selected is None else selected
    values = np.where(selected, 1.5, np.nan)
    return draw_interpretation(
        cortex(),
        NAMES,
        dict.fromkeys(RATIOS, values),
        np.where(selected, 0.5, np.nan),
        **tables() | changed,
        others_below=0.01,
        tr=2,
    )


def titles(figure):
    named = (axis.get_title(loc="left").replace("\n", " ") for axis in figure.axes)
    return [title for title in named if title]


MAPS = [NETWORKS, *RATIOS, CEILING]
BARS = ["Yeo networks: attention, first layer", "Visual hierarchy: attention, first layer"]
AGREEMENT, TEMPORAL = "Agreement with what areas carry", "Attention between volumes"


def test_all_panels():
    figure = draw()
    assert set(titles(figure)) == {
        *(*MAPS, *BARS, AGREEMENT, TEMPORAL),
        *("attention by layer", "attribution", "occlusion", "times uniform", "correlation"),
    }
    assert cut(figure) == []


@pytest.mark.parametrize(
    ("table", "panel"),
    [("agreements", AGREEMENT), ("temporal", TEMPORAL), ("occlusion", "occlusion")],
)
def test_a_panel_without_data_is_left_out(table, panel):
    figure = draw(**{table: tables()[table][:0]})
    assert set(titles(draw())) - set(titles(figure)) == {panel}
    assert cut(figure) == []
    words = " ".join(text.get_text() for axis in figure.axes for text in axis.texts)
    assert "nknown" not in words


def test_the_least_there_can_be():
    none = {name: tables()[name][:0] for name in ("agreements", "temporal", "occlusion")}
    figure = draw(**none, networks=tables(layers=["first"])["networks"])
    assert set(titles(figure)) == {*MAPS, *BARS, "attribution", "times uniform", "correlation"}
    assert cut(figure) == []
    assert figure.get_figwidth() < draw().get_figwidth()


@pytest.mark.parametrize("side", [0, 1])
def test_one_hemisphere_is_drawn_alone(side):
    n = SIDE * SIDE
    figure = draw(np.arange(2 * n) // n == side)
    words = [text.get_text() for axis in figure.axes for text in axis.texts]
    views = [word for word in words if ", " in word]
    assert sorted(views) == [f"{('left', 'right')[side]}, {view}" for view in ("lateral", "medial")]
    assert cut(figure) == []


def test_volumes_in_native_space_have_bars_alone():
    figure = draw(np.zeros(2 * SIDE * SIDE, bool))
    assert not {*MAPS, "times uniform"} & set(titles(figure))
    assert set(BARS) <= set(titles(figure))
    assert cut(figure) == []


def test_few_voxels():
    selected = np.zeros(2 * SIDE * SIDE, bool)
    selected[:4] = True
    assert cut(draw(selected)) == []
