"""Which volumes a clip gets, and how it is said."""

import pytest

from mindvideo.checks.timing import PLAUSIBLE, check_timing, clip_timing, describe_timing
from mindvideo.dataset import Dataset
from mindvideo.descriptions import read_dataset


def described(**changes):
    """60 clips of 1.5 s, with 4 volumes before the film and 6 after it."""
    values = {
        **{"name": "mine", "tr": 1.5, "lag": 3, "clips_per_segment": {"default": 60}},
        **{"subjects": {"sub1": "1"}, "train": ["film1", "film2"], "test": ["film3"]},
        **{"repetitions": {"train": 2, "test": 1}, "film": "{segment}.mp4"},
        "run": "{subject}_{segment}_{repetition}.nii.gz",
        "timing": {"default": {"drop_start": 4, "drop_end": 6}},
        "film_onset": {"default": 6.0},
    }
    return Dataset.model_validate(values | changes)


def test_the_volumes_of_the_first_clip_are_said_so_that_they_can_be_checked():
    said = str(clip_timing(described(), "film3", size=2, lag=3))
    assert said == (
        "clip 0 (film 0–1.5 s) ← volumes 7–8 of 70 (recorded 10.5–13.5 s after the run's start, "
        "4.5–7.5 s after the clip's onset); the last 3 of 60 clips have no volumes of their own, "
        "and get the last volume kept; the last clip before them has fewer than 2 "
        "volumes"
    )


@pytest.mark.parametrize(
    ("size", "lag", "volumes", "delay", "without", "cut_short"),
    [
        (1, 0, (4, 4), (0.0, 1.5), 0, 0),
        (2, 0, (4, 5), (0.0, 3.0), 0, 1),
        (3, 2, (6, 8), (3.0, 7.5), 2, 2),
        (2, 59, (63, 63), (88.5, 90.0), 59, 1),
    ],
)
def test_timing_is_that_of_the_windows(size, lag, volumes, delay, without, cut_short):
    result = clip_timing(described(), "film1", size, lag)
    assert (result.first, result.last) == volumes
    assert result.delay == pytest.approx(delay)
    assert (result.without, result.cut_short) == (without, cut_short)


def test_the_purdue_runs_start_four_seconds_after_their_clips():
    """The recording starts 2 s after most films, and with the others; volumes are dropped."""
    dataset = Dataset.model_validate(read_dataset("config/datasets/wen2018.yaml", "test"))
    for segment in dataset.segments:
        assert clip_timing(dataset, segment, 2, 0).delay == (4, 8), segment
    said = describe_timing(dataset, 2, 0)
    assert "seg1, …, test1 (19 segments): clip 0 (film 0–2 s) ← volumes 1–2 of 245" in said
    assert "test2, test3, test4, test5: clip 0 (film 0–2 s) ← volumes 2–3 of 246" in said
    assert "seg9, seg10" in describe_timing(dataset, 2, 0, everything=True)


def test_where_the_films_onset_is_not_known():
    said = str(clip_timing(described(film_onset={}), "film1", 2, 3))
    assert "add dataset.film_onset to see how long after the clip's onset" in said


@pytest.mark.parametrize(
    ("changes", "lag", "expected"),
    [
        ({"timing": {"default": {"drop_start": 4, "drop_end": 0}}}, 3, []),
        ({}, 3, ["the last 3 of 60 clips have no volumes of their own, though"]),
        ({"film_onset": {"default": 0}}, 3, ["from 10.5 to 13.5 s after its onset", "the last 3"]),
        (
            {"timing": {"default": {"drop_start": 4, "drop_end": 2}}},
            3,
            ["add 2 to drop_start, subtract 2 from drop_end, and set lag: 1"],
        ),
        (
            {"timing": {"default": {"drop_start": 6, "drop_end": 4}}},
            1,
            ["the last of 60 clips has no volumes of its own", "and set lag: 0"],
        ),
        ({"film_onset": {}}, 0, []),
        ({}, 0, ["a clip is paired with the volumes from 0 to 3 s after its onset"]),
        ({"film_onset": {"default": 6, "film2": 14}}, 3, ["from -3.5 to -0.5 s"]),
    ],
)
def test_implausible_timing_is_a_warning(changes, lag, expected):
    result = list(check_timing(described(**changes), 2, lag))
    assert {finding.level for finding in result} <= {"warning"}
    for part in expected:
        assert any(part in finding.message for finding in result), result
    assert bool(result) == bool(expected)


def test_a_segment_shorter_than_the_lag_has_no_timing():
    dataset = described(clips_per_segment={"default": 60, "film2": 3})
    assert all("film2" not in finding.place for finding in check_timing(dataset, 2, 3))
    assert "film2" not in describe_timing(dataset, 2, 3)


def test_the_response_to_a_brief_event_lies_within_the_plausible_delays():
    from nilearn.glm.first_level import glover_hrf

    response = glover_hrf(0.1, oversampling=1)
    peak = 0.1 * response.argmax()
    assert PLAUSIBLE[0] < peak < PLAUSIBLE[1]
    assert 4 <= peak <= 6
