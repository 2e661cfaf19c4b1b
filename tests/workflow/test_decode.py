"""`mindvideo decode` and `export` after the workflow: the same bytes, from results and folder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mindvideo.decoding.folder import open_model
from mindvideo.decoding.run import windows_of_run
from mindvideo.fmri.windows import cut, pad
from tests.forked import forks
from tests.workflow.conftest import ONE_THREAD, TINY

RUNS = "data/demo/video_fmri_dataset/subject1/fmri"


def mindvideo(*words):
    done = forks.run("mindvideo", *map(str, words), folder=Path.cwd(), environment=ONE_THREAD)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def exported(chain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "model"
    mindvideo("export", chain.folder / "results/sub1", "--to", folder)
    return folder


@pytest.mark.parametrize(("segment", "first"), [("test1", 0), ("test2", 10)])
def test_results_and_exported_model_give_the_bytes_of_the_workflow(
    chain, exported, tmp_path, segment, first
):
    results = chain.folder / "results/sub1"
    windows = results / f"windows/test/{segment}.npy"
    expected = (results / f"reconstruction/{segment}.npy").read_bytes()
    for model, to in ((results, "of_results"), (exported, "of_model")):
        mindvideo("decode", model, windows, "--first", first, "--to", tmp_path / to)
        assert (tmp_path / to / "clips.npy").read_bytes() == expected


def test_a_training_run_has_the_volumes_that_the_workflow_cleaned(chain, exported):
    results = chain.folder / "results/sub1"
    columns = pd.read_csv(results / "selection/voxels.tsv", sep="\t")["column"].to_numpy()
    cleaned = np.load(results / "clean/seg3.npy")[1][:, columns]
    for folder in (results, exported):
        model = open_model(folder)
        settings = model.recording.settings.windows
        run = chain.folder / RUNS / "seg3/mni/seg3_2_mni.nii.gz"
        windows = windows_of_run(model, run, drop_start=1, drop_end=4)
        expected = cut(pad(cleaned, settings.patch_size), settings.times, len(windows))
        assert len(windows) == TINY["dataset"]["clips_per_segment"]["default"]
        np.testing.assert_array_equal(windows, expected)


def test_the_card_reports_the_scores_with_chance(exported):
    card = (exported / "README.md").read_text()
    assert "| metric | clips | mean [95 % interval] | chance |" in card
    assert "| identification_video | 20 |" in card
    assert "The brain is simulated" in card
