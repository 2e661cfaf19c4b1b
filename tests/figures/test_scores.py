"""Figures of scores, and panels of models, also at the edges."""

import numpy as np
import pytest

from mindvideo.figures.panel import EMPTY, draw_panel
from mindvideo.figures.scores import draw_bars, draw_distributions, draw_time_courses
from mindvideo.figures.table import Cell, Table, colour_of, table_page

NAN = float("nan")


def test_distributions_tell_the_mean_and_what_it_stands_against():
    values = np.array([0.1, 0.2, 0.6, NAN])
    figure = draw_distributions(
        {"ssim": values, "psnr": np.full(3, NAN)}, {"ssim": ("null", 0.2), "psnr": ("null", NAN)}
    )
    figure.canvas.draw()
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["SSIM"]
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["mean 0.3", "null 0.2"]
    assert sum(patch.get_height() for patch in figure.axes[0].patches) == 3


def test_time_courses_have_a_row_a_metric_and_a_column_a_segment():
    scores = {
        "ssim": {"test1": np.arange(9.0), "test2": np.array([1, NAN, 3])},
        "psnr": {"test1": np.arange(9.0), "test2": np.arange(3.0)},
    }
    figure = draw_time_courses(scores, {"ssim": ("chance", 0.5)}, tr=2)
    figure.canvas.draw()
    axes = np.array(figure.axes).reshape(2, 2)
    assert [axis.get_title(loc="left") for axis in axes[0]] == ["test1", "test2"]
    assert [axis.get_ylabel() for axis in axes[:, 0]] == ["SSIM", "PSNR [dB]"]
    thin, thick, level = axes[0, 1].lines
    np.testing.assert_allclose(thin.get_xdata(), np.arange(3) * 2 / 60)
    np.testing.assert_allclose(thick.get_ydata(), [1, 2, 3])  # neighbours that have a score
    assert set(level.get_ydata()) == {0.5}
    assert len(axes[1, 0].lines) == 2


def test_bars_say_which_were_measured():
    figure = draw_bars({"one": [("a", 0.2, NAN, NAN), ("b", 0.3, 0.25, 0.4)], "two": []}, "SSIM")
    figure.canvas.draw()
    axis = figure.axes[0]
    assert [patch.get_width() for patch in axis.patches] == [0.2, 0.3]
    assert len(axis.collections) == 1  # the interval of b
    assert [text.get_text() for text in axis.texts] == ["0.200", "0.300"]


def test_panels_put_models_below_the_films():
    truth = np.full((2, 4, 8, 8, 3), 10, np.uint8)
    models = {"a": list(truth + 50), "b": [None, truth[0] + 90]}
    figure = draw_panel(truth, models, ["first", "second"], frames_per_clip=2)
    figure.canvas.draw()
    picture = np.asarray(figure.axes[0].images[0].get_array())
    columns = (0, 9, 8 + 1 + 8 + 3)
    colours = [[picture[row * 9 + 4, column + 4, 0] for column in columns] for row in range(3)]
    assert colours == [[10, 10, 10], [60, 60, 60], [EMPTY, EMPTY, 100]]
    assert [text.get_text() for text in figure.axes[0].texts] == [
        *("stimulus", "a", "b", "first", "second")
    ]


@pytest.mark.parametrize(
    ("p", "colour"),
    [(5e-5, "purple"), (0.005, "pink"), (0.02, "yellow"), (0.5, "green"), (NAN, "")],
)
def test_colours_are_the_papers(p, colour):
    assert colour_of(p) == colour


def test_a_page_escapes_what_it_is_given():
    rows = {"a <b>": {"ssim": Cell(0.25, ["0.2 to 0.3"], "pink", "*"), "psnr": Cell(NAN)}}
    table = Table("T", ["ssim", "psnr", "hue_cosine"], rows, {"ssim": "null 0.1"})
    page = table_page("<title>", ["a & b"], [table], legend=False)
    assert "<title>&lt;title&gt;</title>" in page
    assert '<th scope="row">a &lt;b&gt;</th>' in page
    assert '<td class="pink">0.250*<small>0.2 to 0.3</small></td>' in page
    assert '<th scope="col">SSIM<small>null 0.1</small></th>' in page
    assert "<td>–</td>" in page
    assert "{{" not in page
