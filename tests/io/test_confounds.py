"""Confounds against nilearn's own loader, and tables that do not fit."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from nilearn.interfaces.fmriprep import load_confounds

from mindvideo.errors import InputError
from mindvideo.io.confounds import EXPANSIONS, MOTION, read_confounds

N = 12
NAME = "sub-1_task-film_run-1"


@pytest.fixture
def path(tmp_path):
    """A table in fMRIPrep's form: derivatives start with n/a."""
    rng = np.random.default_rng(0)
    names = [name + end for end in EXPANSIONS for name in MOTION]
    names += ["white_matter", "csf", "global_signal", "cosine00", "cosine01"]
    names += [f"a_comp_cor_{n:02}" for n in range(6)]
    table = pd.DataFrame(rng.normal(size=(N, len(names))), columns=names)
    table.loc[0, [name for name in names if "derivative" in name]] = np.nan
    file = tmp_path / f"{NAME}_desc-confounds_timeseries.tsv"
    table.to_csv(file, sep="\t", index=False, na_rep="n/a")
    meta = {f"a_comp_cor_{n:02}": {"Method": "aCompCor", "Mask": "combined", "Retained": True}
            for n in range(6)}  # fmt: skip
    file.with_suffix(".json").write_text(json.dumps(meta))
    return file


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("motion6", {"strategy": ["motion"], "motion": "basic"}),
        ("motion12", {"strategy": ["motion"], "motion": "derivatives"}),
        ("motion24", {"strategy": ["motion"], "motion": "full"}),
        ("wm_csf", {"strategy": ["wm_csf"], "wm_csf": "basic"}),
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
    found = read_confounds(path, [name], N)
    order = np.lexsort(found[1:3])
    theirs = expected.to_numpy()
    np.testing.assert_allclose(found[:, order], theirs[:, np.lexsort(theirs[1:3])])


def test_columns_by_name_each_once(path):
    table = pd.read_csv(path, sep="\t")
    found = read_confounds(path, ["global_signal", "motion6", "trans_x"], N)
    np.testing.assert_allclose(found, table[["global_signal", *MOTION]])


def test_a_column_that_is_not_there_is_named(path):
    with pytest.raises(InputError, match=r"no column globalsignal.*did you mean global_signal"):
        read_confounds(path, ["globalsignal"], N)
    table = pd.read_csv(path, sep="\t").drop(columns="a_comp_cor_04")
    table.to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match=r"no column a_comp_cor_04 for clean.confounds: acompcor"):
        read_confounds(path, ["acompcor"], N)


def test_another_runs_table(path):
    with pytest.raises(InputError, match="12 rows, the run has 245 volumes"):
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
