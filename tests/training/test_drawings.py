"""Clips drawn during video tuning: they show what is learned, and change nothing of it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import DDIMScheduler

from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.video_unet import inflate
from mindvideo.stages.video_tuning import evenly
from mindvideo.training.drawings import Drawings, Painter

ZOO = "zoo:stable-diffusion"


@pytest.fixture(scope="module")
def painter() -> Painter:
    torch.manual_seed(0)
    unet = inflate(load_stable_diffusion(ZOO, "unet"))
    width = unet.config["cross_attention_dim"]
    text, empty = torch.randn(2, 5, width), torch.randn(5, width)
    vae, scheduler = load_stable_diffusion(ZOO, "vae"), load_stable_diffusion(ZOO, "scheduler")
    return Painter(unet, vae, scheduler, text, empty, (4, 3, 8, 8), steps=2, guidance=3.0)


def test_draws_as_the_pipeline_would(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    class Encoder(torch.nn.Module):  # windows that are the tokens themselves
        config = {"out_dim": painter.text.shape[-1]}  # noqa: RUF012
        dtype, device = torch.float32, torch.device("cpu")

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return tokens

    pipeline = MindVideoPipeline(
        vae=painter.vae,
        unet=painter.unet,
        fmri_encoder=Encoder(),
        scheduler=DDIMScheduler.from_config(painter.scheduler.config),
    )
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.randn((2, *painter.shape), generator=torch.Generator().manual_seed(0))
    size = 8 * pipeline.vae_factor
    expected = pipeline(
        *(painter.text, painter.empty),
        **{"num_frames": 3, "height": size, "width": size, "latents": noise},
        **{"num_inference_steps": 2, "guidance_scale": 3.0},
    )
    assert np.array_equal(painter(), expected)


def test_leaves_the_model_and_the_random_numbers_alone(painter: Painter) -> None:
    before = {name: weight.clone() for name, weight in painter.unet.state_dict().items()}
    painter.unet.train()
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    first, second = painter(), painter()
    assert torch.equal(torch.randn(3), expected)
    assert np.array_equal(first, second)
    assert painter.unet.training
    assert all(weight.grad is None for weight in painter.unet.parameters())
    after = painter.unet.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


def test_draws_at_the_start_the_quarters_and_the_end_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def draw() -> np.ndarray:
        calls.append(len(calls))
        return np.full((1, 1), len(calls))

    drawn = Drawings(tmp_path, 5, 10, draw)
    assert drawn.at == [0, 2, 5, 8, 10]
    for step in range(6):
        drawn(step)
    resumed = Drawings(tmp_path, 5, 10, draw)
    for step in range(3, 11):  # from a checkpoint before the kill
        resumed(step)
    assert len(calls) == 5
    assert [int(frames[0, 0]) for frames in resumed.load().values()] == [1, 2, 3, 4, 5]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".npy"] * 5
    assert Drawings(tmp_path, 5, 2, draw).at == [0, 1, 2]


def test_drawings_of_other_settings_are_not_mixed_up(tmp_path: Path) -> None:
    """Changed during the training, they show what is still to come."""
    before = Drawings(tmp_path, 3, 10, lambda: np.zeros((4, 1)), "of four captions")
    for step in range(6):
        before(step)
    after = Drawings(tmp_path, 3, 10, lambda: np.zeros((2, 1)), "of two captions")
    for step in range(4, 11):
        after(step)
    assert {step: frames.shape for step, frames in after.load().items()} == {5: (2, 1), 10: (2, 1)}


def test_a_training_that_is_watched_is_bitwise_the_same(toy: ModuleType, tmp_path: Path) -> None:
    watched: list[int] = []

    def watch(step: int) -> None:
        watched.append(step)
        torch.manual_seed(step)
        torch.randn(7)

    alone = toy.run(tmp_path / "alone")
    seen = toy.run(tmp_path / "watched", after_step=watch)
    assert watched == [*range(21)]
    assert all(torch.equal(weight, seen[name]) for name, weight in alone.items())


def test_captions_differ_and_are_spread() -> None:
    captions = pd.Series(["a", "a", "b", "c", "b", "d", "e"])
    assert captions[evenly(captions, 3)].tolist() == ["a", "c", "e"]
    assert captions[evenly(captions, 9)].tolist() == ["a", "b", "c", "d", "e"]
