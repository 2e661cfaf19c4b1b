"""Motion modules on the image UNet, against diffusers' own models."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers import MotionAdapter, UNet2DConditionModel, UNetMotionModel

from mindvideo.errors import InputError
from mindvideo.models.checkpoints import load_video_unet
from mindvideo.models.guidance import guided_noise
from mindvideo.models.motion_unet import MotionUNet, add_motion
from mindvideo.models.pretrained import load_motion_adapter, load_stable_diffusion
from tests.untrained import untrained_unet

SIZES = {
    "block_out_channels": (8, 16),
    "motion_layers_per_block": 1,
    "motion_num_attention_heads": 2,
    "motion_norm_num_groups": 4,
    "motion_max_seq_length": 8,
}


def image_unet() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return untrained_unet().eval()


def motion_adapter(**changes) -> MotionAdapter:
    torch.manual_seed(1)
    return MotionAdapter(**SIZES | changes).eval()


def inputs(batch=2, frames=4, size=8):
    torch.manual_seed(2)
    latents = torch.randn(batch, 4, frames, size, size)
    return latents, torch.arange(1, 1 + batch) * 100, torch.randn(batch, 5, 12)


@pytest.fixture(scope="module")
def unet() -> MotionUNet:
    return add_motion(image_unet(), motion_adapter())


def test_new_motion_modules_leave_each_frame_to_the_image_unet() -> None:
    """Also in the form of 2.x, in double precision."""
    for changes in ({}, {"use_linear_projection": True}):
        torch.manual_seed(0)
        settings = {n: v for n, v in untrained_unet().config.items() if n[0] != "_"}
        heads = {"block_out_channels": (16, 32), "norm_num_groups": 8}  # motion has 8 heads
        image = UNet2DConditionModel(**settings | heads | changes).eval()
        video = add_motion(image).double()
        latents, times, condition = (x.double() if x.is_floating_point() else x for x in inputs())
        with torch.no_grad():
            noise = video(latents, times, condition)
            image = image.double()
            for frame in range(4):
                expected = image(latents[:, :, frame], times, condition).sample
                assert torch.allclose(noise[:, :, frame], expected, atol=1e-10)


@torch.no_grad()
def test_noise_is_that_of_diffusers_with_one_condition_for_each_frame(unet) -> None:
    latents, times, condition = inputs()
    theirs = UNetMotionModel.from_unet2d(image_unet(), motion_adapter()).eval()
    expected = theirs(latents, times, condition.repeat_interleave(4, dim=0)).sample
    assert torch.equal(unet(latents, times, condition), expected)


@torch.no_grad()
def test_frames_of_a_clip_see_each_other_and_clips_do_not(unet) -> None:
    latents, times, condition = inputs()
    noise = unet(latents, times, condition)
    alone = unet(latents[:1], times[:1], condition[:1])
    assert torch.allclose(noise[:1], alone, atol=1e-5)
    for changed in (0, 3):
        other = latents.clone()
        other[:, :, changed] += 1
        difference = (unet(other, times, condition) - noise).abs().amax(dim=(0, 1, 3, 4))
        assert (difference > 1e-4).all()


@torch.no_grad()
def test_guidance_is_in_one_batch(unet) -> None:
    scheduler = load_stable_diffusion("zoo:stable-diffusion", "scheduler")
    latents, _, condition = inputs()
    projected = unet.project(condition)
    noise = guided_noise(unet, scheduler, latents[:1], torch.tensor(7), projected, 2.0)
    negative, positive = unet(latents[:1].expand(2, -1, -1, -1, -1), 7, condition).split(1)
    assert torch.allclose(noise, 2 * positive - negative, atol=1e-5)


def test_attentions_and_motion_modules_are_trained(unet) -> None:
    video = copy.deepcopy(unet).train()
    video.freeze_all_but()
    video.enable_gradient_checkpointing()
    video(*inputs()).square().mean().backward()
    trained = {name for name, weight in video.named_parameters() if weight.grad is not None}
    assert trained == set(video.trainable_parameters())
    parts = {name for name in trained if "motion_modules" not in name}
    assert parts
    assert all(".attn1." in name or ".attn2." in name for name in parts)
    modules = {name for name in video.state_dict() if "motion_modules" in name}
    assert {name for name in modules if not name.endswith("pos_embed.pe")} <= trained


@torch.no_grad()
def test_saves_and_loads_by_the_class_that_its_configuration_names(unet, tmp_path) -> None:
    unet.save_pretrained(tmp_path / "model" / "unet")
    loaded = load_video_unet(tmp_path / "model")
    assert isinstance(loaded, MotionUNet)
    assert torch.equal(unet(*inputs()), loaded(*inputs()))


def test_an_adapter_is_loaded_from_a_folder(tmp_path) -> None:
    motion_adapter().save_pretrained(tmp_path / "adapter")
    loaded = load_motion_adapter(str(tmp_path / "adapter")).state_dict()
    assert all(torch.equal(w, loaded[n]) for n, w in motion_adapter().state_dict().items())
    image_unet().save_pretrained(tmp_path / "other")
    with pytest.raises(InputError, match="describes UNet2DConditionModel, but a motion adapter"):
        load_motion_adapter(str(tmp_path / "other"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"block_out_channels": (8, 24)}, r"block_out_channels: \(8, 24\), but the UNet has"),
        ({"motion_layers_per_block": 2}, "motion_layers_per_block: 2, but the UNet has"),
        ({"conv_in_channels": 9}, "changes the UNet's input to 9 channels"),
    ],
)
def test_refuses_adapters_of_other_unets(changes, said) -> None:
    with pytest.raises(InputError, match=said):
        add_motion(image_unet(), motion_adapter(**changes))


def test_refuses_more_frames_than_places(unet) -> None:
    with pytest.raises(InputError, match="clips of 9 frames, but the motion modules have places"):
        unet(*inputs(frames=9))


def test_refuses_shapes_that_do_not_fit(unet) -> None:
    latents, times, condition = inputs()
    with pytest.raises(InputError, match="4 channels"):
        unet(latents[:, :3], times, condition)
    with pytest.raises(InputError, match="for 2 clips"):
        unet(latents, times, condition[:1])
