"""The files that the configuration of `few.py` names."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from nibabel.cifti2 import BrainModelAxis

from mindvideo.demo.epi import head
from mindvideo.io.cifti import write_dtseries
from mindvideo.io.confounds import MOTION
from mindvideo.io.runs import write_run
from tests.checks.few import RUNS


@pytest.fixture(scope="session")
def few_films(tmp_path_factory):
    """Headers and tables of two subjects; nothing else is looked at."""
    folder = tmp_path_factory.mktemp("settings")
    anatomy = head(8)
    rng = np.random.default_rng(0)
    for subject in ("a", "b"):
        run = anatomy.brightness[..., None] * np.ones(2)
        write_run(folder / f"{subject}_s1_1.nii.gz", run, anatomy.grid, 1.5, 0.1)
        for segment in ("s1", "s2", "s3", "s4", "t1"):
            for repetition in (1, 2):
                table = pd.DataFrame(
                    rng.normal(size=(64, 40)), columns=[f"c{i}" for i in range(40)]
                )
                table[list(MOTION)] = rng.normal(size=(64, 6))
                name = RUNS.format(subject=subject, segment=segment, repetition=repetition)
                table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    models = BrainModelAxis.from_mask(np.ones(3), "CORTEX_LEFT")
    write_dtseries(folder / "rest_r1.nii", np.zeros((250, 3)), models, 0.72)
    words = ["dog", "boat"]
    for segment in ("s1", "s2", "s3", "s4", "t1"):
        shots = pd.DataFrame({"start": [0, 30], "end": [30, 100], "kind": words, "rare": [0, 1]})
        shots.to_csv(folder / f"{segment}_shots.tsv", sep="\t", index=False)
    return folder


@pytest.fixture
def here(few_films, tmp_path, monkeypatch):
    shutil.copytree(few_films, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
