"""Selection with few films: what a test can detect, the messages, and criteria without a test."""

from __future__ import annotations

import logging
from itertools import product

import numpy as np
import pandas as pd
import pydantic
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mindvideo.demo.epi import head
from mindvideo.errors import InputError
from mindvideo.fmri.power import REACHABLE_R, demand, segments_needed
from mindvideo.fmri.reproducibility import over_segments, smallest_p
from mindvideo.fmri.selection import check_count, check_floor, select
from mindvideo.io.maps import read_labels
from mindvideo.io.runs import write_run
from mindvideo.settings.fmri import RegionSettings, Selection, WindowSettings
from mindvideo.stages import regions, windows
from mindvideo.stages import select as select_stage

TEST = {"alpha": 0.01, "correction": "bonferroni", "fraction": 0.5}
LABELS = np.ones(500, int)
FILMS = ["a", "b", "c", "d"]


def few(n_segments: int = 4, effect: float = 0.6):
    """500 voxels, of which the first hundred are reproducible."""
    rng = np.random.default_rng(3)
    z = 0.13 * rng.normal(size=(n_segments, 500)) + effect * (np.arange(500) < 100)
    return over_segments(z, "greater")


# --- without a test -------------------------------------------------------------------------------


def test_a_threshold_keeps_all_voxels_of_that_mean_r():
    selected = select(few(), LABELS, **TEST, criterion="threshold", min_r=0.4)
    np.testing.assert_array_equal(np.sort(selected.columns), np.flatnonzero(few().r >= 0.4))
    assert 90 < len(selected.columns) <= 100
    assert selected.n_passed == len(selected.columns)
    assert selected.n_chance == 0


def test_the_best_are_those_of_highest_r_and_not_of_highest_t():
    result = few()
    selected = select(result, LABELS, **TEST, criterion="best", n_voxels=40)
    assert set(selected.columns) == set(np.argsort(-result.r)[:40])
    assert set(selected.columns) != set(np.argsort(-result.t)[:40])
    assert (selected.n_tested, selected.n_passed) == (500, 500)


def test_both_use_only_the_requested_areas():
    labels = np.where(np.arange(500) % 2, 1, 4)
    for how in ({"criterion": "best", "n_voxels": 30}, {"criterion": "threshold", "min_r": 0.4}):
        selected = select(few(), labels, **TEST, areas=["V1"], **how)
        assert (selected.columns % 2 == 1).all()
        assert selected.n_tested == 250


def test_what_chance_gives_is_counted_on_the_other_side_of_0():
    noise = few(effect=0)
    selected = select(noise, LABELS, **TEST, criterion="threshold", min_r=0.05)
    lowest = noise.r[selected.columns].min()
    assert selected.n_chance == (noise.r <= -lowest).sum()
    assert selected.n_chance == pytest.approx(len(selected.columns), rel=0.3)


def test_a_threshold_that_no_voxel_reaches_says_the_best_r():
    with pytest.raises(InputError, match=rf"best has {few().r.max():.3f}.*lower selection.min_r"):
        select(few(), LABELS, **TEST, criterion="threshold", min_r=0.95)


def test_more_voxels_than_there_are_cannot_be_the_best():
    with pytest.raises(InputError, match="n_voxels is 501, but there are only 500"):
        select(few(), LABELS, **TEST, criterion="best", n_voxels=501)
    check_count(500, 500)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"criterion": "threshold"}, "criterion: threshold needs min_r"),
        ({"criterion": "best"}, "criterion: best needs n_voxels"),
        ({"min_r": 0.2}, "min_r: 0.2 counts with criterion: threshold only"),
        ({"criterion": "threshold", "min_r": 0.2, "n_voxels": 9}, "n_voxels: 9 counts with"),
        ({"criterion": "threshold", "min_r": 1}, "less than 1"),
    ],
)
def test_a_criterion_and_its_number_go_together(settings, said):
    with pytest.raises(pydantic.ValidationError, match=said):
        Selection(**settings)


# --- what a test asks for -------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 4, 6])
@pytest.mark.parametrize("tail", ["greater", "two-sided"])
def test_the_smallest_p_of_signed_ranks_is_the_least_of_all_outcomes(n, tail):
    outcomes = [np.multiply(signs, np.arange(1, n + 1)) for signs in product((-1, 1), repeat=n)]
    least = min(stats.wilcoxon(z, alternative=tail).pvalue for z in outcomes)
    assert smallest_p(n, tail, "wilcoxon") == pytest.approx(least)
    assert smallest_p(n, tail, "t") == 0


def test_four_films_and_signed_ranks_are_refused_with_the_floor():
    z = np.random.default_rng(0).normal(1, 0.1, size=(4, 500))
    result = over_segments(z, "greater", "wilcoxon")
    with pytest.raises(InputError, match=r"no p below 0.0625.*requires 2e-05.*criterion") as error:
        select(result, LABELS, **TEST)
    assert "at least 12 more" in str(error.value)
    check_floor(smallest_p(16, "greater", "wilcoxon"), 500, 0.01, "bonferroni")


