"""Areas of the cortex, on grayordinates and on volumes."""

from __future__ import annotations

import numpy as np
import pytest

from mindvideo.errors import InputError
from mindvideo.fmri import atlas

MNI_4MM = np.array([[4.0, 0, 0, -70], [0, 4, 0, -106], [0, 0, 4, -72], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("area", "labels", "count"),
    [
        ("V1", (1, 181), 1618),
        ("V2", (4, 184), 1220),
        ("V3", (5, 185), 684),
        ("V4", (6, 186), 661),
    ],
)
def test_early_visual_areas_are_those_of_the_image_paper(area, labels, count):
    assert atlas.labels_of(area) == labels
    assert len(atlas.grayordinates([area])) == count


def test_grayordinates_come_area_by_area_left_before_right():
    found = atlas.grayordinate_labels()[atlas.grayordinates(["V1", "V2", "V3", "V4"])]
    assert len(found) == 4183
    order = [1, 181, 4, 184, 5, 185, 6, 186]
    assert list(dict.fromkeys(found.tolist())) == order
    assert np.diff([order.index(label) for label in found]).min() >= 0


def test_unknown_area_is_named():
    with pytest.raises(InputError, match="'EBA' is no area"):
        atlas.labels_of("EBA")


def test_hierarchy_holds_every_area_once_and_starts_with_the_early_ones():
    areas = atlas.hierarchy()
    assert sorted(areas) == sorted(atlas.area_names())
    assert areas[:4] == ("V1", "V2", "V3", "V4")
    assert areas.index("MT") < areas.index("PHA1") < areas.index("10r")


def test_order_along_the_hierarchy_is_stable():
    labels = np.array([181, 26, 1, 4, 1, 181, 300])
    order = atlas.hierarchy_order(labels)
    assert order.tolist() == [2, 4, 0, 5, 3, *order[5:]]


def test_every_surface_vertex_is_projected_onto_its_own_label():
    coordinates, labels = atlas.midthickness()
    pick = np.flatnonzero(labels)[::5000]
    for vertex in pick:
        affine = np.eye(4)
        affine[:3, 3] = coordinates[vertex]
        assert atlas.project(affine, (1, 1, 1), 1.0).item() == labels[vertex]


def test_projection_agrees_with_a_search_over_all_vertices():
    coordinates, labels = atlas.midthickness()
    volume = atlas.project(MNI_4MM, (36, 45, 39), 4.0)
    rng = np.random.default_rng(0)
    for i, j, k in rng.integers((36, 45, 39), size=(300, 3)):
        distance = np.linalg.norm(coordinates - (MNI_4MM @ (i, j, k, 1))[:3], axis=1)
        nearest = distance.argmin()
        expected = labels[nearest] if distance[nearest] <= 4.0 else 0
        assert volume[i, j, k] == expected


def test_left_labels_lie_on_the_left():
    volume = atlas.project(MNI_4MM, (36, 45, 39), 3.0)
    x = MNI_4MM[0, 0] * np.argwhere((volume > 0) & (volume <= 180))[:, 0] + MNI_4MM[0, 3]
    assert x.max() <= 4
    v1 = np.argwhere(np.isin(volume, atlas.labels_of("V1"))) * 4 + MNI_4MM[:3, 3]
    assert v1[:, 1].mean() < -70  # the back of the head


def test_projection_follows_a_flipped_affine():
    flipped = MNI_4MM.copy()
    flipped[0] = (-4, 0, 0, -70 + 35 * 4)
    assert np.array_equal(
        atlas.project(flipped, (36, 45, 39), 4.0), atlas.project(MNI_4MM, (36, 45, 39), 4.0)[::-1]
    )


def test_grid_away_from_the_brain_is_an_error():
    with pytest.raises(InputError, match="normalised to MNI152"):
        atlas.project(np.diag([1, 1, 1, 1.0]) + 500 * np.eye(4, k=3), (4, 4, 4), 4.0)
