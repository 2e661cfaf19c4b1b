"""Estimates of memory against what a profiler counts, and what is said when it is short."""

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.profiler import ProfilerActivity, profile

from mindvideo.errors import InputError
from mindvideo.models import memory
from mindvideo.models.video_unet import inflate


def unet(channels=(32, 64, 96)):
    return inflate(
        UNet2DConditionModel(
            block_out_channels=channels,
            down_block_types=("CrossAttnDownBlock2D",) * (len(channels) - 1) + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (len(channels) - 1),
            cross_attention_dim=16,
            attention_head_dim=4,
        )
    ).eval()


def vae(channels=(16, 32, 64, 64)):
    return AutoencoderKL(
        block_out_channels=channels,
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=8,
        latent_channels=4,
    ).eval()


@torch.no_grad()
def peak(run):
    """Largest sum of what is allocated and not yet freed [B]."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    most = now = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


@pytest.mark.parametrize(("frames", "size"), [(3, 16), (6, 16), (3, 32)])
def test_the_unets_estimate_is_within_a_fifth(frames, size):
    model = unet()
    latents, condition = torch.randn(2, 4, frames, size, size), torch.randn(2, 5, 16)
    measured = peak(lambda: model(latents, 3, condition))
    assert memory.unet_memory(model, 2 * frames, size, size) == pytest.approx(measured, rel=0.2)


@pytest.mark.parametrize("size", [8, 16])
def test_the_decoders_estimate_is_within_a_fifth(size):
    model, latents = vae(), torch.randn(3, 4, size, size)
    measured = peak(lambda: model.decode(latents))
    estimate = memory.decoder_memory(model, 3, 8 * size, 8 * size)
    assert estimate == pytest.approx(measured, rel=0.2)


def test_half_precision_takes_half():
    model = unet()
    whole = memory.unet_memory(model, 6, 16, 16)
    assert memory.unet_memory(model.half(), 6, 16, 16) == whole / 2


@pytest.mark.parametrize(
    ("fraction", "advice"),
    [
        (0.6, "at most 2 clips of this length"),
        (0.15, "one clip of at most 3 frames"),
        (0.01, "make the frames smaller"),
    ],
)
def test_refuses_more_than_there_is_and_says_what_fits(fraction, advice, monkeypatch):
    model, decoder, shape = unet((128, 128, 128)), vae((8,) * 4), (4, 4, 6, 8, 8)
    needed = memory.unet_memory(model, 2 * 4 * 6, 8, 8)
    assert memory.decoder_memory(decoder, 8, 64, 64) < 0.15 * needed
    cpu = torch.device("cpu")
    monkeypatch.setattr(memory, "available_memory", lambda device: needed + memory.LIBRARIES)
    memory.check_fits(model, decoder, shape, True, cpu)
    left = int(fraction * needed) + memory.LIBRARIES
    monkeypatch.setattr(memory, "available_memory", lambda device: left)
    with pytest.raises(InputError, match=rf"4 clips of 6 frames of 64 × 64 px .*{advice}"):
        memory.check_fits(model, decoder, shape, True, cpu)


def test_without_guidance_half_is_needed(monkeypatch):
    model, shape = unet((128, 128, 128)), (4, 4, 6, 8, 8)
    needed = memory.unet_memory(model, 4 * 6, 8, 8)
    monkeypatch.setattr(memory, "available_memory", lambda device: needed + memory.LIBRARIES)
    memory.check_fits(model, vae(), shape, False, torch.device("cpu"))
    with pytest.raises(InputError, match="at most 2 clips"):
        memory.check_fits(model, vae(), shape, True, torch.device("cpu"))


def test_the_limit_is_the_smallest_of_the_groups_above(tmp_path):
    def group(path, limit, used, cached):
        path.mkdir(exist_ok=True)
        (path / "memory.max").write_text(f"{limit}\n")
        (path / "memory.current").write_text(f"{used}\n")
        (path / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")

    group(tmp_path / "job", 1000, 700, 100)
    group(tmp_path / "job/step", "max", 300, 100)
    process = tmp_path / "process"
    process.write_text("1:cpu:/job\n0::/job/step\n")
    assert memory._cgroup_left(tmp_path, process) == 400
    group(tmp_path / "job/step", 500, 300, 100)
    assert memory._cgroup_left(tmp_path, process) == 300
    process.write_text("1:cpu:/job\n")
    assert memory._cgroup_left(tmp_path, process) is None
    assert 0 < memory.available_memory(torch.device("cpu")) < 2**50
