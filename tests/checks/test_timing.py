"""Which volumes a clip gets, and how it is said."""

import pytest

from mindvideo.alignment import clip_times, lag_of
from mindvideo.checks.timing import PLAUSIBLE, check_timing, clip_timings, describe_timing
from mindvideo.config import check_config
from tests.checks.few import values

DATA = {
    **{"name": "mine", "tr": 1.5, "lag": 3, "clips_per_segment": {"default": 60}},
    **{"subjects": {"sub1": "1"}, "train": ["film1", "film2"], "test": ["film3"]},
    **{"repetitions": {"train": 2, "test": 1}, "film": "{segment}.mp4"},
    "timing": {"default": {"drop_start": 4, "drop_end": 6}},
    "film_onset": {"default": 6.0},
}


def timed(windows=None, **changes):
    """60 clips of 1.5 s, with 4 volumes before the film and 6 after it: data set, times, lag."""
    config = check_config(values(dataset=DATA | changes, windows=windows or {}), "test")
    dataset, stages = config.dataset, config.stages()
    return dataset, clip_times(dataset, stages), lag_of(dataset, stages)


def first_timing(segment, windows=None, **changes):
    dataset, times, lag = timed(windows, **changes)
    return clip_timings(dataset, segment, times, lag)[0]


def test_the_volumes_of_the_first_clip_are_said_so_that_they_can_be_checked():
    assert str(first_timing("film3")) == (
        "clip 0 (film 0–1.5 s) ← volumes 7–8 of 70 (recorded 10.5–13.5 s after the run's start, "
        "4.5–7.5 s after the clip's onset)"
    )
    short = {"default": {"drop_start": 4, "drop_end": 2}}
    assert str(first_timing("film3", timing=short)).endswith(
        "; the last 2 clips are left out, since too few volumes were recorded after the film"
    )
    assert str(first_timing("film3", {"end": "repeat"})).endswith(
        "; the last clip has the last volume more than once (windows.end: repeat)"
    )


@pytest.mark.parametrize(
    ("windows", "start", "delay", "left_out", "repeated"),
    [
        ({"size": 1, "lag": 0}, 4, (0.0, 1.5), 0, 0),
        ({"size": 2, "lag": 0}, 4, (0.0, 3.0), 0, 0),
        ({"size": 2, "lag": 0, "end": "repeat"}, 4, (0.0, 3.0), 0, 1),
        ({"size": 3, "lag": 2}, 6, (3.0, 7.5), 0, 0),
        ({"size": 3, "lag": 6}, 10, (9.0, 13.5), 2, 0),
        ({"size": 3, "lag": 6, "end": "repeat"}, 10, (9.0, 13.5), 0, 2),
        ({"size": 3, "lag": 8, "end": "repeat"}, 12, (12.0, 16.5), 2, 2),
    ],
)
def test_timing_is_that_of_the_windows(windows, start, delay, left_out, repeated):
    result = first_timing("film1", windows)
    assert result.start == start
    assert result.delay == pytest.approx(delay)
    assert (result.left_out, result.repeated) == (left_out, repeated)


def test_the_purdue_runs_start_four_seconds_after_their_clips():
    """The recording starts 2 s after most films, and with the others; volumes are dropped."""
    of_purdue = values(dataset={})
    of_purdue |= {"dataset": "config/datasets/wen2018.yaml", "clips": {"fps": 3, "size": 64}}
    config = check_config(of_purdue | {"windows": {"end": "repeat"}}, "test")
    times = clip_times(config.dataset, config.stages())
    for segment in config.dataset.segments:
        (timing,) = clip_timings(config.dataset, segment, times, 0)
        assert timing.delay == (4, 8), segment
    said = describe_timing(config.dataset, times, 0)
    assert "seg1, …, test1 (19 segments): clip 0 (film 0–2 s) ← volumes 1–2 of 245" in said
    assert "test2, test3, test4, test5: clip 0 (film 0–2 s) ← volumes 2–3 of 246" in said
    assert "seg9, seg10" in describe_timing(config.dataset, times, 0, everything=True)


def test_where_the_films_onset_is_not_known():
    said = str(first_timing("film1", film_onset={}))
    assert "add dataset.film_onset to see how long after the clip's onset" in said


def test_films_that_start_at_events():
    events = {"timing": {}, "film_onset": {}, "events": "{subject}_{segment}_{repetition}_e.tsv"}
    said = str(first_timing("film1", **events, event={"trial_type": "film"}))
    assert said == (
        "clip 0 (film 0–1.5 s) ← 2 volumes from the onset of its event on, 3 volumes later "
        "(4.5–7.5 s after the clip's onset)"
    )


def test_clips_longer_than_a_volume_have_windows_between_volumes():
    config = values(dataset=DATA, clips={"seconds": 2.0}, windows={"interpolation": "linear"})
    config = check_config(config, "test")
    (timing,) = clip_timings(
        config.dataset, "film1", clip_times(config.dataset, config.stages()), 3
    )
    assert str(timing).startswith("clip 0 (film 0–2 s) ← volumes 7–8 of 90 ")


@pytest.mark.parametrize(
    ("changes", "lag", "expected"),
    [
        ({}, 3, []),
        (
            {"timing": {"default": {"drop_start": 4, "drop_end": 0}}},
            3,
            [
                "the last 4 of 60 clips are left out, since too few volumes were recorded after "
                "the film for their windows (2 volumes, 3 after the clip)"
            ],
        ),
        ({"film_onset": {"default": 0}}, 3, ["from 10.5 to 13.5 s after its onset"]),
        ({"timing": {"default": {"drop_start": 4, "drop_end": 3}}}, 3, ["the last of 60 clips is"]),
        ({"film_onset": {}}, 0, []),
        ({}, 0, ["a clip is paired with the volumes from 0 to 3 s after its onset"]),
        ({"film_onset": {"default": 6, "film2": 14}}, 3, ["from -3.5 to -0.5 s"]),
    ],
)
def test_implausible_timing_is_a_warning(changes, lag, expected):
    dataset, times, lag = timed({"lag": lag}, **changes)
    result = list(check_timing(dataset, times, lag))
    assert {finding.level for finding in result} <= {"warning"}
    for part in expected:
        assert any(part in finding.message for finding in result), result
    assert bool(result) == bool(expected)


def test_the_response_to_a_brief_event_lies_within_the_plausible_delays():
    from nilearn.glm.first_level import glover_hrf

    response = glover_hrf(0.1, oversampling=1)
    peak = 0.1 * response.argmax()
    assert PLAUSIBLE[0] < peak < PLAUSIBLE[1]
    assert 4 <= peak <= 6
