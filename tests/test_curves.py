"""The benchmark of scores against noise and amount of fMRI."""

import sys
from subprocess import CalledProcessError

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks import curves as benchmark
from benchmarks.curves import Curves, Point, held_out_r, measure
from benchmarks.curves_figure import LOOKS, PANELS, draw_curves
from benchmarks.workflow import ROOT, run_workflow
from mindvideo.artefacts import artefacts
from mindvideo.errors import InputError
from mindvideo.io.tables import load_table, save_table
from mindvideo.plan import Plan
from mindvideo.settings.fmri import Selection
from tests.figures.texts import cut

POINTS = [Point(1, n) for n in (18, 9, 4)] + [Point(snr, 18) for snr in (0.4, 0.25)]
FEW = Point(1, 2)
VOXELS, ALL_VOXELS = 10, 40
FACTORS = {"fmri": 1.0, "ridge": 0.5}


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def values():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture
def curves(values):
    return Curves(values, "sub1", VOXELS)


def rows_of_metrics(names, factor):
    value = factor * np.arange(1, len(names) + 1) / 10
    numbers = {"value": value, "ci_low": value - 0.02, "ci_high": value + 0.03, "p": value / 9}
    table = pd.DataFrame({"metric": names, "n_clips": 120, **numbers, "null_mean": 0.07})
    return table.assign(chance=[0.5, *[0.05] * (len(names) - 2), np.nan])