def test_a_false_discovery_rate_accepts_a_p_that_all_voxels_have():
    everywhere = np.full(500, 0.0625)
    assert multipletests(everywhere, 0.07, "fdr_bh")[0].all()
    check_floor(0.0625, 500, 0.07, "fdr_bh")
    with pytest.raises(InputError, match=r"requires 0\.06:"):
        check_floor(0.0625, 500, 0.06, "fdr_bh")


@pytest.mark.parametrize(("n", "tail"), [(4, "greater"), (18, "greater"), (18, "two-sided")])
def test_a_voxel_of_the_r_that_the_test_asks_for_just_passes_it(n, tail):
    needed = demand(n, 60, 1, 2000, alpha=0.01, correction="bonferroni", tail=tail)
    shape = np.resize([1.0, -1.0], n)
    shape /= shape.std(ddof=1)
    z = np.arctanh(needed.r) + shape / np.sqrt(57)
    p = over_segments(z[:, None], tail).p[0]
    assert p * 2000 == pytest.approx(0.01, rel=1e-3)


def test_chance_scatters_z_as_the_demand_supposes():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 60, 4000))
    r = [stats.pearsonr(x, y).statistic for x, y in zip(a.T, b.T)]
    assert np.arctanh(r).std() == pytest.approx(1 / np.sqrt(57), rel=0.05)


def test_the_segments_needed_are_the_first_with_which_the_r_is_reachable():
    how = {"alpha": 0.01, "correction": "bonferroni", "tail": "greater"}
    n = segments_needed(60, 1, 59412, **how)
    assert demand(n, 60, 1, 59412, **how).r <= REACHABLE_R < demand(n - 1, 60, 1, 59412, **how).r
    # The paper's 18 segments of 240 volumes are enough.
    assert demand(18, 240, 1, 59412, **how).r < 0.15
    assert demand(4, 60, 1, 59412, **how).r > 0.99


# --- stages ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four films of 30 volumes, in two repetitions, with reproducible responses in V1."""
    folder = tmp_path_factory.mktemp("few")
    anatomy = head(6)
    write_run(
        folder / "grid.nii.gz", anatomy.brightness[..., None] * np.ones(2), anatomy.grid, 2, 0.1
    )
    names = {name: folder / f"{name}.nii.gz" for name in ("regions", "networks")}
    regions.main(run=folder / "grid.nii.gz", **names, settings=RegionSettings(space="volume"))
    labels = read_labels(names["regions"])[0]
    rng = np.random.default_rng(0)
    for film in FILMS:
        course = rng.normal(size=(30, len(labels))) * np.isin(labels, [1, 181])
        runs = course + 0.9 * rng.normal(size=(2, 30, len(labels)))
        np.save(folder / f"{film}.npy", runs.astype(np.float32))
        pd.DataFrame({"run": ["1", "2"]}).to_csv(folder / f"{film}_runs.tsv", sep="\t")
    return folder


def run_select(folder, out, **settings):
    select_stage.main(
        cleaned=[folder / f"{film}.npy" for film in FILMS],
        tables=[folder / f"{film}_runs.tsv" for film in FILMS],
        regions=folder / "regions.nii.gz",
        networks=folder / "networks.nii.gz",
        voxels=out / "voxels.tsv",
        **{name: out / f"{name}.nii.gz" for name in ("r", "z", "t", "p", "mask")},
        settings=Selection(**settings),
    )
    return pd.read_csv(out / "voxels.tsv", sep="\t")


def warnings(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_a_handful_of_voxels_is_warned_of_with_the_reason_and_the_remedy(folder, tmp_path, caplog):
    voxels = run_select(folder, tmp_path, alpha=0.05)
    assert 1 <= len(voxels) < 16
    (said,) = warnings(caplog)
    assert f"only {len(voxels)} of " in said
    assert "4 training segments (3 degrees of freedom)" in said
    assert "P < 0.05 after bonferroni" in said
    assert "selection.criterion: threshold or best" in said


def test_ways_without_a_test_find_v1_and_warn_of_nothing(folder, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    n_v1 = int(np.isin(read_labels(folder / "regions.nii.gz")[0], [1, 181]).sum())
    assert n_v1 > 100
    best = run_select(folder, tmp_path, criterion="best", n_voxels=n_v1)
    assert len(best) == n_v1
    assert (best["area"] == "V1").mean() > 0.95
    above = run_select(folder, tmp_path, criterion="threshold", min_r=0.35)
    assert above["r"].min() >= 0.35
    assert (above["area"] == "V1").mean() > 0.95
    assert not warnings(caplog)
    assert "about as many of the" in caplog.text


def test_a_threshold_within_noise_is_warned_of(folder, tmp_path, caplog):
    run_select(folder, tmp_path, criterion="threshold", min_r=0.01)
    (said,) = warnings(caplog)
    assert "raise selection.min_r" in said


def test_windows_of_padding_are_warned_of(folder, tmp_path, caplog):
    pd.DataFrame({"column": [5]}).to_csv(tmp_path / "voxels.tsv", sep="\t")
    windows.main(
        cleaned=[folder / "a.npy"],
        voxels=tmp_path / "voxels.tsv",
        windows=tmp_path / "train.npy",
        table=tmp_path / "train.tsv",
        settings=WindowSettings(tr=2, seconds=2, patch_size=16),
    )
    (said,) = warnings(caplog)
    assert said.startswith("only 1 of the 16 columns of a window are voxels")
