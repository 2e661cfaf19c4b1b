"""Stable Diffusion 2.x as the image model: linear projections, and predictions of velocities."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from mindvideo.io.tables import load_table
from mindvideo.models.folders import ZOO
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.trained import load_pipeline
from mindvideo.models.video_unet import VideoUNet, inflate
from tests.training.stages import Stages


@pytest.fixture(scope="module")
def sd2(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The zoo's Stable Diffusion in the form of 2.x.

    A linear projection with the weights of a 1 × 1 convolution computes the same.
    """
    folder = tmp_path_factory.mktemp("sd2")
    shutil.copytree(ZOO / "stable-diffusion", folder, dirs_exist_ok=True)
    image = load_stable_diffusion(str(folder), "unet")
    settings = {name: value for name, value in image.config.items() if name[0] != "_"}
    linear = UNet2DConditionModel(**settings | {"use_linear_projection": True})
    weights = {
        name: weight[..., 0, 0] if name.endswith(("proj_in.weight", "proj_out.weight")) else weight
        for name, weight in image.state_dict().items()
    }
    linear.load_state_dict(weights)
    linear.save_pretrained(folder / "unet")
    scheduler = load_stable_diffusion(str(folder), "scheduler")
    scheduler.register_to_config(prediction_type="v_prediction")
    scheduler.save_pretrained(folder / "scheduler")
    return str(folder)


@torch.no_grad()
def test_linear_projections_compute_what_convolutions_do(sd2: str) -> None:
    torch.manual_seed(0)
    clip, condition = torch.randn(2, 4, 3, 8, 8), torch.randn(2, 7, 128)
    noises = []
    for name in ("zoo:stable-diffusion", sd2):
        unet = inflate(load_stable_diffusion(name, "unet")).double()
        noises.append(unet(clip.double(), torch.tensor(500), condition.double()))
    assert torch.allclose(*noises, atol=1e-10)


def test_trained_from_captions_to_windows(trained: Stages, sd2: str, tmp_path: Path) -> None:
    """Both trainings of the video model, then a clip; the loss is that of velocities."""
    losses = []
    for name in ("zoo:stable-diffusion", sd2):
        folder = tmp_path / Path(name).name
        folder.mkdir()
        stages, settings = Stages(folder), {"stable_diffusion": name}
        stages.video_tuning(settings=settings)
        stages.cotraining(settings=settings, encoder=trained.folder / "contrastive")
        losses.append(load_table(folder / "both.tsv")["loss"].tolist())
    assert np.isfinite(losses).all()
    assert losses[0] != losses[1]

    unet = VideoUNet.from_pretrained(folder / "both/unet")
    assert unet.config["use_linear_projection"]
    pipeline = load_pipeline(folder / "both", sd2)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    pipeline.set_progress_bar_config(disable=True)
    windows, size = np.load(stages.windows)[:2], {"num_frames": 3, "height": 32, "width": 32}
    start = torch.randn(2, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    how = {"num_inference_steps": 2, "guidance_scale": 1.0, "latents": start, **size}
    velocities = pipeline(windows, output_type="latent", **how)
    pipeline.scheduler.register_to_config(prediction_type="epsilon")
    assert velocities.isfinite().all()
    assert not torch.allclose(velocities, pipeline(windows, output_type="latent", **how))
