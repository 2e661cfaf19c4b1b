"""The methods text on times: which volumes were analysed, when, and which clips were left out."""

from __future__ import annotations

import pytest
import yaml

from mindvideo.config import check_config
from tests.figures.test_methods import CONFIG, dataset, text

KEPT = "one for each clip of its film, and those that the last windows extend to"
EVENTS = {
    **{"timing": {}, "film_onset": {}, "lag": 2, "event": {"trial_type": "film"}},
    "events": "sub-{subject}_{segment}_{repetition}_events.tsv",
}


def reported(sections=None, **changes):
    """The text on a data set of films of 240 clips of 2 s, a volume each, with windows of two."""
    values = yaml.safe_load((CONFIG / "wen2018.yaml").read_text())
    values |= {"variants": {}, "tables": {}, "windows": {}} | (sections or {})
    described = yaml.safe_load((CONFIG / "datasets/bids.yaml").read_text()) | changes
    return text(check_config(values | {"dataset": described}, "test"), "sub01")


def timing(before, after):
    return {"default": {"drop_start": before, "drop_end": after}}


def test_a_lag_that_is_no_trimming_is_reported():
    start = {"timing": {"default": {"drop_start": 0, "drop_end": 0}}, "lag": 2}
    reported = text(dataset("bids", **start), "sub01")
    assert "Of each run, the first two volumes were discarded. The remaining 238" in reported
    assert "The last clips of the segments (20 clips in all) were left out, since" in reported
    assert (
        "began 4 s (two volumes) after the onset of the film, which includes a lag of two volumes "
        "(4 s) for the haemodynamic delay"
    ) in reported
    assert "the first of which is two volumes after that of the clip" in reported
    unknown = text(dataset("bids", film_onset={}, **start), "sub01")
    assert "the volumes of a clip were taken two volumes (4 s) after it" in unknown
    assert "onset of the film" not in unknown
    without = text(dataset("bids", **(start | {"lag": 0})), "sub01")
    assert "All volumes of each run (240) were analysed" in without
    assert "The last clips of the segments (10 clips in all) were left out" not in without


def test_trimming_that_is_the_same_everywhere_is_one_sentence():
    reported = text(dataset("bids"), "sub01")
    assert "Of each run, the first two volumes and the last were discarded." in reported
    last = {"default": {"drop_start": 0, "drop_end": 1}}
    one = text(dataset("bids", timing=last, lag=0), "sub01")
    assert "Of each run, the last volume was discarded." in one


def test_volumes_after_the_film_are_analysed_and_said():
    said = reported(timing=timing(2, 1), lag=0)
    assert "Of each run, the first two volumes were discarded. The remaining 241 volumes" in said
    assert f"241 volumes were analysed, {KEPT}." in said
    assert "began 4 s (two volumes) after the onset of the film, which allows for" in said
    assert "The last clips" not in said


def test_volumes_that_a_lag_shifts_are_those_analysed():
    said = reported(timing=timing(0, 6), lag=2)
    assert "Of each run, the first two and the last three volumes were discarded." in said
    assert f"The remaining 241 volumes were analysed, {KEPT}." in said
    assert (
        "began 4 s (two volumes) after the onset of the film, which includes a lag of two volumes "
        "(4 s) for the haemodynamic delay." in said
    )
    assert "began with the film" not in said


def test_clips_that_are_left_out_are_counted():
    said = reported(timing=timing(0, 0), lag=2)
    assert "Of each run, the first two volumes were discarded. The remaining 238 volumes" in said
    assert (
        "The last clips of the segments (30 clips in all) were left out, since too few volumes "
        "were recorded after their films." in said
    )
    few = reported(timing=timing(0, 2) | {"test1": timing(0, 0)["default"]}, lag=0)
    assert "The last clips of test1 (one clip in all) were left out" in few


def test_runs_of_unknown_length():
    said = reported(timing=timing(0, None), lag=2)
    assert "Of each run, the first two volumes were discarded. The following 241 volumes" in said
    assert "onset of its film" not in said
    whole = reported(timing=timing(0, None), lag=0)
    assert f"Of each run, the first 241 volumes were analysed, {KEPT}." in whole
    one = reported(timing=timing(1, None), lag=0)
    assert "Of each run, the first volume was discarded." in one


@pytest.mark.parametrize(
    ("interpolation", "how"),
    [("nearest", "the nearest volume"), ("cubic", "cubic interpolation between volumes")],
)
def test_films_that_start_at_an_event(interpolation, how):
    said = reported({"clean": {"interpolation": interpolation}}, **EVENTS)
    assert (
        "Of each run, 241 volumes were analysed, from two volumes after the onset of its film on "
        f"({how}): {KEPT}." in said
    )
    assert "remaining" not in said.partition("The films were cut")[0]
    assert "began 4 s (two volumes) after the onset of the film, which includes a lag" in said


@pytest.mark.parametrize(
    ("interpolation", "lag", "how"),
    [
        ("nearest", 2, "the first of which is the one nearest to two volumes after the onset of"),
        ("nearest", 0, "the first of which is the one nearest to the onset of the clip."),
        ("linear", 2, "the first of which is two volumes after the onset of the clip (linear "),
        ("linear", 0, "the first of which is at the onset of the clip (linear interpolation"),
    ],
)
def test_clips_of_another_duration_than_a_volume(interpolation, lag, how):
    windows = {"interpolation": interpolation, "lag": lag}
    said = reported({"clips": {"seconds": 3.0}, "windows": windows})
    assert "361 volumes were analysed, those of the windows of its clips." in said
    assert "The films were cut into clips of 3 s. A clip has nine" in said
    assert how in said
    assert "one for each volume" not in said
    assert "nine frames (3 frames/s)" in said
    assert "no volumes" not in said
    assert "cut into clips of 2 s, one for each volume." in reported()
