"""Clips generated during video tuning show its progress and leave the training as it is."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import DDIMScheduler

from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.video_unet import inflate
from mindvideo.stages.video_tuning import evenly
from mindvideo.training.drawings import ClipGenerator, Drawings

ZOO = "zoo:stable-diffusion"


@pytest.fixture(scope="module")
def generator() -> ClipGenerator:
    torch.manual_seed(0)
    unet = inflate(load_stable_diffusion(ZOO, "unet"))
    width = unet.config["cross_attention_dim"]
    text, empty = torch.randn(2, 5, width), torch.randn(5, width)
    vae, scheduler = load_stable_diffusion(ZOO, "vae"), load_stable_diffusion(ZOO, "scheduler")
    noise = torch.randn(2, 4, 3, 8, 8)
    return ClipGenerator(unet, vae, scheduler, text, empty, noise, steps=2, guidance=3.0)


def test_generates_the_clips_of_the_pipeline(generator: ClipGenerator) -> None:
    class Encoder(torch.nn.Module):  # its windows are the tokens
        config = {"out_dim": generator.text.shape[-1]}  # noqa: RUF012
        dtype, device = torch.float32, torch.device("cpu")

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return tokens

    pipeline = MindVideoPipeline(
        vae=generator.vae,
        unet=generator.unet,
        fmri_encoder=Encoder(),
        scheduler=DDIMScheduler.from_config(generator.scheduler.config),
    )
    pipeline.set_progress_bar_config(disable=True)
    size = 8 * pipeline.vae_factor
    expected = pipeline(
        generator.text,
        generator.empty,
        num_frames=3,
        height=size,
        width=size,
        latents=generator.noise,
        num_inference_steps=2,
        guidance_scale=3.0,
    )
    assert np.array_equal(generator(), expected)


def test_leaves_the_model_and_the_random_numbers_as_they_are(generator: ClipGenerator) -> None:
    before = {name: weight.clone() for name, weight in generator.unet.state_dict().items()}
    generator.unet.train()
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    first, second = generator(), generator()
    assert torch.equal(torch.randn(3), expected)
    assert np.array_equal(first, second)
    assert generator.unet.training
    assert all(weight.grad is None for weight in generator.unet.parameters())
    after = generator.unet.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


def test_generates_clips_once_at_evenly_spaced_steps(tmp_path: Path) -> None:
    calls: list[int] = []

    def generate() -> np.ndarray:
        calls.append(len(calls))
        return np.full((1, 1), len(calls))

    drawings = Drawings(tmp_path, 5, 10, generate)
    assert drawings.at == [0, 2, 5, 8, 10]
    for step in range(6):
        drawings(step)
    resumed = Drawings(tmp_path, 5, 10, generate)
    for step in range(3, 11):  # from a checkpoint before the kill
        resumed(step)
    assert len(calls) == 5
    assert [int(frames[0, 0]) for frames in resumed.load().values()] == [1, 2, 3, 4, 5]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".npy"] * 5
    assert Drawings(tmp_path, 5, 2, generate).at == [0, 1, 2]


def test_drawings_of_other_settings_are_not_mixed_up(tmp_path: Path) -> None:
    """When settings change during a training, only later clips follow the new ones."""
    before = Drawings(tmp_path, 3, 10, lambda: np.zeros((4, 1)), "of four captions")
    for step in range(6):
        before(step)
    after = Drawings(tmp_path, 3, 10, lambda: np.zeros((2, 1)), "of two captions")
    for step in range(4, 11):
        after(step)
    assert {step: frames.shape for step, frames in after.load().items()} == {5: (2, 1), 10: (2, 1)}


def test_clips_of_an_older_version_are_kept(tmp_path: Path) -> None:
    np.save(tmp_path / "drawn-key-0000000.npy", np.ones((1, 1)))
    drawings = Drawings(tmp_path, 2, 10, lambda: np.zeros((1, 1)), "key")
    drawings(0)
    drawings(10)
    assert {step: int(frames[0, 0]) for step, frames in drawings.load().items()} == {0: 1, 10: 0}
    assert {path.name for path in tmp_path.iterdir()} == {
        "drawn-key-0000000.npy",
        "generated-key-0000010.npy",
    }


def test_a_training_with_a_callback_is_bitwise_the_same(toy: ModuleType, tmp_path: Path) -> None:
    class Callback:
        at = (0, 3, 20)
        steps: ClassVar[list[int]] = []

        def __call__(self, step: int) -> None:
            self.steps.append(step)
            torch.manual_seed(step)
            torch.randn(7)

    without = toy.run(tmp_path / "without")
    with_callback = toy.run(tmp_path / "with", after_step=Callback())
    assert Callback.steps == [0, 3, 20]
    assert all(torch.equal(weight, with_callback[name]) for name, weight in without.items())


def test_captions_are_distinct_and_evenly_spaced() -> None:
    captions = pd.Series(["a", "a", "b", "c", "b", "d", "e"])
    assert captions[evenly(captions, 3)].tolist() == ["a", "c", "e"]
    assert captions[evenly(captions, 9)].tolist() == ["a", "b", "c", "d", "e"]
