"""Areas of the cortex, on grayordinates and on volumes."""

from __future__ import annotations

import nibabel as nib
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
    labels = atlas.grayordinate_labels()[atlas.grayordinates(["V1", "V2", "V3", "V4"])]
    assert len(labels) == 4183
    order = [1, 181, 4, 184, 5, 185, 6, 186]
    assert list(dict.fromkeys(labels.tolist())) == order
    assert np.diff([order.index(label) for label in labels]).min() >= 0


def test_unknown_area_is_named():
    with pytest.raises(InputError, match="'EBA' is not an area"):
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


def test_every_surface_vertex_is_projected_onto_its_label():
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


# --- the projection against the surface it comes from ---------------------------------------------


@pytest.fixture(scope="module")
def vertex_sizes():
    """Area of the surface that belongs to each vertex [mm²]: a third of its triangles."""
    points = atlas.midthickness()[0].astype(float)
    sizes, half = np.zeros(len(points)), len(points) // 2
    for side, first in (("L", 0), ("R", half)):
        file = atlas.data_file(f"S1200.{side}.midthickness_MSMAll.32k_fs_LR.surf.gii")
        corners = nib.load(file).agg_data("triangle") + first
        a, b, c = (points[corners[:, i]] for i in range(3))
        size = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        np.add.at(sizes, corners.ravel(), np.repeat(size / 3, 3))
    return sizes


MNI_2MM = nib.affines.from_matvec(np.eye(3) * 2, (-90, -126, -72))
SHAPE_2MM = 91, 109, 91


@pytest.fixture(scope="module")
def on_volume():
    """Labels and positions of the labelled voxels of a volume of 2 mm."""
    volume = atlas.project(MNI_2MM, SHAPE_2MM, 4.0)
    return volume[volume > 0], nib.affines.apply_affine(MNI_2MM, np.argwhere(volume > 0))


def fractions(labels, weights=None):
    total = np.bincount(labels, weights, minlength=2 * atlas.N_AREAS + 1)[1:]
    return total / total.sum()


def centroids(labels, points, weights):
    sums = np.stack([np.bincount(labels, weights * points[:, k]) for k in range(3)], axis=1)
    return sums[1:] / np.bincount(labels, weights)[1:, None]


def test_areas_have_the_same_fraction_of_voxels_as_of_the_surface(on_volume, vertex_sizes):
    surface = fractions(atlas.midthickness()[1], vertex_sizes)
    volume = fractions(on_volume[0])
    assert np.corrcoef(surface, volume)[0, 1] > 0.99
    low, high = np.quantile(volume / surface, [0.05, 0.95])
    assert 0.88 < low < high < 1.12
    for area in atlas.hierarchy()[:4]:
        for label in atlas.labels_of(area):
            assert volume[label - 1] / surface[label - 1] == pytest.approx(1, abs=0.06)


def test_the_two_sides_differ_on_the_volume_as_on_the_surface(on_volume, vertex_sizes):
    def asymmetry(fractions):
        left, right = np.split(fractions, 2)
        return (left - right) / (left + right)

    surface = asymmetry(fractions(atlas.midthickness()[1], vertex_sizes))
    volume = asymmetry(fractions(on_volume[0]))
    assert np.median(np.abs(volume - surface)) < 0.02
    assert np.abs(volume - surface).max() < 0.15


def test_areas_have_their_middle_where_the_surface_has_it(on_volume, vertex_sizes):
    points, labels = atlas.midthickness()
    surface = centroids(labels, points.astype(float), vertex_sizes)
    volume = centroids(*on_volume, np.ones(len(on_volume[0])))
    distance = np.linalg.norm(surface - volume, axis=1)  # [mm]
    assert np.median(distance) < 0.7
    assert distance.max() < 2.5
    assert (volume[: atlas.N_AREAS, 0] < 0).all()
    assert (volume[atlas.N_AREAS :, 0] > 0).all()


def test_networks_come_with_the_same_projection(vertex_sizes):
    networks = atlas.on_vertices(atlas.grayordinate_networks())
    volume = atlas.project(MNI_4MM, (36, 45, 39), 4.0, networks)
    labelled = atlas.midthickness()[1] > 0
    surface = np.bincount(networks[labelled], vertex_sizes[labelled], minlength=18)[1:]
    projected = np.bincount(volume.ravel(), minlength=18)[1:]
    assert (surface > 0).all()
    assert np.corrcoef(surface, projected)[0, 1] > 0.99


def test_names_and_colours_fit_the_labels():
    names = atlas.label_names()
    assert list(names) == list(range(1, 362))
    assert (names[1][0], names[181][0], names[atlas.NO_AREA][0]) == ("L_V1", "R_V1", "no area")
    for label in (1, 23, 180, 203, 360):
        assert names[label][0].partition("_")[2] == atlas.area_of(label)
    assert len(atlas.network_names()) == 17
    assert all(len(colour) == 4 for _, colour in names.values())


def test_voxels_without_an_area_come_last():
    labels = np.array([361, 1, 361, 4])
    assert atlas.hierarchy_order(labels).tolist() == [1, 3, 0, 2]
    assert atlas.area_of(atlas.NO_AREA) == ""