@pytest.fixture
def computed(tmp_path, monkeypatch):
    """A folder with tables and cleaned runs as the workflow writes them."""
    place = tmp_path / "results/sub1"
    for folder in ("variants/linear", "retrieval", "selection", "clean"):
        (place / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n in range(18):
        np.save(place / f"clean/seg{n + 1}.npy", rng.normal(size=(2, 20, ALL_VOXELS)))
    monkeypatch.setattr(benchmark, "read_labels", lambda _: (np.arange(ALL_VOXELS) + 1, None))
    clips = ["psnr", *benchmark.OF_CLIPS]
    save_table(place / "metrics.tsv", rows_of_metrics(clips, 1.0))
    save_table(place / "variants/linear/metrics.tsv", rows_of_metrics(clips, 0.5))
    frames = [
        f"{source}_to_{what}_{k}"
        for source in FACTORS
        for what in ("frame", "caption")
        for k in ("top1", "top5", "identification")
    ]
    save_table(place / "retrieval/retrieval.tsv", rows_of_metrics(frames, 1.0))
    save_table(
        place / "selection/voxels.tsv",
        pd.DataFrame({"column": range(4), "r": [0.1, 0.2, 0.4, 0.9]}),
    )
    return tmp_path


def counted(monkeypatch, computed, stop_at=None):
    """Points that are computed, in place of Snakemake; one of them may fail."""
    points = []

    def compute(self, point, folder, cores):
        assert folder == computed
        if point == stop_at:
            raise KeyboardInterrupt
        points.append(point)

    monkeypatch.setattr(Curves, "compute", compute)
    return points


# --- points ---------------------------------------------------------------------------------------


def test_points_of_the_same_brains_follow_each_other_and_none_is_twice(curves):
    assert curves.points(benchmark.SNRS, benchmark.SEGMENTS) == POINTS
    assert curves.points([1, 0.4], [18, 9]) == [Point(1, 18), Point(1, 9), Point(0.4, 18)]


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_point_has_one_subject_with_its_first_segments(curves, point):
    config = curves.checked_at(point)
    dataset = config.dataset
    assert list(dataset.subjects) == ["sub1"]
    assert dataset.segments_of("sub1", "train") == [f"seg{n + 1}" for n in range(point.segments)]
    assert dataset.segments_of("sub1", "test") == [f"test{n + 1}" for n in range(5)]
    assert config.demo.brain.snr == point.snr
    assert (config.selection.criterion, config.selection.n_voxels) == ("best", VOXELS)


def shared_settings(config):
    """Settings of all stages that make what subjects share, and of the films, by segment."""
    plan, settings = Plan(config), {}
    makers = [m for artefact in artefacts().values() if artefact.shared for m in artefact.makers]
    stages = [*((stage.name, section) for stage, section in makers), ("demo_film", "")]
    for name, section in [*stages, ("demo_rest", "")]:
        for segment in config.dataset.segments:
            of_stage = plan.settings(name, "shared", segment, section)
            settings[name, section, segment] = of_stage.deciding_json()
    return settings | {a: plan.segments(a, "shared", "train") for a in ("clips", "captions")}


def test_all_points_share_films_pretraining_and_video_tuning(curves):
    first, *others = [shared_settings(curves.checked_at(point)) for point in POINTS]
    assert {"mbm", "video_tuning", "demo_film", "demo_rest"} <= {key[0] for key in first}
    assert len(first["captions"]) == 18
    for other in others:
        assert other == first


def test_runs_that_the_data_set_leaves_out_stay_out(values):
    values["dataset"] = {"like": "config/datasets/demo.yaml", "exclude": ["sub1 seg1_2"]}
    dataset = Curves(values, "sub1", VOXELS).checked_at(Point(1, 17)).dataset
    assert dataset.exclude == ["sub1 seg1_2", "sub1 seg18_1", "sub1 seg18_2"]


@pytest.mark.parametrize(
    ("changes", "subject", "said"),
    [
        ({}, "sub9", "no subject 'sub9', but sub1, sub2, sub3: name one of them"),
        ({"variants": {}, "tables": {}}, "sub1", "variants has no 'linear'"),
        ({"demo": {"brain": {"snr": -1}}}, "sub1", "snr"),
    ],
)
def test_a_configuration_without_curves_is_refused(values, changes, subject, said):
    with pytest.raises(InputError, match=said):
        Curves(values | changes, subject, VOXELS)


@pytest.mark.parametrize("n", [1, 19])
def test_segments_that_the_subject_does_not_have_are_refused_before_any_work(
    curves, computed, monkeypatch, n
):
    points = counted(monkeypatch, computed)
    with pytest.raises(InputError, match=rf"--segments {n}.*18 training segments: choose 2 to 18"):
        measure(curves, curves.points([], [n]), computed, "1")
    assert not points


# --- rows -----------------------------------------------------------------------------------------


def test_rows_have_scores_chance_voxels_and_amount_of_data(curves, computed):
    rows = curves.rows(FEW, computed)
    assert len(rows) == 2 * (len(benchmark.OF_CLIPS) + 3)
    assert rows["median_r"].unique() == pytest.approx([0.3])
    of_all = rows[["snr", "segments", "n_voxels", "n_train_clips", "subject", "split"]]
    assert of_all.drop_duplicates().values.tolist() == [[1.0, 2, 4, 96, "sub1", "test"]]
    assert rows["minutes"].unique() == pytest.approx([2 * 2 * 48 * 2 / 60])  # 2 runs of a segment
    by_name = rows.set_index(["model", "metric"])
    assert by_name.loc[("MinD-Video", "kind_accuracy"), "value"] == pytest.approx(0.4)
    linear = by_name.loc[("linear", "kind_accuracy")]
    assert linear[["value", "ci_low", "ci_high", "p", "chance"]].tolist() == pytest.approx(
        [0.2, 0.18, 0.23, 0.2 / 9, 0.05]
    )
    frames = load_table(computed / "results/sub1/retrieval/retrieval.tsv").set_index("metric")
    for model, source in (("MinD-Video", "fmri"), ("linear", "ridge")):
        expected = frames.loc[f"{source}_to_frame_top5", "value"]
        assert by_name.loc[(model, "frame_top5"), "value"] == pytest.approx(expected)


def correlations(runs):
    """Pearson's r of each voxel between two runs, voxel by voxel."""
    return np.array([np.corrcoef(runs[0, :, v], runs[1, :, v])[0, 1] for v in range(runs.shape[2])])


def test_reproducibility_is_measured_in_segments_that_selection_did_not_use(curves, computed):
    """Of noise, selected voxels correlate by chance; in the segments left out they do not."""
    rows = curves.rows(Point(1, 18), computed)
    place = computed / "results/sub1/clean"
    r = np.array([correlations(np.load(place / f"seg{n + 1}.npy")) for n in range(18)])
    medians = []
    for n in range(18):
        others = np.arctanh(r[[m for m in range(18) if m != n]]).mean(axis=0)
        medians.append(np.median(np.arctanh(r[n, np.argsort(others)[-VOXELS:]])))
    assert rows["held_out_r"].unique() == pytest.approx([np.tanh(np.mean(medians))])
    chosen = np.median(np.sort(np.tanh(np.arctanh(r).mean(axis=0)))[-VOXELS:])
    assert chosen > 0.05
    assert abs(rows["held_out_r"].iloc[0]) < chosen / 2


def test_voxels_that_could_not_be_tested_or_are_elsewhere_are_not_selected(curves):
    z = np.tile(np.arange(6.0) / 10, (3, 1))
    z[1, 5] = np.nan
    settings = Selection(criterion="best", n_voxels=1, areas=["V1"])
    labels = np.array([1, 1, 1, 2, 2, 1])
    assert held_out_r(z, labels, settings) == pytest.approx(np.tanh(0.2))


def test_a_metric_that_is_missing_is_named(curves, computed):
    path = computed / "results/sub1/metrics.tsv"
    table = load_table(path)
    save_table(path, table[table["metric"] != "kind_accuracy"])
    with pytest.raises(InputError, match="no metric kind_accuracy"):
        curves.rows(FEW, computed)


# --- the table ------------------------------------------------------------------------------------


def test_a_command_that_was_stopped_continues_with_the_next_point(curves, computed, monkeypatch):
    points = counted(monkeypatch, computed, stop_at=POINTS[2])
    with pytest.raises(KeyboardInterrupt):
        measure(curves, POINTS[:4], computed, "1")
    assert points == POINTS[:2]
    before = load_table(computed / benchmark.TABLE)
    points = counted(monkeypatch, computed)
    measure(curves, POINTS[:4], computed, "1")
    assert points == POINTS[2:4]
    after = load_table(computed / benchmark.TABLE)
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before, check_dtype=False)
    assert len(after) == 2 * len(before)


