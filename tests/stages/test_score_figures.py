"""Figures of one model's scores, and panels of several models."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mindvideo.errors import InputError
from mindvideo.figures.scores import draw_bars
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings.evaluation import PanelSettings, ScoreFigureSettings, TableRow
from mindvideo.stages import panels, score_figures
from tests.stages.outputs import figure_paths


@pytest.fixture
def scores(test_set):
    """Tables of two metrics, one of which is the better the lower."""
    table = pd.DataFrame(test_set.rows, columns=["segment", "clip"])
    table["ssim"] = [np.nan, *np.linspace(0.1, 1, 13)]
    table["flow_error"] = np.linspace(3, 1, 14)
    save_table(test_set.folder / "per_clip.tsv", table)
    rows = pd.DataFrame({"metric": ["ssim", "flow_error"], "better": ["higher", "lower"]})
    rows = rows.assign(value=0.5, ci_low=0.4, ci_high=0.6, chance=np.nan, null_mean=0.2)
    save_table(test_set.folder / "metrics.tsv", rows)
    return {name: test_set.folder / f"{name}.tsv" for name in ("metrics", "per_clip")}


@pytest.fixture
def draw(test_set, scores, monkeypatch):
    def run(**settings):
        arguments = {}

        def strip(truth, reconstructed, labels, caption):
            arguments.update(
                truth=truth, reconstructed=reconstructed, labels=labels, caption=caption
            )
            return real(truth, reconstructed, labels, caption=caption)

        real = score_figures.draw_strip
        with monkeypatch.context() as patch:
            patch.setattr(score_figures, "draw_strip", strip)
            out = figure_paths(test_set.folder, "worst", "distributions", "time_courses")
            score_figures.main(
                reconstructions=test_set.reconstructions,
                table=test_set.table,
                clips=test_set.clips,
                **scores,
                **out,
                settings=ScoreFigureSettings(seconds=2, **settings),
            )
        for path, pdf in out.values():
            assert Image.open(path).size[0] > 200
            assert pdf.read_bytes().startswith(b"%PDF")
        return arguments

    return run


def test_the_worst_clips_are_shown_worst_first(draw, test_set):
    arguments = draw(worst=3)
    assert arguments["labels"][0] == "test2, clip 1   SSIM 0.10"  # clip 0 has no score
    np.testing.assert_array_equal(arguments["reconstructed"], test_set.reconstructed[1:4])
    assert arguments["caption"] == "The 3 worst of 13 clips by SSIM."
    arguments = draw(worst=2, worst_by="flow_error")
    assert arguments["labels"][0] == "test2, clip 0   flow error 3.00"


def test_a_metric_that_is_not_there_is_named(draw):
    with pytest.raises(InputError, match=r"worst_by: lpips is no metric .* ssim, flow_error"):
        draw(worst_by="lpips")


def test_the_worst_are_ranked_by_a_metric_named_as_in_the_last_version(draw, scores):
    table = load_table(scores["per_clip"])
    save_table(scores["per_clip"], table.assign(kind_accuracy=table["ssim"]))
    rows = load_table(scores["metrics"])
    accuracy = rows.iloc[:1].assign(metric="kind_accuracy")
    save_table(scores["metrics"], pd.concat([rows, accuracy]))
    with pytest.warns(FutureWarning, match="kind_right is now called kind_accuracy"):
        old = draw(worst_by="kind_right")
    assert old["labels"] == draw(worst_by="kind_accuracy")["labels"]


ROWS = [
    TableRow(label="Full model", owner="sub1", full=True),
    TableRow(label="Window size 1", owner="sub1/variants/window-1"),
    TableRow(label="Window size 3", why="no variant"),
    TableRow(label="Subject 2", owner="sub2", full=True),
]


def test_panels_show_the_same_clips_of_all_models(test_set, scores, monkeypatch):
    # The second model has its clips in another order, the third has only one segment's.
    order = np.arange(14)[::-1]
    np.save(test_set.folder / "second.npy", test_set.reconstructed[order])
    np.save(test_set.folder / "third.npy", test_set.reconstructed[:6])
    table = pd.DataFrame(test_set.rows, columns=["segment", "clip"])
    save_table(test_set.folder / "second.tsv", table.iloc[order])
    save_table(test_set.folder / "third.tsv", table.iloc[:6])
    arguments = []

    def panel(truth, models, labels):
        arguments.append((truth, models, labels))
        return real(truth, models, labels)

    real = panels.draw_panel
    monkeypatch.setattr(panels, "draw_panel", panel)
    out = figure_paths(test_set.folder, "subjects", "variants", "ssim")
    inputs = {
        "reconstructions": [
            test_set.reconstructions,
            test_set.folder / "second.npy",
            test_set.folder / "third.npy",
        ],
        "listings": [test_set.table, test_set.folder / "second.tsv", test_set.folder / "third.tsv"],
        "metrics": [scores["metrics"]] * 3,
        "per_clip": [scores["per_clip"]] * 3,
    }
    monkeypatch.setattr(panels, "N_CLIPS", 4)
    bars = []
    monkeypatch.setattr(panels, "draw_bars", lambda b, _: bars.append(b) or draw_bars(b, _))
    rows = [ROWS[0], ROWS[1].model_copy(update={"baseline": True}), *ROWS[2:]]
    settings = PanelSettings(rows=rows, dataset="a test", block=3)
    panels.main(**inputs, clips=test_set.clips, **out, settings=settings)
    (truth, subjects, labels), (_, variants, _) = arguments
    assert labels == ["test1, clip 0", "test1, clip 4", "test2, clip 1", "test2, clip 5"]
    assert list(subjects) == ["Full model", "Subject 2"]
    assert list(variants) == ["Full model", "Window size 1"]
    of_all = [name for name, *_ in bars[0]["All test clips of a test"]]
    assert of_all[-3:] == ["Full model", "Window size 1", "Subject 2"]  # a baseline among them
    np.testing.assert_array_equal(truth[1], test_set.films["test1"][4])
    np.testing.assert_array_equal(variants["Full model"], variants["Window size 1"])
    assert [clip is None for clip in subjects["Subject 2"]] == [True, True, False, False]
    assert all(path.stat().st_size > 2000 for paths in out.values() for path in paths)
    with pytest.raises(InputError, match="3 rows need as many"):
        panels.main(**inputs | {"metrics": []}, clips=test_set.clips, **out, settings=settings)


def test_the_bar_of_one_segment_is_of_the_first_that_has_scores(scores):
    """All clips of a film may have a cut."""
    table = load_table(scores["per_clip"])
    values = table["ssim"].where(table["segment"] == "test2")
    save_table(scores["per_clip"], table.assign(ssim=values))
    settings = PanelSettings(rows=ROWS, dataset="a test", block=3)
    bars = panels._bars(
        {"Full model": scores["metrics"]}, ["Full model"], scores["per_clip"], settings
    )
    _, mean, low, high = bars["Full model, test2"][-1]
    assert mean == pytest.approx(values.mean())
    assert low <= mean <= high
