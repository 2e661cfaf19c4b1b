"""Confounds compared with nilearn's loader, and tables that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import nilearn.interfaces.fmriprep
import numpy as np
import pandas as pd
import pytest
from nilearn.interfaces.fmriprep import load_confounds

from mindvideo.errors import InputError
from mindvideo.fmri.censoring import kept_volumes
from mindvideo.fmri.cleaning import nuisance
from mindvideo.io.confounds import (
    MOTION,
    exceeding,
    find_columns,
    load_confound_table,
    read_confounds,
)
from mindvideo.nuisance import EXPANSIONS, STRATEGIES, Censor, Strategy

N = 12
NAME = "sub-1_task-film_run-1"


@pytest.fixture
def path(tmp_path):
    """A table in fMRIPrep's form: derivatives start with n/a."""
    rng = np.random.default_rng(0)
    signals = ["white_matter", "csf", "global_signal"]
    names = [name + end for end in EXPANSIONS["full"] for name in [*MOTION, *signals]]
    names += ["cosine00", "cosine01"]
    names += [f"a_comp_cor_{n:02}" for n in range(6)]
    table = pd.DataFrame(rng.normal(size=(N, len(names))), columns=names)
    table.loc[0, [name for name in names if "derivative" in name]] = np.nan
    file = tmp_path / f"{NAME}_desc-confounds_timeseries.tsv"
    table.to_csv(file, sep="\t", index=False, na_rep="n/a")
    component = {"Method": "aCompCor", "Mask": "combined", "Retained": True}
    meta = {f"a_comp_cor_{n:02}": component for n in range(6)}
    file.with_suffix(".json").write_text(json.dumps(meta))
    return file


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("motion6", {"strategy": ["motion"], "motion": "basic"}),
        ("motion12", {"strategy": ["motion"], "motion": "derivatives"}),
        ("motion24", {"strategy": ["motion"], "motion": "full"}),
        ("wm_csf", {"strategy": ["wm_csf"], "wm_csf": "basic"}),
        ("wm_csf8", {"strategy": ["wm_csf"], "wm_csf": "full"}),
        ("global_signal4", {"strategy": ["global_signal"], "global_signal": "full"}),
        (
            "36P",
            {
                "strategy": ["motion", "wm_csf", "global_signal"],
                **dict.fromkeys(("motion", "wm_csf", "global_signal"), "full"),
            },
        ),
        ("cosine*", {"strategy": ["high_pass"]}),
        (
            "acompcor",
            {"strategy": ["compcor", "high_pass"], "compcor": "anat_combined", "n_compcor": 5},
        ),
    ],
)
def test_sets_of_columns_are_nilearns(path, name, strategy):
    image = path.with_name(f"{NAME}_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz")
    image.touch()
    expected, _ = load_confounds(str(image), demean=False, **strategy)
    values = read_confounds(path, [name], N)
    expected = expected.to_numpy()
    assert values.shape == expected.shape
    order, expected_order = np.lexsort(values[1:3]), np.lexsort(expected[1:3])
    np.testing.assert_allclose(values[:, order], expected[:, expected_order])


def test_columns_by_name_each_once(path):
    table = pd.read_csv(path, sep="\t")
    values = read_confounds(path, ["global_signal", "motion6", "trans_x"], N)
    np.testing.assert_allclose(values, table[["global_signal", *MOTION]])


def test_a_missing_column_is_named(path):
    with pytest.raises(InputError, match=r"no column globalsignal.*did you mean global_signal"):
        read_confounds(path, ["globalsignal"], N)
    table = pd.read_csv(path, sep="\t")
    table.drop(columns="csf").to_csv(path, sep="\t", index=False)
    with pytest.raises(
        InputError, match=r"no column csf for clean.confounds: wm_csf \(mean .*\)\. Strategies"
    ):
        read_confounds(path, ["wm_csf"], N)


def test_another_runs_table(path):
    with pytest.raises(InputError, match="12 rows, but the run has 245 volumes"):
        read_confounds(path, ["motion6"], 245)


def test_a_gap_beyond_the_first_row(path):
    table = pd.read_csv(path, sep="\t")
    table.loc[5, "csf"] = np.nan
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    with pytest.raises(InputError, match="csf has values beyond the first row"):
        read_confounds(path, ["wm_csf"], N)