def test_a_failed_workflow_says_how_to_continue(computed, monkeypatch):
    def compute(*_):
        raise CalledProcessError(1, "snakemake")

    monkeypatch.setattr(Curves, "compute", compute)
    monkeypatch.setattr(sys, "argv", ["curves", "--folder", str(computed)])
    with pytest.raises(SystemExit, match=r"Snakemake failed.*the same command again"):
        benchmark.main()
    assert not (computed / benchmark.TABLE).exists()


def test_a_workflow_that_fails_raises_and_leaves_its_configuration(curves, tmp_path, capfd):
    config = curves.configuration(FEW)
    with pytest.raises(CalledProcessError):
        run_workflow(tmp_path, "point", config, "results/sub7/metrics.tsv", cores="1")
    assert "sub7" in "".join(capfd.readouterr())
    assert yaml.safe_load((tmp_path / "point.yaml").read_text()) == config


def test_points_of_other_settings_are_not_mixed(curves, values, computed, monkeypatch):
    counted(monkeypatch, computed)
    measure(curves, POINTS[:1], computed, "1")
    values["reconstruction"]["steps"] = 5
    with pytest.raises(InputError, match=r"SNR 1, 18 training segments was measured with other"):
        measure(Curves(values, "sub1", VOXELS), POINTS[:2], computed, "1")


# --- the figure -----------------------------------------------------------------------------------


@pytest.fixture
def table(curves, computed, monkeypatch):
    """The table of all points; its reproducibility is the signal-to-noise ratio here."""
    counted(monkeypatch, computed)
    measure(curves, POINTS, computed, "1")
    table = load_table(computed / benchmark.TABLE)
    return table.assign(held_out_r=table["snr"] / 2)


def test_the_figure_has_the_points_of_each_column_their_intervals_and_chance(table):
    figure = draw_curves(table, 1, 18)
    assert not cut(figure)
    assert len(figure.axes) == 2 * len(PANELS)
    places = ([0.125, 0.2, 0.5], [4, 9, 18])
    kinds = table[table["metric"] == "kind_accuracy"].set_index("model")
    for axis, x in zip(figure.axes[2:4], places):
        *curves, chance = [line for line in axis.lines if line.get_marker() not in ("_", "|")]
        assert len(curves) == len(LOOKS)
        assert set(chance.get_ydata()) == {0.05}
        for curve, model in zip(curves, LOOKS):
            np.testing.assert_allclose(curve.get_xdata().astype(float), x, atol=0.02 * max(x))
            assert set(curve.get_ydata()) == set(kinds.loc[model, "value"])
        ends = axis.collections[0].get_segments()[0][:, 1]
        interval = kinds.loc["MinD-Video", ["ci_low", "ci_high"]].iloc[0].tolist()
        assert ends.tolist() == pytest.approx(interval)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == [*(look.label for look in LOOKS.values()), "chance"]
    assert figure.get_suptitle() == "Subject sub1, 120 test clips"


def test_an_empty_table_gives_a_figure_that_says_so(table):
    figure = draw_curves(table[:0], 1, 18)
    assert [text.get_text() for text in figure.texts] == ["No point is measured."]


def test_drawing_alone_computes_nothing(table, computed, monkeypatch):
    points = counted(monkeypatch, computed)
    save_table(computed / benchmark.TABLE, table)
    words = ["curves", "--draw", "--folder", str(computed), "--figure", str(computed / "a.png")]
    monkeypatch.setattr(sys, "argv", words)
    benchmark.main()
    assert (computed / "a.png").stat().st_size > 5000
    assert not points
