"""Another denoiser comes through the door: what generates and trains clips runs with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from einops import rearrange

from mindvideo.errors import InputError
from mindvideo.models.denoiser import PARTS, ClipDenoiser
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.training.drawings import ClipGenerator
from mindvideo.training.objectives.denoising import Denoising, FmriCondition, FmriToVideo
from tests.untrained import untrained_encoder, untrained_vae


class VideoTransformer(ClipDenoiser, ModelMixin, ConfigMixin):
    """A token for each latent pixel of each frame; all attend to each other and the condition."""

    latent_channels, condition_width = 4, 12

    @register_to_config
    def __init__(self, dim: int = 8) -> None:
        super().__init__()
        self.embed, self.out = torch.nn.Linear(4, dim), torch.nn.Linear(dim, 4)
        self.layer = torch.nn.TransformerDecoderLayer(dim, 2, 16, 0.0, batch_first=True)
        self.condition = torch.nn.Linear(12, dim)

    def forward(self, latents, timesteps, condition):
        _, _, f, h, _ = latents.shape
        tokens = self.embed(rearrange(latents, "b c f h w -> b (f h w) c"))
        noise = self.out(self.layer(tokens, self.condition(condition)))
        return rearrange(noise, "b (f h w) c -> b c f h w", f=f, h=h)

    def trainable_parameters(self, parts=PARTS):
        return {n: w for n, w in self.named_parameters() if n.startswith("layer.")}

    def activation_memory(self, images: int, height: int, width: int) -> int:
        return 1000 * images * height * width


@pytest.fixture
def scheduler():
    return load_stable_diffusion("zoo:stable-diffusion", "scheduler")


@pytest.fixture
def denoiser() -> VideoTransformer:
    torch.manual_seed(0)
    return VideoTransformer().eval()


def test_generates_clips_from_windows(denoiser, scheduler) -> None:
    pipeline = MindVideoPipeline(untrained_vae(), denoiser, untrained_encoder(), scheduler)
    pipeline.set_progress_bar_config(disable=True)
    windows = np.random.default_rng(0).standard_normal((2, 2, 32))
    size = {"num_frames": 3, "height": 8, "width": 8, "num_inference_steps": 2}
    clips = pipeline(windows, windows.mean(axis=0), generator=torch.manual_seed(0), **size)
    assert clips.shape == (2, 3, 8, 8, 3)


def test_memory_is_what_it_estimates(denoiser, scheduler, monkeypatch) -> None:
    pipeline = MindVideoPipeline(untrained_vae(), denoiser, untrained_encoder(), scheduler)
    monkeypatch.setattr(VideoTransformer, "activation_memory", lambda *_: 2**60)
    with pytest.raises(InputError, match="2 clips of 3 frames of 8 × 8 px need about"):
        pipeline(np.zeros((2, 2, 32)), num_frames=3, height=8, width=8, guidance_scale=1)


def test_an_encoder_of_another_width_is_refused(denoiser, scheduler) -> None:
    denoiser.condition_width = 16
    with pytest.raises(InputError, match="width 12, but the UNet is conditioned on width 16"):
        MindVideoPipeline(untrained_vae(), denoiser, untrained_encoder(), scheduler)


def test_trains_what_it_names_together_with_the_encoder(denoiser, scheduler) -> None:
    denoiser.freeze_all_but()
    objective = Denoising(scheduler, FmriCondition(sparsify=0.0))
    batch = {"latents": torch.randn(2, 3, 4, 4, 4), "fmri": torch.randn(2, 2, 32)}
    loss, _ = objective(FmriToVideo(untrained_encoder(), denoiser), batch, torch.Generator())
    loss.backward()
    with_gradient = {n for n, w in denoiser.named_parameters() if w.grad is not None}
    assert with_gradient == set(denoiser.trainable_parameters())


def test_clips_are_generated_while_it_trains(denoiser, scheduler) -> None:
    text, empty, noise = torch.randn(2, 5, 12), torch.zeros(5, 12), torch.randn(2, 4, 3, 4, 4)
    generate = ClipGenerator(denoiser, untrained_vae(), scheduler, text, empty, noise, 2, 7.5)
    assert generate().shape == (2, 3, 8, 8, 3)


def test_a_denoiser_says_what_it_lacks() -> None:
    with pytest.raises(NotImplementedError):
        ClipDenoiser().trainable_parameters()
    condition = torch.zeros(1, 5, 12)
    assert ClipDenoiser().project(condition) is condition
