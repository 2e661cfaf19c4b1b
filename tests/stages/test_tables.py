"""Table 1 and the comparison, from tables of scores."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mindvideo.errors import InputError
from mindvideo.io.published import METRICS, read_published
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings.evaluation import TableRow, TableSettings
from mindvideo.stages import tables as stage

ROWS = [
    TableRow(label="Full model", owner="sub1", full=True),
    TableRow(label="Window size 1", owner="sub1/variants/window-1"),
    TableRow(label="Window size 3", why="no variant window-3 is configured"),
    TableRow(label="Subject 2", owner="sub2", full=True),
]


OUTPUTS = ("table1", "table1_page", "comparison", "comparison_page")


@pytest.fixture
def scores(tmp_path):
    """A function that writes the tables of a model, and returns their paths."""
    rng = np.random.default_rng(0)
    clips = pd.DataFrame(
        {"segment": ["test1"] * 30 + ["test2"] * 20, "clip": [*range(30), *range(20)]}
    )
    base = rng.random(50)  # some clips are easy for all models

    def write(name, effect, metrics=(*METRICS, "psnr")):
        values = clips.assign(**{m: base + effect + 0.1 * rng.normal(size=50) for m in metrics})
        rows = [
            {
                **{"metric": m, "n_clips": 50, "value": values[m].mean(), "ci_low": 0.1},
                **{"ci_high": 0.9, "chance": np.nan if m == "psnr" else 0.5, "null_mean": 0.45},
                **{"p": 0.01, "p_min": 1 / 501},
            }
            for m in metrics
        ]
        save_table(tmp_path / f"{name}.tsv", pd.DataFrame(rows))
        save_table(tmp_path / f"{name}_clips.tsv", values.sample(frac=1, random_state=1))
        return tmp_path / f"{name}.tsv", tmp_path / f"{name}_clips.tsv"

    return write


@pytest.fixture
def run(tmp_path, scores):
    models = [scores("full", 0), scores("win1", -0.15), scores("sub2", 0, METRICS[2:])]
    method, _ = scores("mine", 0.2, ["ssim", "psnr"])

    def main(**changed):
        out = {name: tmp_path / f"{name}.out" for name in OUTPUTS}
        chosen = {"block": 3, "permutations": 500} | changed.pop("settings", {})
        chosen = {"rows": ROWS, "methods": {"Mine": "mine.tsv"}} | chosen
        settings = TableSettings(dataset="a test", **chosen)
        inputs = {
            "metrics": [m for m, _ in models],
            "per_clip": [c for _, c in models],
            "methods": [method],
        } | changed
        stage.main(**inputs, **out, settings=settings)
        return out

    return main


def test_every_row_stands_beside_the_paper_and_the_full_model(run):
    table = load_table(run()["table1"]).set_index(["row", "metric"])
    full, other = table.loc["Full model"], table.loc["Window size 1"]
    assert other.loc["video_50_way", "published"] == 0.195
    assert other.loc["video_50_way", "published_se"] == 0.02
    assert full["p_two_sample"].isna().all()
    # What all clips share hides the effect from the paper's test, not from the paired one.
    assert (other["p_two_sample"] > 0.001).all()
    assert (other["p_paired_holm"] < 0.05).all()
    assert other["difference"].to_numpy() == pytest.approx(other["value"] - full["value"])
    assert (other["n_pairs"] == 50).all()
    assert table.loc["Subject 2"].index.tolist() == list(METRICS[2:])


def test_the_smallest_p_stands_beside_p(run, caplog):
    out = run()
    table = load_table(out["table1"]).set_index(["row", "metric"])
    assert (table["p_min"] == 1 / 501).all()
    assert (table.loc["Window size 1", "p_paired_min"] == 1 / 501).all()
    assert table.loc["Full model", "p_paired_min"].isna().all()
    assert "No difference can be marked" not in caplog.text + out["table1_page"].read_text()


@pytest.mark.parametrize(
    ("changed", "smallest"),
    [
        ({"permutations": 100}, 1 / 101),
        ({"block": 10}, 2 * (0.1 / 2**3 + 0.9 / 2**4) * (0.1 / 2**2 + 0.9 / 2**3)),
    ],
)
def test_a_warning_says_where_no_difference_can_be_marked(run, caplog, changed, smallest):
    """Ten tests need a p below 0.005."""
    out = run(settings=changed)
    table = load_table(out["table1"])
    n_tests = table["p_paired"].notna().sum()
    assert (table["p_paired"].dropna() >= table["p_paired_min"].dropna()).all()
    assert table["p_paired_min"].dropna().to_numpy() == pytest.approx(smallest)
    assert (table["p_paired_holm"].dropna() >= 0.05).all()
    message = f"No difference can be marked: of {n_tests} paired tests"
    assert message in caplog.text
    assert message in out["table1_page"].read_text()


def test_a_table_of_another_version_is_named(run, tmp_path):
    old = load_table(tmp_path / "full.tsv").drop(columns="p_min")
    save_table(tmp_path / "full.tsv", old)
    with pytest.raises(InputError, match=r"full\.tsv: no column p_min; .*Run its stage again"):
        run()


def test_metrics_named_as_in_the_last_version_are_read(run, tmp_path):
    paths = [tmp_path / f"{row}{kind}.tsv" for row in ("full", "win1") for kind in ("", "_clips")]

    def rename(old, new):
        for path in paths:
            table = load_table(path).rename(columns={old: new})
            save_table(path, table.replace({"metric": {old: new}}) if "metric" in table else table)

    rename("psnr", "kind_accuracy")
    expected = run()["table1"].read_bytes()
    rename("kind_accuracy", "kind_right")
    with pytest.warns(FutureWarning, match="kind_right is now called kind_accuracy"):
        assert run()["table1"].read_bytes() == expected


def test_the_two_sample_test_is_that_of_scipy(run, tmp_path):
    table = load_table(run()["table1"]).set_index(["row", "metric"])
    a, b = (load_table(tmp_path / f"{name}_clips.tsv")["ssim"] for name in ("win1", "full"))
    expected = stats.ttest_ind(a, b).pvalue
    row = table.loc[("Window size 1", "ssim")]
    assert row["p_two_sample"] == pytest.approx(expected)
    limits = [(0.0001, "purple"), (0.01, "pink"), (0.05, "yellow"), (2, "green")]
    assert row["colour"] == next(name for limit, name in limits if expected < limit)


def test_the_page_has_all_rows_and_says_which_are_missing(run):
    page = run()["table1_page"].read_text()
    for row in ROWS:
        assert f'<th scope="row">{row.label}</th>' in page
    assert "Window size 3: no variant window-3 is configured" in page
    assert "paper 0.161" in page  # of the row that is missing
    assert re.search(r'<td class="(green|yellow|pink)">0\.\d{3}\*<small>', page)
    assert "http" not in page  # nothing is fetched


def test_methods_are_compared_with_what_papers_report(run):
    out = run()
    table = load_table(out["comparison"]).set_index("method")
    assert table.loc["MinD-Video, subject 1", "video_2_way"] == 0.853
    assert table.loc["Mine", "measured_on"] == "mine.tsv"
    assert np.isnan(table.loc["Mine", "video_2_way"])
    assert table.loc["here: Full model", "ssim"] > 0
    assert "here: Window size 1" not in table.index
    assert "NEURONS" in out["comparison_page"].read_text()


def test_one_training_each_says_what_a_star_means(run):
    out = run()
    assert (
        "Each row is one training run. A star means that these two"
        in out["table1_page"].read_text()
    )
    table = load_table(out["table1"])
    assert (table["n_models"] == 1).all()
    assert table[["sd", "p_models", "p_models_holm"]].isna().all(axis=None)
    assert "±" not in out["comparison_page"].read_text()


def test_p_of_old_tables_is_corrected_when_they_are_read(run, tmp_path):
    assert "p_holm" not in load_table(tmp_path / "full.tsv")
    table = load_table(run()["table1"]).set_index(["row", "metric"])
    assert table.loc["Full model", "p_holm"].to_numpy() == pytest.approx(0.01 * 6)
    assert table.loc["Subject 2", "p_holm"].to_numpy() == pytest.approx(0.01 * 3)


def test_baselines_are_compared_with_published_methods(run, scores):
    rows = [ROWS[0], TableRow(label="linear", owner="sub1/variants/linear", baseline=True)]
    models = [scores("full", 0), scores("linear", -0.1)]
    inputs = {"metrics": [m for m, _ in models], "per_clip": [c for _, c in models]}
    out = run(settings={"rows": rows}, **inputs)
    table, compared = load_table(out["table1"]), load_table(out["comparison"])
    of_baseline = table[table["row"] == "linear"].set_index("metric")
    assert of_baseline["p_paired"].notna().all()
    value = compared.set_index("method").loc["here: linear", "ssim"]
    assert value == of_baseline.loc["ssim", "value"]


@pytest.fixture
def replicated(run, scores):
    """Three models of two rows, and a row without randomness: one file, three times."""
    row = {"replicates": ["second", "third"]}
    rows = [
        TableRow(label="Full model", owner="sub1", full=True, **row),
        TableRow(label="worse", owner="sub1/variants/worse", **row),
        TableRow(label="steady", owner="sub1/variants/steady", baseline=True, **row),
    ]
    full = [scores(f"full{n}", 0.01 * n) for n in range(3)]
    worse = [scores(f"worse{n}", -0.4 + 0.02 * n) for n in range(3)]
    models = [*full, *worse, *[scores("steady", -0.2)] * 3]
    inputs = {"metrics": [m for m, _ in models], "per_clip": [c for _, c in models]}
    return run(settings={"rows": rows}, **inputs), models


def values_of(models, metric):
    return [load_table(m).set_index("metric").loc[metric, "value"] for m, _ in models]


def test_replicates_give_the_mean_the_spread_and_a_test_over_models(replicated):
    out, models = replicated
    table = load_table(out["table1"]).set_index(["row", "metric"])
    full, worse, steady = (values_of(models[n : n + 3], "ssim") for n in (0, 3, 6))
    assert table.loc[("worse", "ssim"), "n_models"] == 3
    assert table.loc[("worse", "ssim"), "value"] == pytest.approx(np.mean(worse))
    assert table.loc[("worse", "ssim"), "sd"] == pytest.approx(np.std(worse, ddof=1))
    expected = stats.ttest_ind(worse, full, equal_var=False).pvalue
    assert table.loc[("worse", "ssim"), "p_models"] == pytest.approx(expected)
    expected = stats.ttest_1samp(full, steady[0]).pvalue
    assert table.loc[("steady", "ssim"), "p_models"] == pytest.approx(expected)
    assert table.loc[("steady", "ssim"), "n_models"] == 1
    assert np.isnan(table.loc[("steady", "ssim"), "sd"])
    assert (table["p_models_holm"].dropna() >= table["p_models"].dropna()).all()
    # The test over clips compares the mean scores of each clip.
    difference = np.mean(worse) - np.mean(full)
    assert table.loc[("worse", "ssim"), "difference"] == pytest.approx(difference)


def test_with_replicates_the_page_marks_methods_that_differ(replicated):
    out, models = replicated
    page = out["table1_page"].read_text()
    assert "Each row is one training run" not in page
    assert "Welch's t-test with the trained model as its unit" in page.replace("&#39;", "'")
    assert "could not give less than 0.1" in page
    full = values_of(models[:3], "ssim")
    text = f"{np.mean(full):.3f} ± {np.std(full, ddof=1):.3f}"
    assert text in page
    assert text in out["comparison_page"].read_text()
    table = load_table(out["table1"]).set_index(["row", "metric"])
    worse = table.loc[("worse", "ssim")]
    mark = "*" if worse["p_models_holm"] < 0.05 else ""
    assert f">{worse['value']:.3f} ± {worse['sd']:.3f}{mark}<" in page
    assert mark == "*"


def test_replicates_with_other_metrics_are_refused(run, scores):
    rows = [TableRow(label="Full model", owner="sub1", full=True, replicates=["second"])]
    models = [scores("full", 0), scores("full2", 0, METRICS)]
    inputs = {"metrics": [m for m, _ in models], "per_clip": [c for _, c in models]}
    with pytest.raises(InputError, match=r"full2\.tsv: other metrics .* score both again"):
        run(settings={"rows": rows}, **inputs)


def test_tables_that_do_not_fit_are_named(run, tmp_path):
    with pytest.raises(InputError, match=r"3 rows \(Full model, .*\), but 1 tables of metrics"):
        run(metrics=[tmp_path / "full.tsv"])
    with pytest.raises(InputError, match=r"1 methods \(Mine\), but 0 tables"):
        run(methods=None)


def test_published_rows_are_those_of_the_papers():
    table = read_published("table1")
    assert len(table) == 9
    assert [row["variant"] for row in table].count(None) == 3
    assert all(0 < float(row[name]) < 1 for row in table for name in METRICS)
    assert len(read_published("comparison")) == 6
