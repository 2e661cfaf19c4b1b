"""Finished runs that benchmarks read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.finished_run import FinishedRun
from mindvideo.io.tables import save_table
from mindvideo.settings.evaluation import ScoringSettings

ROOT = Path(__file__).parents[1]


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """The folder of a run of the demo's configuration, with windows of two test segments."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").symlink_to(ROOT / "config")
    folder = tmp_path / "results/sub1/windows"
    folder.mkdir(parents=True)
    rows = [(f"test{n}", clip) for n in (1, 2) for clip in range(3)]
    save_table(folder / "test.tsv", pd.DataFrame(rows, columns=["segment", "clip"]))
    np.save(folder / "test.npy", np.arange(6.0))
    return Path("config/config.yaml")


def test_a_finished_run_has_the_settings_of_its_stages(finished):
    run = FinishedRun(finished, "sub1", every=2)
    assert run.windows.tolist() == [0, 2, 4]
    assert isinstance(run.settings("score"), ScoringSettings)
    assert run.settings("score").attributes == {
        "kind": "image",
        "scene": "image",
        "motion": "video",
    }
    assert run.settings("reconstruct").guidance == 4
