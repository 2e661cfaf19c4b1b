"""A video UNet whose attention is told where in a clip each place is."""

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from mindvideo.models.video_unet import ClipShape, VideoUNet, clip_positions, inflate

SMALL = {
    "block_out_channels": (24, 40),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": 10,
    "attention_head_dim": 4,
}


def image_unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(**SMALL).eval()


def inputs(height=8, width=8):
    torch.manual_seed(2)
    return torch.randn(2, 4, 4, height, width), torch.tensor([100, 200]), torch.randn(2, 5, 10)


def stir(unet):
    torch.manual_seed(1)
    for name, weight in unet.named_parameters():
        if "positions" in name:
            torch.nn.init.normal_(weight, std=0.3)
    return unet


def test_positions_are_numpys_legendre_polynomials():
    found = clip_positions(6, 4, 3).reshape(6, 4, 3, 26)
    series = np.polynomial.legendre.legval
    for i, (f, h, w) in enumerate(np.ndindex(3, 3, 3)):
        axes = (np.linspace(-1, 1, n) for n in (6, 4, 3))
        t, y, x = (series(axis, np.eye(3)[k]) for axis, k in zip(axes, (f, h, w)))
        if i:
            expected = t[:, None, None] * y[:, None] * x
            np.testing.assert_allclose(found[..., i - 1], expected, atol=1e-6)


@torch.no_grad()
def test_they_start_as_nothing():
    plain, told = inflate(image_unet()), inflate(image_unet(), positions=True)
    assert torch.equal(plain(*inputs()), told(*inputs()))


@torch.no_grad()
def test_a_still_clip_may_then_move():
    """Equal frames of equal noise: only positions can tell them apart."""
    latents, times, condition = inputs()
    still = latents[:, :, :1].expand(-1, -1, 4, -1, -1)
    unet = stir(inflate(image_unet(), positions=True))
    frames = unet(still, times, condition).unbind(2)
    assert (frames[0] - frames[3]).abs().max() > 0.01
    frames = inflate(image_unet())(still, times, condition).unbind(2)
    assert torch.allclose(frames[0], frames[3], atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 16), (10, 6), (7, 9)])
def test_every_level_knows_its_size(height, width):
    """Sizes that halve with a rest, too: the UNet's strided convolutions round up."""
    shape = ClipShape(4, height, width)
    sizes = [(height, width)]
    for _ in range(3):
        sizes.append(tuple(-(-n // 2) for n in sizes[-1]))
    assert [shape.size_of(h * w) for h, w in sizes] == sizes


@torch.no_grad()
def test_clips_that_are_no_squares():
    unet = stir(inflate(image_unet(), positions=True))
    assert unet(*inputs(8, 12)).shape == (2, 4, 4, 8, 12)


def test_they_are_trained_saved_and_loaded(tmp_path):
    unet = stir(inflate(image_unet(), positions=True))
    assert sum("positions" in name for name in unet.trainable_parameters()) == 4 * 2
    unet.save_pretrained(tmp_path)
    loaded = VideoUNet.from_pretrained(tmp_path)
    assert loaded.config["positions"] is True
    assert torch.equal(unet(*inputs()), loaded(*inputs()))
