"""The simulated brain: it responds where, to what and when it should, and selection finds it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mindvideo.demo import film
from mindvideo.demo.brain import Scanner, anatomy, bold, haemodynamics, noise, record
from mindvideo.demo.neurons import Cortex, stream
from mindvideo.demo.retinotopy import EARLY, field_centres, receptive_fields
from mindvideo.demo.sight import BIN_SECONDS, FPS, MAPS, PIXELS, frame_maps, look
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import VISUAL_AREAS, labels_of, midthickness, project
from mindvideo.fmri.cleaning import clean
from mindvideo.fmri.reproducibility import over_segments, segment_z
from mindvideo.fmri.selection import select

RESOLUTION = 6
SECONDS = 12
SHOT = {"start": 0.0, "end": float(SECONDS), "kind": "dog", "family": "animal", "colour": "red",
        "scene": "beach", "motion": "still"}  # fmt: skip


@pytest.fixture(scope="module")
def cortex() -> Cortex:
    return Cortex(anatomy(RESOLUTION)[1], seed=1, subject="subject1")


def grey(seconds: float = SECONDS) -> np.ndarray:
    return np.full((round(FPS * seconds), PIXELS, PIXELS, 3), 128, np.uint8)


def sight_of(frames: np.ndarray, **shown: str):
    return look(frames, pd.DataFrame([SHOT | shown]))


def strength(cortex: Cortex, frames: np.ndarray) -> np.ndarray:
    """Response of each voxel to what a film has beyond grey."""
    shown, blank = (cortex.respond(sight_of(f)) for f in (frames, grey()))
    return np.abs(shown - blank).mean(axis=1)


def in_area(cortex: Cortex, *areas: str) -> np.ndarray:
    return np.isin(cortex.areas, areas)


def mm(cortex: Cortex) -> np.ndarray:
    return cortex.voxels @ cortex.grid.affine[:3, :3].T + cortex.grid.affine[:3, 3]


# --- where ----------------------------------------------------------------------------------------


def stripes(rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
    frames = grey()
    frames[:, rows, columns] = 255 * (np.arange(PIXELS) // 2 % 2)[columns, None]
    return frames


@pytest.mark.parametrize(("half", "side"), [(slice(18, None), -1), (slice(0, 14), 1)])
def test_each_hemisphere_sees_the_opposite_half(cortex, half, side):
    response = strength(cortex, stripes(columns=half))
    x = mm(cortex)[:, 0]
    early = in_area(cortex, "V1", "V2")
    sees, other = early & (x * side > 6), early & (x * side < -6)
    assert response[sees].mean() > 5 * response[other].mean()


def test_upper_field_lies_below_the_calcarine(cortex):
    z = mm(cortex)[:, 2]
    v1 = in_area(cortex, "V1")
    above = strength(cortex, stripes(rows=slice(0, 12)))[v1]
    below = strength(cortex, stripes(rows=slice(20, None)))[v1]
    upper = above > below
    assert z[v1][upper].mean() < z[v1][~upper].mean() - 3


def test_centre_of_the_film_drives_the_occipital_pole(cortex):
    y = mm(cortex)[:, 1]
    v1 = in_area(cortex, "V1")
    centre = strength(cortex, stripes(slice(13, 19), slice(13, 19)))[v1]
    edge = grey()
    edge[:, :, :5] = edge[:, :, -5:] = stripes()[:, :, :5]
    edge = strength(cortex, edge)[v1]
    assert np.average(y[v1], weights=centre) < np.average(y[v1], weights=edge) - 8


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
    fields = receptive_fields(np.array([[0.5, 0.5], [-0.5, 0.0]]), np.array([0.2, 0.15]), 16)
    np.testing.assert_allclose(fields.sum(axis=(1, 2)), 1)
    cells = (np.arange(16) + 0.5) / 8 - 1
    np.testing.assert_allclose(np.einsum("nij,j->n", fields, cells), [0.5, -0.5], atol=0.03)
    np.testing.assert_allclose(np.einsum("nij,i->n", fields, -cells), [0.5, 0.0], atol=0.03)


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
def test_what_is_shown_changes_the_areas_that_care(cortex, attribute, values, areas, others):
    one, two = (cortex.respond(sight_of(grey(), **{attribute: value})) for value in values)
    change = np.abs(one - two).mean(axis=1)
    assert change[in_area(cortex, *areas)].mean() > 3 * change[in_area(cortex, *others)].mean()


@pytest.mark.parametrize("step", [(0, 1), (0, -1), (1, 0), (-1, 0)])
def test_motion_energy_knows_its_direction(step):
    rng = np.random.default_rng(0)
    pattern = np.kron(rng.integers(40, 215, (8, 8)), np.ones((4, 4)))
    frames = np.stack([np.roll(pattern, np.multiply(step, t), (0, 1)) for t in range(20)])
    maps = frame_maps(np.repeat(frames[..., None], 3, axis=-1).astype(np.uint8))
    name = {(0, 1): "right", (0, -1): "left", (1, 0): "down", (-1, 0): "up"}[step]
    sizes = {direction: maps[direction].mean() for direction in MAPS[4:]}
    assert max(sizes, key=sizes.__getitem__) == name


def test_a_cut_is_no_motion():
    frames = grey(1)
    frames[5:] = stripes()[:5]
    maps = frame_maps(frames)
    assert all(not maps[direction].any() for direction in MAPS[4:])


def test_stills_before_and_after_belong_to_the_first_and_last_shot():
    shots = pd.DataFrame([SHOT | {"end": 4.3}, SHOT | {"start": 4.3, "scene": "sea"}])
    sight = look(grey(), shots)
    beach, sea = sight.shown["scene", "beach"], sight.shown["scene", "sea"]
    np.testing.assert_allclose(beach + sea, 1)
    assert sight.times[[0, -1]].tolist() == [-11.75, SECONDS + 11.75]
    assert beach[sight.times < 4].all()
    assert beach[np.abs(sight.times - 4.25) < 0.1].item() == pytest.approx(0.6)


def test_table_without_a_column():
    with pytest.raises(InputError, match="lacks scene, motion"):
        look(grey(), pd.DataFrame([SHOT]).drop(columns=["scene", "motion"]))


# --- when -----------------------------------------------------------------------------------------


def test_first_kept_volume_is_four_seconds_after_onset():
    assert Scanner(tr=2, n_volumes=245, drop_start=1).times[[0, 1]].tolist() == [2, 4]
    assert Scanner(tr=2, n_volumes=246, drop_start=2).times[[0, 2]].tolist() == [0, 4]


@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_response_peaks_after_five_seconds_and_never_before_its_cause(delay):
    bins = np.arange(0, 40, BIN_SECONDS)
    volumes = np.arange(0, 60, 0.25)
    kernel = haemodynamics(volumes, bins, delay)
    assert kernel[:, 0].argmax() * 0.25 == pytest.approx(5 + delay, abs=0.3)
    assert not np.triu(kernel[:160:2], k=1).any()
    lasting = haemodynamics(np.array([39.0]), bins, 0).sum()
    assert lasting == pytest.approx(1, abs=0.05)


def test_noise_is_smooth_and_autocorrelated_with_the_sizes_it_says():
    from mindvideo.demo import brain

    volumes = clean(noise((16, 16, 16, 200), stream("noise")).reshape(-1, 200).T, 4)[0]
    volumes = volumes.T.reshape(16, 16, 16, 200)
    smooth = brain.SMOOTH_NOISE**2 / (brain.SMOOTH_NOISE**2 + brain.WHITE_NOISE**2)
    assert (volumes[..., 1:] * volumes[..., :-1]).mean() == pytest.approx(0.4 * smooth, abs=0.05)
    neighbours = (volumes[1:] * volumes[:-1]).mean()
    assert neighbours == pytest.approx(np.exp(-1 / 4) * smooth, abs=0.05)


# --- whose ----------------------------------------------------------------------------------------


def test_subjects_differ_and_the_same_one_stays(cortex):
    sight = sight_of(stripes())
    scanner = Scanner(tr=2, n_volumes=8, drop_start=0)
    again = Cortex(cortex.grid, 1, "subject1")
    other = Cortex(cortex.grid, 1, "subject2")
    first = bold(cortex, sight, scanner)
    np.testing.assert_array_equal(first, bold(again, sight, scanner))
    assert not np.allclose(cortex.delays, other.delays)
    assert abs(np.corrcoef(first[:, 4], bold(other, sight, scanner)[:, 4])[0, 1]) < 0.9


def test_weights_do_not_depend_on_what_else_is_shown(cortex):
    alone = cortex.respond(sight_of(grey()))
    shots = pd.DataFrame([SHOT | {"end": 6.0}, SHOT | {"start": 6.0, "kind": "bus", "scene": "a"}])
    both = cortex.respond(look(grey(), shots))
    np.testing.assert_allclose(both[:, :30], alone[:, :30])


def test_repeats_share_the_response_and_not_the_noise(cortex):
    response = np.zeros((len(cortex.voxels), 12))
    runs = [record(response, cortex, RESOLUTION, 1.0, stream(r)) for r in (1, 2, 1)]
    np.testing.assert_array_equal(runs[0], runs[2])
    inside = anatomy(RESOLUTION)[0] > 300
    first, second = (clean(run[inside].T, 2)[0] for run in runs[:2])
    assert abs((first * second).mean()) < 0.02


def test_brain_is_bright_and_air_is_dark(cortex):
    run = record(np.zeros((len(cortex.voxels), 3)), cortex, RESOLUTION, 1.0, stream("air"))
    brightness, _ = anatomy(RESOLUTION)
    assert run[brightness > 300].mean() > 100 * run[brightness == 0].mean()
    assert run[brightness == 0].std() > 0


def test_selection_finds_the_visual_cortex(cortex):
    """Five short segments through the same functions as the pipeline's."""
    _, grid = anatomy(RESOLUTION)
    labels = project(grid.affine, grid.shape, 4.0)
    scanner = Scanner(tr=2, n_volumes=18, drop_start=0)
    z = []
    for segment in map(str, range(5)):
        takes = film.script(3, "train", segment, 36)
        shots = pd.DataFrame(
            {name: getattr(take.shot, name) for name in list(SHOT)[2:]}
            | {"start": take.start, "end": take.end}
            for take in takes
        )
        sight = look(film.frames(takes, FPS, PIXELS), shots)
        response = bold(cortex, sight, scanner)
        runs = [record(response, cortex, RESOLUTION, 1.5, stream(segment, r)) for r in "12"]
        z.append(segment_z(np.stack([clean(run[labels > 0].T, 2)[0] for run in runs])))
    result = over_segments(z, "greater")
    found = select(
        result, labels[labels > 0], alpha=0.05, correction="fdr_bh", share=0.5
    )  # five segments are too few for Bonferroni
    visual = np.isin(
        labels[labels > 0], [label for area in VISUAL_AREAS for label in labels_of(area)]
    )
    assert len(found.columns) > 50
    assert visual[found.columns].mean() > 0.8
    assert np.median(result.r[visual]) > 0.2
    assert abs(np.median(result.r[~visual])) < 0.1
    assert stats.mannwhitneyu(result.r[visual], result.r[~visual]).pvalue < 1e-20
