"""Inputs that the training stages refuse, and how they explain it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mindvideo.errors import InputError
from mindvideo.io.motion import save_motion
from mindvideo.io.tables import load_table, save_table
from tests.training.stages import (
    SHAPE,
    VOXELS,
    N,
    Stages,
)


@pytest.mark.parametrize("stage", ["contrastive", "cotraining"])
def test_mixed_repetitions_are_those_of_the_windows(
    trained: Stages, tmp_path: Path, stage: str
) -> None:
    train, mix = getattr(trained, stage), {"settings": {"mix_repetitions": True}}
    with pytest.raises(InputError, match="mix_repetitions: true needs the windows of each"):
        train(**mix)
    windows = np.load(trained.windows)
    others = tmp_path / "others.npy"
    np.save(others, windows[:-1, None])
    with pytest.raises(
        InputError, match=r"others\.npy: an array of shape .* expected \(11 windows"
    ):
        train(**mix, repetitions=others)


@pytest.mark.parametrize("stage", ["video_tuning", "cotraining"])
def test_moving_noise_needs_the_motion_of_all_clips(
    trained: Stages, tmp_path: Path, stage: str
) -> None:
    models = {}
    if stage == "cotraining":
        models = {"encoder": trained.folder / "contrastive", "unet": trained.folder / "video"}
    train = getattr(Stages(tmp_path), stage)
    moving = {"settings": {"shared_noise": 1.0, "moving_noise": True}, **models}
    with pytest.raises(InputError, match=r"compute it with `mindvideo clip-motion`"):
        train(**moving)
    clips, file = load_table(trained.folder / "latents.tsv")[["segment", "clip"]], tmp_path / "m"
    save_motion(file, clips[:N], np.zeros((N, 3)))
    with pytest.raises(InputError, match=r"m: \d of 1\d clips are missing \(seg2"):
        train(**moving, clip_motion=file)
    save_motion(file, clips, np.full((2 * N, 3), np.nan))
    with pytest.raises(InputError, match=r"m: values that are missing or not finite"):
        train(**moving, clip_motion=file)


def test_other_encoder_settings_than_those_of_pretraining(trained: Stages, tmp_path: Path) -> None:
    shape = SHAPE.model_copy(update={"embed_dim": 8})
    with pytest.raises(InputError, match="embed_dim 16, but the settings have 8"):
        Stages(tmp_path).mbm("x", trained.windows, trained.folder / "pretrained", encoder=shape)


def test_mask_ratios_that_hide_nothing_or_everything(trained: Stages, tmp_path: Path) -> None:
    for ratio in (0.0, 1.0):
        with pytest.raises(ValidationError, match="mask_ratio"):
            Stages(tmp_path).mbm("x", trained.samples, None, mask_ratio=ratio)
    with pytest.raises(InputError, match=r"mask_ratio: 0\.99 of \d patches"):
        Stages(tmp_path).mbm("x", trained.samples, None, mask_ratio=0.99)


def test_autoencoder_of_other_voxels(trained: Stages, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="16 voxels, but the windows have 24"):
        Stages(tmp_path).contrastive(mbm=trained.folder / "pretrained")


def test_missing_clips_and_rows(trained: Stages, tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    with pytest.raises(InputError, match="seg2"):
        stages.contrastive(mbm=trained.folder / "tuned", clips=[tmp_path / "seg1.npy"])
    table = pd.read_csv(tmp_path / "latents.tsv", sep="\t").iloc[:8]
    save_table(tmp_path / "short.tsv", table)
    np.save(tmp_path / "short.npy", np.load(stages.latents)[:8])
    short = {"latents": tmp_path / "short.npy", "latents_table": tmp_path / "short.tsv"}
    models = {"encoder": trained.folder / "contrastive", "unet": trained.folder / "video"}
    with pytest.raises(InputError, match=r"4 of 11 clips are missing \(seg2 5"):
        stages.cotraining(**short, **models)
    with pytest.raises(InputError, match="12 rows, but 8"):
        stages.cotraining(latents_table=tmp_path / "short.tsv", **models)


def test_tokens_of_another_width(trained: Stages, tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    np.save(tmp_path / "narrow.npy", np.zeros((2 * N, 7, 16), np.float32))
    with pytest.raises(InputError, match="tokens have width 16"):
        stages.video_tuning(text=tmp_path / "narrow.npy")
    with pytest.raises(InputError, match=r"narrow\.npy have 16"):
        stages.contrastive(mbm=trained.folder / "tuned", text=tmp_path / "narrow.npy")


def test_windows_of_another_size(trained: Stages, tmp_path: Path) -> None:
    np.save(tmp_path / "three.npy", np.zeros((2 * N - 1, 3, VOXELS), np.float32))
    models = {"encoder": trained.folder / "contrastive", "unet": trained.folder / "video"}
    with pytest.raises(InputError, match="windows of 3 volumes and 24 voxels"):
        Stages(tmp_path).cotraining(windows=tmp_path / "three.npy", **models)


def test_batch_larger_than_the_data(trained: Stages, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only 30 examples"):
        Stages(tmp_path).mbm("x", trained.samples, None, batch_size=31)


def test_embeddings_of_other_clips(trained: Stages, tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    np.save(tmp_path / "few.npy", np.load(stages.texts)[:8])
    with pytest.raises(InputError, match=r"few\.npy: 8 rows, but 12 in .*latents\.tsv"):
        stages.contrastive(mbm=trained.folder / "tuned", texts=tmp_path / "few.npy")


def test_more_subjects_than_files_that_may_be_open(trained: Stages, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    n_open = len(os.listdir("/proc/self/fd"))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + 20, before[1]))
        Stages(tmp_path).mbm("x", trained.samples, None, times=n_open + 100)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (tmp_path / "x/config.json").is_file()


def test_more_subjects_than_files_that_can_be_open(
    trained: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    with pytest.raises(
        InputError, match=r"1100 arrays of samples .* allows a process only 1024 open"
    ):
        Stages(tmp_path).mbm("x", trained.samples, None, times=1100)