def test_no_table(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_confounds(tmp_path / "none.tsv", ["motion6"], N)


# --- columns whose number differs from run to run -------------------------------------------------

REAL = Path(nilearn.interfaces.fmriprep.__file__).parent / "data"
"""Tables that two versions of fMRIPrep wrote."""
OLD, NEW = (
    REAL / "test_desc-confounds_regressors.tsv",
    REAL / "test-v21_desc-confounds_timeseries.tsv",
)


@pytest.mark.parametrize(
    ("name", "in_old", "in_new"),
    [
        ("motion_outlier*", 0, 23),
        ("non_steady_state", 1, 3),
        ("outliers", 1, 26),
        ("aroma", 13, 0),
        ("cosine*", 4, 1),
        ("acompcor", 5 + 4, 5 + 1),
        ("[cw]_comp_cor_0?", 0, 3 + 4),
        ("acompcor50", 126 + 4, 5 + 1),
        ("36P", 36, 36),
    ],
)
def test_a_run_has_as_many_columns_as_its_table(name, in_old, in_new):
    for path, expected in ((OLD, in_old), (NEW, in_new)):
        table = pd.read_csv(path, sep="\t")
        columns = find_columns(path, list(table.columns), name)
        values = read_confounds(path, [name], len(table))
        assert values.shape == (len(table), len(set(columns))) == (len(table), expected)
        np.testing.assert_array_equal(values, table[columns].bfill())
        also = read_confounds(path, ["csf", name, name], len(table))  # each once
        assert also.shape[1] == len({"csf", *columns})


def test_an_outlier_regresses_out_just_its_volume(path):
    table = pd.read_csv(path, sep="\t")
    table["motion_outlier00"] = np.eye(N)[4]
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    basis = nuisance(np.ones((N, 1)), read_confounds(path, ["outliers"], N))
    run = np.random.default_rng(1).normal(size=(N, 3))
    residual = run - basis @ (basis.T @ run)
    others = np.arange(N) != 4
    np.testing.assert_allclose(residual[4], 0, atol=1e-12)
    np.testing.assert_allclose(residual[others], run[others] - run[others].mean(axis=0))


def test_one_column_by_its_number_is_still_needed(path):
    with pytest.raises(
        InputError, match=r"no column motion_outlier07 .* Patterns: motion_outlier\*"
    ):
        read_confounds(path, ["motion_outlier07"], N)


def test_fewer_components_than_five_are_all_there_are_but_none_is_an_error(path):
    table = pd.read_csv(path, sep="\t")
    few = table.drop(columns=[f"a_comp_cor_{n:02}" for n in range(3, 6)])
    few.to_csv(path, sep="\t", index=False)
    assert read_confounds(path, ["acompcor"], N).shape == (N, 3 + 2)
    few.filter(regex="^(?!a_comp)").to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match=r"no column a_comp_cor_\* for clean.confounds: acompcor"):
        read_confounds(path, ["acompcor"], N)


def test_a_column_of_nothing_is_named_also_in_a_pattern(path):
    table = pd.read_csv(path, sep="\t")
    table["motion_outlier00"] = np.nan
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    with pytest.raises(InputError, match="motion_outlier00 has values beyond the first row"):
        read_confounds(path, ["outliers"], N)


# --- strategies -----------------------------------------------------------------------------------


def test_a_strategy_of_the_users_has_its_columns_in_order(path):
    table = pd.read_csv(path, sep="\t")
    mine = Strategy(
        name="nuisance/mine.yaml",
        columns=["csf", "cosine*", "trans_x"],
        expansion="basic",
        components={"a_comp_cor": 2},
    )
    expected = ["csf", "trans_x", "a_comp_cor_00", "a_comp_cor_01", "cosine00", "cosine01"]
    assert find_columns(path, list(table.columns), mine) == expected
    np.testing.assert_array_equal(read_confounds(path, [mine], N), table[expected])
    lacks = mine.model_copy(update={"columns": ["csv"]})
    with pytest.raises(
        InputError, match=r"no column csv for clean.confounds: nuisance/mine.yaml; did you mean csf"
    ):
        read_confounds(path, [lacks], N)


def test_an_unknown_strategy_is_named_with_the_near_one(path):
    with pytest.raises(InputError, match=r"no column motion25 .*did you mean motion24"):
        read_confounds(path, ["motion25"], N)


