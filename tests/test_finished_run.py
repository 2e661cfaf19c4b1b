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
    return [Path("config/config.yaml")]


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


def test_a_run_on_validation_segments_is_read_from_two_configurations(finished):
    windows = Path("results-validation/sub1/windows")
    windows.mkdir(parents=True)
    save_table(windows / "validation.tsv", pd.DataFrame({"segment": ["seg17"], "clip": [0]}))
    np.save(windows / "validation.npy", np.ones(1))
    run = FinishedRun([*finished, Path("config/validation.yaml")], "sub1")
    assert run.windows.tolist() == [1]
    clips = Path("results-validation/shared/clips")
    assert run.of_segments("clips", ".npy") == [clips / "seg17.npy", clips / "seg18.npy"]


def test_artefacts_of_a_variant_are_found_where_they_are_computed(finished):
    run = FinishedRun(finished, "sub1")
    assert run.artefact("ridge", "linear") == Path("results/sub1/ridge")
    linear = Path("results/sub1/variants/linear/cotraining")
    assert run.artefact("cotraining", "linear") == linear
    assert run.artefact("video_tuning", "linear") == Path("results/shared/video_tuning")


def test_captions_of_clips_are_in_their_order(finished):
    folder = Path("results/shared/scenes")
    folder.mkdir(parents=True)
    for n in range(1, 6):
        clips = [2, 1, 0]
        table = {"clip": clips, "scene": 0, "scene_1": 0, "caption": [f"{c} of {n}" for c in clips]}
        save_table(folder / f"test{n}.tsv", pd.DataFrame(table))
    run = FinishedRun(finished, "sub1", every=2)
    assert run.captions() == ["0 of 1", "2 of 1", "1 of 2"]
