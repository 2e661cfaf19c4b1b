"""Figures draw what they are given, also at the edges."""

import json
import re

import numpy as np
import pytest

from mindvideo.figures.gallery import gallery_page
from mindvideo.figures.selection import draw_selection
from mindvideo.figures.strip import draw_strip
from mindvideo.figures.style import metric_label
from mindvideo.figures.training import draw_training, running_mean


def pixels(axis):
    return np.asarray(axis.images[0].get_array())


def test_the_strip_puts_ground_truth_above_the_reconstruction():
    truth = np.full((5, 6, 8, 8, 3), 40, np.uint8)
    truth[:, -1] = 60
    figure = draw_strip(truth, truth + 100, [f"clip {i}" for i in range(5)], columns=3)
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title(loc="left") for axis in drawn] == [f"clip {i}" for i in range(5)]
    picture = pixels(drawn[0])
    assert picture.shape == (8 + 1 + 8, 3 * 8 + 2, 3)  # 3 of 6 frames, lines between
    assert (picture[:8, :8] == 40).all()
    assert (picture[:8, -8:] == 60).all()  # the last frame is among them
    assert (picture[-8:, :8] == 140).all()
    figure.canvas.draw()


def test_training_curves_leave_out_what_is_not_finite():
    steps = np.arange(1.0, 101)
    losses = 1 / steps
    losses[50] = np.nan
    figure = draw_training({"a": (steps, losses), "b": (steps[:0], losses[:0])})
    figure.canvas.draw()
    assert [axis.get_title(loc="left") for axis in figure.axes[:2]] == ["a", "b"]
    assert len(figure.axes[0].lines[0].get_xdata()) == 99


def test_running_mean_is_that_of_the_last_values():
    values = np.random.default_rng(0).normal(size=20)
    expected = [values[max(0, i - 3) : i + 1].mean() for i in range(20)]
    np.testing.assert_allclose(running_mean(values, 4), expected)


@pytest.mark.parametrize("selected", [True, False])
def test_selection_stands_at_its_place_in_the_brain(selected):
    affine = np.diag([8.0, 8, 8, 1])
    affine[:3, 3] = (-92, -128, -74)
    r = np.full((25, 29, 25), np.nan)
    mask = np.zeros(r.shape, bool)
    r[8:16, 2:8, 6:14] = 0.1
    if selected:
        r[10:12, 3:5, 8:12] = 0.6
        mask = np.nan_to_num(r) > 0.3
    figure = draw_selection(r, mask, affine)
    figure.canvas.draw()
    slices = [axis for axis in figure.axes if axis.get_title(loc="left").startswith("z =")]
    assert len(slices) == 8
    maps = [np.ma.filled(axis.images[1].get_array(), 0) for axis in slices]
    assert max(m.max() for m in maps) == pytest.approx(0.6 if selected else 0.1)
    for m in maps:  # the occipital pole is at the bottom of the picture (rows: y)
        assert not m[m.shape[0] // 2 :].any()


def test_selection_of_nothing_is_still_a_figure():
    draw_selection(np.zeros((4, 4, 4)), np.zeros((4, 4, 4), bool), np.eye(4) * 8).canvas.draw()


def test_metrics_are_written_as_people_do():
    assert metric_label("video_50_way") == "video 50-way"
    assert metric_label("ssim") == "SSIM"


def test_the_page_carries_its_data_and_nothing_from_elsewhere():
    clips = [
        {
            "file": "test1_0000.mp4",
            "segment": "test1",
            "clip": 0,
            "seconds": 0.0,
            "caption": "a </script> \"quoted\" & naïve 'caption'",
            "scores": [0.5, None],
        }
    ]
    page = gallery_page("A < B", clips, ["ssim", "video_2_way"], width=260, height=128)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert data is not None
    found = json.loads(data.group(1))
    assert found == {"clips": clips, "metrics": ["SSIM", "video 2-way"]}
    assert "<title>A &lt; B</title>" in page
    assert "{{" not in page
    assert not re.search(r"<[^>]*(src|href)\s*=|https?://|@import|url\(|fetch\(", page)