@pytest.mark.parametrize("name", ["motion24", "wm_csf8", "global_signal4", "36P"])
@pytest.mark.parametrize("real", [OLD, NEW])
def test_terms_that_a_table_lacks_are_those_of_fmriprep(tmp_path, real, name):
    """The older table has motion of 0 in its first row, but other derivatives in the second."""
    full = pd.read_csv(real, sep="\t")
    basic = tmp_path / "basic.tsv"
    ends = EXPANSIONS["full"][1:]
    full.drop(columns=[c for c in full if c.endswith(ends)]).to_csv(
        basic, sep="\t", index=False, na_rep="n/a"
    )
    computed = read_confounds(basic, [name], len(full))
    expected = read_confounds(real, [name], len(full))
    np.testing.assert_allclose(computed[2:], expected[2:], rtol=1e-6, atol=1e-6)


def test_computed_terms_of_a_ramp_are_known(tmp_path):
    file = tmp_path / "ramp.tsv"
    pd.DataFrame({"x": [1.0, 3.0, 6.0, 10.0]}).to_csv(file, sep="\t", index=False)
    full = Strategy(name="full", columns=["x"], expansion="full")
    x, derivative, square, square_of_derivative = read_confounds(file, [full], 4).T
    np.testing.assert_array_equal(x, [1, 3, 6, 10])
    np.testing.assert_array_equal(derivative, [2, 2, 3, 4])
    np.testing.assert_array_equal(square, [1, 9, 36, 100])
    np.testing.assert_array_equal(square_of_derivative, [4, 4, 9, 16])


# --- censoring ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fd", "scrub"), [(0.9, 0), (0.9, 2), (0.6, 3), (2.0, 5)])
def test_censored_volumes_are_nilearns(tmp_path, fd, scrub):
    """Of a table that fMRIPrep wrote, without the volumes that are marked already."""
    name = "sub-1_task-film_run-1"
    table = pd.read_csv(NEW, sep="\t").filter(regex="^(?!motion_outlier|non_steady)")
    file = tmp_path / f"{name}_desc-confounds_timeseries.tsv"
    table.to_csv(file, sep="\t", index=False, na_rep="n/a")
    file.with_suffix(".json").write_text(NEW.with_suffix(".json").read_text())
    image = file.with_name(f"{name}_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz")
    image.touch()
    options = {"strategy": ["motion", "scrub"], "motion": "basic", "scrub": scrub}
    _, expected = load_confounds(str(image), **options, fd_threshold=fd, std_dvars_threshold=1.2)
    censor = Censor(fd=fd, std_dvars=1.2)
    marked = exceeding(file, load_confound_table(file, len(table)), censor, "clean.censor")
    kept = kept_volumes(marked, min_segment=scrub)
    assert 0 < kept.sum() < len(kept)
    np.testing.assert_array_equal(np.flatnonzero(kept), expected)


def test_volumes_that_fmriprep_marked(tmp_path):
    table = load_confound_table(NEW, len(pd.read_csv(NEW, sep="\t")))
    marked = exceeding(NEW, table, Censor(outliers=True), "clean.censor")
    columns = table.filter(regex="^(motion|non_steady_state)_outlier").sum(axis=1)
    np.testing.assert_array_equal(marked, columns > 0)
    assert marked.sum() == 17  # some volumes have two columns
    assert not exceeding(NEW, table, STRATEGIES["motion6"].censor, "motion6").any()


def test_a_threshold_without_its_column_and_gaps_in_it_are_named(path):
    table = load_confound_table(path, N)
    with pytest.raises(
        InputError, match=r"\.tsv: no column framewise_displacement, which clean\.censor needs"
    ):
        exceeding(path, table, Censor(fd=0.5), "clean.censor")
    table["std_dvars"] = [np.nan, 1.0, np.nan, *[1.0] * (N - 3)]
    with pytest.raises(InputError, match=r"std_dvars has values beyond the first row .*scrubbing"):
        exceeding(path, table, Censor(std_dvars=1.5), "scrubbing")
    table["std_dvars"] = [np.nan, 2.0, *[1.0] * (N - 2)]
    marked = exceeding(path, table, Censor(std_dvars=1.5), "scrubbing")
    assert np.flatnonzero(marked).tolist() == [1]
