"""``mindvideo check-dataset`` says where scores cannot be significant."""

import math

import pytest

from mindvideo.checks import scores
from mindvideo.checks.description import description
from mindvideo.metrics.statistics import SIGNIFICANCE

TESTS = [f"test{n}" for n in range(1, 6)]


def findings(purdue, test, **clips):
    return [*scores.shifts(purdue.described("volume", test=test, clips_per_segment=clips))]


def test_the_least_number_of_shifts_is_that_of_the_scores():
    assert math.ceil(1 / SIGNIFICANCE) == scores.LEAST_SHIFTS


@pytest.mark.parametrize(
    ("test", "clips"),
    [
        (TESTS, {"default": 240}),
        (["test1"], {"default": 240, "test1": 20}),
        (["test1", "test2"], {"default": 5, "test1": 4}),
    ],
)
def test_enough_clips(purdue, test, clips):
    assert findings(purdue, test, **clips) == []


@pytest.mark.parametrize(
    ("test", "clips", "n_shifts", "p"),
    [
        (["test1"], {"default": 240, "test1": 12}, 12, "0.083"),
        (TESTS, {"default": 1}, 1, "1"),
        (["test1", "test2"], {"default": 3}, 9, "0.11"),
    ],
)
def test_too_few_clips(purdue, test, clips, n_shifts, p):
    warnings = findings(purdue, test, **clips)
    assert {(f.level, f.place) for f in warnings} == {("warning", f"sub{n}") for n in (1, 2, 3)}
    assert f"({', '.join(test)}) allow {n_shifts} circular shifts" in warnings[0].message
    assert f"p cannot be below {p}. For 0.05, 20 are needed" in warnings[0].message


def test_the_segments_that_are_scored_decide(purdue):
    clips = {"default": 240, "seg18": 12}
    described = purdue.described("volume", validation=["seg18"], clips_per_segment=clips)
    assert [*scores.shifts(described)] == []
    warnings = [*scores.shifts(described, "validation")]
    assert "the validation segments (seg18) allow 12 circular shifts" in warnings[0].message
    exclude = [f"sub2 seg18_{n}" for n in (1, 2)]
    described = purdue.described("volume", validation=["seg18"], exclude=exclude)
    errors = [f for f in description(described) if f.level == "error"]
    assert [(f.place, f.message) for f in errors] == [
        ("sub2", "no validation runs: leave out the subject")
    ]
