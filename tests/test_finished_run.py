"""The linear baselines, and the finished runs that they are fitted on."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import linear
from benchmarks.finished_run import FinishedRun
from mindvideo.fmri.decoding import predict
from mindvideo.io.motion import save_decoder
from mindvideo.io.tables import save_table
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.settings.evaluation import ReconstructionSettings, ScoringSettings
from mindvideo.stages import reconstruct
from tests.untrained import write_untrained

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


def test_a_linear_encoder_predicts_what_the_regression_does():
    rng = np.random.default_rng(0)
    coef, intercept = rng.normal(size=(5 * 12, 2 * 32)), rng.normal(size=5 * 12)
    windows = rng.normal(size=(3, 2, 32))
    encoder = linear.LinearEncoder(coef, intercept, (5, 12))
    tokens = encoder(torch.tensor(windows, dtype=torch.float32)).detach().numpy()
    expected = predict(windows, coef, intercept).reshape(3, 5, 12)
    np.testing.assert_allclose(tokens, expected, atol=1e-4)


def test_clips_differ_from_the_runs_own_only_by_encoder_and_unet(tmp_path):
    inputs = write_untrained(tmp_path)
    rng = np.random.default_rng(0)
    save_decoder(tmp_path / "motion.npy", rng.normal(size=(3, 64)) / 500, np.zeros(3))
    settings = ReconstructionSettings(
        stable_diffusion=str(inputs / "sd"),
        steps=2,
        guidance=3,
        num_frames=3,
        size=16,
        batch_size=2,
        shared_noise=0.5,
        moving_noise=True,
    )
    rows = [("all", clip) for clip in range(3)]
    save_table(tmp_path / "table.tsv", pd.DataFrame(rows, columns=["segment", "clip"]))
    (tmp_path / "state").mkdir()
    reconstruct.main(
        windows=inputs / "windows.npy",
        table=tmp_path / "table.tsv",
        null_window=inputs / "null.npy",
        model=inputs / "model",
        motion=tmp_path / "motion.npy",
        reconstructions=tmp_path / "own.npy",
        state=tmp_path / "state",
        segment="all",
        settings=settings,
    )
    own = np.load(tmp_path / "own.npy")
    (tmp_path / "windows").mkdir()
    (inputs / "null.npy").rename(tmp_path / "windows/null.npy")
    run = SimpleNamespace(
        settings={"reconstruct": settings}.get,
        windows=np.load(inputs / "windows.npy"),
        folder=tmp_path,
        motion=lambda: tmp_path / "motion.npy",
    )
    unet = inputs / "model/unet"
    encoder = FmriEncoder.from_pretrained(inputs / "model/fmri_encoder")
    np.testing.assert_array_equal(linear.generate(run, encoder, unet), own)
    other = linear.LinearEncoder(rng.normal(size=(60, 64)), np.zeros(60), (5, 12))
    assert (linear.generate(run, other, unet) != own).any()


def test_the_nearest_embedding_does_not_depend_on_how_much_ridge_regression_shrinks():
    rng = np.random.default_rng(0)
    embeddings = 3 + rng.normal(size=(50, 8))
    mean = embeddings.mean(axis=0)
    for shrinkage in (1.0, 0.01):
        predicted = mean + shrinkage * (embeddings - mean)
        np.testing.assert_array_equal(linear.nearest(predicted, embeddings), np.arange(50))


def test_the_table_has_a_column_for_each_method_and_chance():
    scores = pd.DataFrame(
        {"value": [0.7, 0.2], "ci_low": [0.65, 0.1], "ci_high": [0.75, 0.3], "p": [0.0002, 0.04]},
        index=["identification_video", "ssim"],
    ).assign(chance=[0.5, np.nan])
    assert linear.table({"ridge": scores, "MinD-Video": scores + 0.1}).splitlines() == [
        "| | chance | ridge | MinD-Video |",
        "|---|---|---|---|",
        "| identification, video | 0.500 | 0.70 [0.65, 0.75], p = 0.0002 "
        "| 0.80 [0.75, 0.85], p = 0.1 |",
        "| SSIM | – | 0.20 [0.10, 0.30], p = 0.04 | 0.30 [0.20, 0.40], p = 0.14 |",
    ]
