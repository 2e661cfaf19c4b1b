"""Figures draw what they are given, also at the edges."""

import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from mindvideo.figures.brain import draw_brain, write_names
from mindvideo.figures.drawings import draw_drawings
from mindvideo.figures.gallery import About, gallery_page
from mindvideo.figures.strip import draw_strip
from mindvideo.figures.training import draw_training, running_mean
from tests.figures.galleries import METRICS, PER_CLIP, clip


def pixels(axis):
    return np.asarray(axis.images[0].get_array())


def test_the_strip_puts_the_stimulus_above_the_reconstruction():
    truth = np.full((5, 6, 8, 8, 3), 40, np.uint8)
    truth[:, -1] = 60
    figure = draw_strip(truth, truth + 100, [f"clip {i}" for i in range(5)], columns=3)
    assert [axis.get_title(loc="left") for axis in figure.axes] == [f"clip {i}" for i in range(5)]
    names = [text.get_text() for text in figure.texts if text.get_text()]
    assert names == ["stimulus", "reconstruction"] * 2  # of two rows
    picture = pixels(figure.axes[0])
    assert picture.shape == (8 + 1 + 8, 3 * 8 + 2, 3)  # 3 of 6 frames, lines between
    assert (picture[:8, :8] == 40).all()
    assert (picture[:8, -8:] == 60).all()  # the last frame is among them
    assert (picture[-8:, :8] == 140).all()
    figure.canvas.draw()


def test_drawings_are_a_row_a_caption_and_a_column_a_moment():
    first = np.full((2, 6, 8, 8, 3), 40, np.uint8)
    first[1] = 60
    figure = draw_drawings({"step 0": first, "step 9": first + 100}, ["a cat", "a dog"])
    figure.canvas.draw()
    assert [int(pixels(axis)[0, 0, 0]) for axis in figure.axes] == [40, 140, 60, 160]
    assert pixels(figure.axes[0]).shape == (8, 3 * 8 + 2, 3)
    assert {text.get_text() for text in figure.texts} == {"a cat", "a dog", "step 0", "step 9"}


def test_training_curves_leave_out_what_is_not_finite():
    steps = np.arange(1.0, 101)
    losses = 1 / steps
    losses[50] = np.nan
    figure = draw_training({"a": (steps, losses), "b": (steps[:0], losses[:0])})
    figure.canvas.draw()
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["a"]
    assert len(figure.axes[0].lines[0].get_xdata()) == 99


def test_running_mean_is_that_of_the_last_values():
    values = np.random.default_rng(0).normal(size=20)
    expected = [values[max(0, i - 3) : i + 1].mean() for i in range(20)]
    np.testing.assert_allclose(running_mean(values, 4), expected)


def brain(r, selected):
    """Draw a square of cortex a hemisphere, V1 beside PHA2."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-80, 80.0), np.arange(-30, 30.0)))
    points = np.stack([x, y], axis=1)
    points[np.abs(x) < 10] = np.nan  # the medial wall
    areas = np.where(np.abs(x) < 30, "V1", np.where(np.abs(x) < 50, "PHA2", "4"))
    areas[np.abs(x) < 10] = ""
    figure = draw_brain(
        points,
        areas,
        tsnr=60 + y,
        r=np.where(areas == "V1", r, 0.0),
        selected=np.where(areas == "V1", selected, 0.0),
        voxels=(np.array([0.1, 0.2, 0.5]), np.array([False, False, bool(selected)])),
    )
    figure.canvas.draw()
    titled = {axis.get_title(loc="left").split()[0]: axis for axis in figure.axes if axis.images}
    maps = [titled[name] for name in ("Temporal", "Correlation", "Selected")]
    return maps, [np.ma.filled(axis.images[1].get_array(), np.nan) for axis in maps]


def test_maps_of_the_brain_show_values_at_their_places():
    axes, (tsnr, r, selected) = brain(0.6, 1.0)
    rows, columns = tsnr.shape
    assert np.nanmean(tsnr[: rows // 4]) < 50 < 70 < np.nanmean(tsnr[-rows // 4 :])
    assert np.isnan(tsnr[:, columns // 2]).all()
    assert np.nanmax(r) == pytest.approx(0.6)
    assert np.nanmax(r[:, : columns // 4]) == 0
    np.testing.assert_array_equal(selected == 1, r == 0.6)
    names = [text.get_text() for text in axes[2].texts]
    assert sorted(names) == ["PHA", "PHA", "V1", "V1"]
    for text in axes[2].texts:
        distance = abs(text.xy[0])
        assert (distance < 30) == (text.get_text() == "V1")


def test_a_brain_in_which_nothing_was_selected_or_measured_is_still_a_figure():
    _, (_, _, selected) = brain(0.0, 0.0)
    assert np.isnan(selected).all()
    nothing = np.full(4, np.nan)
    points = np.array([[0, 0], [0, 30], [30, 0], [30, 30.0]])
    none = np.zeros(0), np.zeros(0, bool)
    figure = draw_brain(points, np.full(4, ""), nothing, nothing, nothing, none)
    assert [text.get_text() for text in figure.texts] == ["No voxel was measured."]


def test_volumes_in_native_space_have_a_histogram_and_no_empty_maps():
    points = np.array([[0, 0], [0, 30], [30, 0], [30, 30.0]])
    nothing = np.full(4, np.nan)
    voxels = np.array([0.1, 0.2, 0.5]), np.array([False, False, True])
    figure = draw_brain(points, np.full(4, ""), nothing, nothing, nothing, voxels)
    figure.canvas.draw()
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["Reproducibility"]


def test_names_on_a_map_do_not_hide_each_other():
    axis = Figure().subplots()
    axis.set(xlim=(0, 100), ylim=(0, 100))
    labels = [("first", (50, 50)), ("second", (51, 51)), ("edge", (0, 80)), ("far", (500, 50))]
    write_names(axis, labels, scale=0.05)
    assert [text.get_text() for text in axis.texts] == ["first", "edge"]
    assert 0 < axis.texts[1].xy[0] < 10


def test_the_page_carries_its_data_and_nothing_from_elsewhere():
    caption = "a </script> \"quoted\" & naïve 'caption'"
    clips = [clip(0) | {"caption": caption}]
    page = gallery_page(About("A < B"), clips, METRICS, PER_CLIP, width=260, height=128, fps=3)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert data is not None
    page_data = json.loads(data.group(1))
    assert page_data["clips"][0]["caption"] == caption
    assert page_data["clips"][0]["models"] == clips[0]["models"]
    assert [metric["index"] for metric in page_data["metrics"]] == [1, 2, 0, 3]
    assert "<title>A &lt; B</title>" in page
    assert not re.search(r"<[^>]*(src|href)=\"?https?://|@import|url\(|fetch\(", page)


def test_losses_on_validation_segments_are_a_second_curve():
    steps = np.arange(1, 101)
    held_out = np.where(steps % 10 == 0, 2.0 + steps / 100, np.nan)
    curves = {"a": (steps, 1.0 / steps), "b": (steps, 1.0 / steps)}
    first, second = draw_training(curves, {"a": (steps, held_out)}).axes
    points = [line.get_xydata() for line in first.lines]
    expected = np.stack([steps, held_out], axis=1)[9::10]
    assert any(np.array_equal(xy, expected) for xy in points)
    assert len(first.lines) == 2 * len(second.lines)
    texts = [text.get_text() for text in first.texts]
    assert any(text.startswith("validation") for text in texts)
    assert not any("validation" in text.get_text() for text in second.texts)
