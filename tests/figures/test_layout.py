"""No text of a figure is cut, hidden or written across what is drawn, also at the edges."""

import math

import numpy as np
import pytest
from matplotlib.legend import Legend
from matplotlib.text import Text

from mindvideo.figures.drawings import draw_drawings
from mindvideo.figures.layout import even_columns, spread, text_width, wrap
from mindvideo.figures.panel import draw_panel
from mindvideo.figures.scores import draw_bars, draw_distributions, draw_time_courses
from mindvideo.figures.strip import draw_strip
from mindvideo.figures.training import draw_rebuilt, draw_retrieval, draw_training
from tests.figures.texts import boxes, cut

LONG = "a_very_long_name_of_a_segment_task-nature_run-01"
WORDS = "a subject or a variant that has a name of many words, which no axis has room for"
NAN = float("nan")


def curve(n, seed=0):
    return np.arange(1.0, n + 1), np.random.default_rng(seed).random(n)


def scores(metrics, segments, n):
    rng = np.random.default_rng(0)
    return {m: {s: rng.random(n) for s in segments} for m in metrics}


def clips(n, w=16):
    return np.zeros((n, 6, 16, w, 3), np.uint8)


BAR = (0.2, 0.15, 0.25)
VOLUMES = np.random.default_rng(0).normal(size=(4, 3, 64))
CASES = {
    "one metric": lambda: draw_distributions({"ssim": np.ones(3)}, {"ssim": ("null", 0.1234)}),
    "many metrics": lambda: draw_distributions(
        {f"identification_{i}": curve(9)[1] for i in range(7)}, {"identification_1": ("chance", 0)}
    ),
    "one segment": lambda: draw_time_courses(
        scores(["ssim"], ["test1"], 45), {"ssim": ("null", 0.1)}, tr=2
    ),
    "three clips": lambda: draw_time_courses(
        scores(["ssim", "psnr"], [LONG, "b"], 3), {"ssim": ("null", 0.1)}, tr=2
    ),
    "many segments": lambda: draw_time_courses(
        scores(["clip_consistency_gated"], [f"film_{i}" for i in range(12)], 30),
        {"clip_consistency_gated": ("chance", 0.5)},
        tr=2,
    ),
    "bars": lambda: draw_bars(
        {WORDS: [("a", 0.1, NAN, NAN), (WORDS, *BAR)], "all": [(LONG, *BAR)]}, "SSIM"
    ),
    "one clip": lambda: draw_strip(clips(1), clips(1), [LONG], caption=WORDS),
    "wide clips": lambda: draw_strip(clips(7, 40), clips(7, 40), [f"{LONG}   SSIM 0.1"] * 7),
    "panel": lambda: draw_panel(clips(2), {WORDS: clips(2), LONG: [None, clips(1)[0]]}, [LONG] * 2),
    "one loss": lambda: draw_training({"a": curve(1)}),
    "losses": lambda: draw_training({f"{LONG}{i}": curve(5) for i in range(5)}),
    "rebuilt": lambda: draw_rebuilt({LONG: (*curve(300), VOLUMES), "b": (*curve(1), VOLUMES)}),
    "retrieval": lambda: draw_retrieval(
        {"frame": curve(30), "caption": curve(30)}, 0.03, [(WORDS, *BAR, 0.1)]
    ),
    "drawings": lambda: draw_drawings({"step 0": clips(2), WORDS: clips(2)}, [WORDS * 3, LONG]),
}


@pytest.mark.parametrize("case", CASES)
def test_no_text_is_cut(case):
    assert cut(CASES[case]()) == []


def test_the_check_finds_what_is_cut():
    figure = CASES["one segment"]()
    figure.suptitle("a legend in one line, longer than a figure of one segment is wide", x=0)
    assert len(cut(figure)) == 1


def test_no_number_stands_on_a_curve_and_no_legend_on_a_bar():
    for name in ("one loss", "losses", "rebuilt", "retrieval"):
        figure = CASES[name]()
        for axis in figure.axes:
            numbers = [box for text, box in boxes(figure, Text, axis) if text in axis.texts]
            assert all(box.x0 >= axis.bbox.x1 for box in numbers)
    for name in ("one metric", "many metrics", "one segment", "bars", "retrieval"):
        figure = CASES[name]()
        legends = boxes(figure, Legend)
        assert legends
        assert not any(box.overlaps(axis.bbox) for _, box in legends for axis in figure.axes)


def test_labels_of_curves_that_end_together_stand_apart():
    figure = draw_retrieval({"frame": curve(30), "caption": curve(30)}, 0.5, [])
    labels = [box for text, box in boxes(figure, Text) if text in figure.axes[0].texts]
    assert len(labels) == 3
    for i, box in enumerate(labels):
        assert not any(box.overlaps(other) for other in labels[:i])


def test_what_has_no_data_has_no_panel():
    none = np.full(3, NAN)
    figure = draw_distributions({"ssim": np.ones(3), "psnr": none}, {})
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["SSIM"]
    figure = draw_time_courses({"ssim": {"a": np.ones(3)}, "psnr": {"a": none}}, {}, tr=2)
    assert [axis.get_ylabel() for axis in figure.axes] == ["SSIM"]
    assert len(draw_retrieval({}, 0.1, [("a", *BAR, 0.1)]).axes) == 1
    assert len(draw_retrieval({"frame": curve(9)}, 0.1, []).axes) == 1
    for figure in (
        draw_distributions({"psnr": none}, {}),
        draw_time_courses({"psnr": {"a": none}}, {}, tr=2),
        draw_training({"a": (none, none)}),
        draw_rebuilt({}),
        draw_retrieval({}, 0.1, []),
        draw_bars({"a": []}, "SSIM"),
    ):
        assert not figure.axes
        assert figure.texts[0].get_text().startswith("No")
        assert cut(figure) == []


@pytest.mark.parametrize("around", [3, 4])
def test_rows_are_as_full_as_can_be(around):
    for n in range(1, 37):
        columns = even_columns(n, around)
        assert columns <= 2 * around
        assert -n % columns < columns / 2, (n, columns)


def test_the_rows_of_any_strip_are_more_than_half_full():
    for n in range(1, 1300):
        columns = even_columns(n, max(4, math.ceil(math.sqrt(n / 3))))
        assert -n % columns < columns / 2, (n, columns)


def test_lines_fit_and_keep_all_words():
    for text in (LONG, WORDS, f"{LONG} {WORDS}"):
        lines = wrap(text, 1.2, 8)
        assert all(text_width(line, 8) <= 1.2 for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrap("short", 5) == ["short"]
    cut_short = wrap(WORDS, 1.2, 8, most=2)
    assert len(cut_short) == 2
    assert cut_short[1].endswith("…")
    assert text_width(cut_short[1], 8) <= 1.2


def test_places_are_moved_apart_by_as_little_as_possible():
    np.testing.assert_allclose(spread(np.array([0.1, 0.9, 0.5]), 0.2), [0.1, 0.9, 0.5])
    np.testing.assert_allclose(spread(np.array([0.5, 0.5, 0.5]), 0.2), [0.3, 0.5, 0.7])
    moved = spread(np.random.default_rng(0).random(9), 0.3)
    assert np.diff(np.sort(moved)).min() > 0.3 - 1e-9
