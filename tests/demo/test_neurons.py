"""The simulated cortex responds where, to what and when it should."""

from __future__ import annotations

import numpy as np
import pytest

from mindvideo.demo.neurons import PROFILES, Cortex
from mindvideo.demo.retinotopy import EARLY, cells, field_centres, receptive_fields
from mindvideo.demo.sight import look
from mindvideo.fmri.atlas import area_names, labels_of, midthickness

HALF = slice(18, None), slice(0, 14)


@pytest.fixture(scope="module")
def strength(cortex, films):
    """Response of each voxel to the difference between a film and grey."""
    blank = cortex.respond(films.sight_of(films.grey()))

    def measure(frames: np.ndarray, **content: str) -> np.ndarray:
        return np.abs(cortex.respond(films.sight_of(frames, **content)) - blank).mean(axis=1)

    return measure


def in_area(cortex: Cortex, *areas: str) -> np.ndarray:
    return np.isin(cortex.areas, areas)


def mm(cortex: Cortex) -> np.ndarray:
    return cortex.voxels @ cortex.grid.affine[:3, :3].T + cortex.grid.affine[:3, 3]


# --- where ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("half", "side"), [(HALF[0], -1), (HALF[1], 1)])
def test_each_hemisphere_sees_the_opposite_half(cortex, films, strength, half, side):
    response = strength(films.stripes(columns=half))
    x = mm(cortex)[:, 0]
    # Near the middle of the film, filters and fields reach over to the other half.
    early = in_area(cortex, "V1", "V2") & (np.hypot(*cortex.centres.T) > 0.4)
    sees, other = early & (x * side > 6), early & (x * side < -6)
    assert response[sees].mean() > 2.5 * response[other].mean()


def test_upper_field_lies_below_the_calcarine(cortex, films, strength):
    z = mm(cortex)[:, 2]
    v1 = in_area(cortex, "V1")
    above = strength(films.stripes(rows=slice(0, 12)))[v1]
    below = strength(films.stripes(rows=slice(20, None)))[v1]
    upper = above > below
    assert z[v1][upper].mean() < z[v1][~upper].mean() - 3


def test_centre_of_the_film_drives_the_occipital_pole(cortex, films, strength):
    y = mm(cortex)[:, 1]
    v1 = in_area(cortex, "V1")
    centre = strength(films.stripes(slice(12, 20), slice(12, 20)))[v1]
    edge = films.grey()
    edge[:, :, :5] = edge[:, :, -5:] = films.stripes()[:, :, :5]
    edge = strength(edge)[v1]
    assert np.average(y[v1], weights=centre) < np.average(y[v1], weights=edge) - 6


def test_field_centres_cover_both_halves_of_the_field_and_nothing_else():
    centres = field_centres()
    labels = midthickness()[1]
    for area in EARLY:
        left, right = (centres[labels == label] for label in labels_of(area))
        assert left[:, 0].min() >= 0
        assert right[:, 0].max() <= 0
        assert np.hypot(*left.T).max() <= 1
        assert 0.25 < (left[:, 1] > 0).mean() < 0.75
    assert np.isfinite(centres[:, 0]).sum() == 4183


def test_receptive_fields_lie_where_they_say():
    points = cells(16)
    fields = receptive_fields(np.array([[0.5, 0.5], [-0.5, 0.0]]), np.array([0.2, 0.15]), points)
    np.testing.assert_allclose(fields.sum(axis=1), 1)
    np.testing.assert_allclose(fields @ points, [[0.5, 0.5], [-0.5, 0.0]], atol=0.03)
    assert points[0].tolist() == [-0.9375, 0.9375]  # the first cell is the film's upper left


# --- what -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "values", "areas", "others"),
    [
        ("scene", ("beach", "forest"), ("PHA1", "PHA3", "VMV1"), ("FFC", "MT")),
        ("family", ("person", "vehicle"), ("FFC", "PIT", "PH"), ("PHA1", "V1", "4")),
        ("motion", ("still", "left"), ("MT", "MST", "FST"), ("FFC", "PHA1", "V1")),
        ("colour", ("red", "blue"), ("V4", "V8"), ("MT", "PHA1", "V2")),
    ],
)
def test_content_changes_the_areas_tuned_to_it(cortex, films, attribute, values, areas, others):
    one, two = (cortex.respond(films.sight_of(films.grey(), **{attribute: v})) for v in values)
    change = np.abs(one - two).mean(axis=1)
    assert change[in_area(cortex, *areas)].mean() > 3 * change[in_area(cortex, *others)].mean()


def test_drift_drives_mt_more_than_stripes_that_stand_and_v1_does_not_mind(cortex, films, strength):
    still, moving = (strength(films.stripes(drift=drift)) for drift in (0, 1))
    gain = {
        area: moving[in_area(cortex, *areas)].mean() / still[in_area(cortex, *areas)].mean()
        for area, areas in (("V1", ("V1",)), ("MT", ("MT", "MST")))
    }
    assert gain["MT"] > 1.5 * gain["V1"]


def test_voxels_differ_in_the_direction_they_prefer(cortex, films):
    right = films.stripes(drift=1)
    one, two = (cortex.respond(films.sight_of(f)) for f in (right, right[:, :, ::-1]))
    early = in_area(cortex, "V1", "V2", "V3")
    change = (one - two).mean(axis=1)[early]
    assert change.std() > 0.02 * one[early].mean()
    assert 0.2 < (change > 0).mean() < 0.8


def test_weights_do_not_depend_on_other_shots(cortex, films):
    alone = cortex.respond(films.sight_of(films.grey()))
    shots = [films.shot | {"end": 6.0}, films.shot | {"start": 6.0, "kind": "bus", "scene": "a"}]
    both = cortex.respond(look(films.grey(), shots))
    np.testing.assert_allclose(both[:, :30], alone[:, :30], rtol=1e-5)


def test_profiles_name_areas_of_the_atlas_once():
    names = [area for areas, _ in PROFILES for area in areas]
    assert set(names) <= set(area_names())
    assert len(names) == len(set(names))


# --- when and whose -------------------------------------------------------------------------------


def test_delays_grow_along_the_hierarchy_and_differ_between_subjects(cortex):
    people = [Cortex(cortex.grid, 1, f"subject{n}") for n in range(1, 13)]
    delays = np.array(
        [[person.timing[area][0] for area in ("V1", "LO2", "FFC", "PHA1")] for person in people]
    )
    assert delays[:, 0].mean() < delays[:, 1:].mean() - 0.15
    assert delays[:, 0].std() > 0.15
    widenings = {round(person.timing["V1"][1], 6) for person in people}
    assert len(widenings) == len(people)
    assert people[0].timing == cortex.timing
