"""The tree of files that the authors of MinD-Video released, small and with random weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel

from mindvideo.models.video_unet import VideoUNet, inflate
from tests.untrained import untrained_vae

UNET = {
    "block_out_channels": [8, 16],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "attention_head_dim": 2,
}
OF_ITS_TIME = {  # entries that a UNet's configuration had then
    "_class_name": "UNet3DConditionModel",
    "_diffusers_version": "0.11.1",
    "mid_block_type": "UNetMidBlock3DCrossAttn",
    "act_fn": "silu",
    "center_input_sample": False,
    "class_embed_type": None,
    "downsample_padding": 1,
    "dual_cross_attention": False,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "out_channels": 4,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "num_class_embeds": None,
    "only_cross_attention": False,
    "resnet_time_scale_shift": "default",
    "sample_size": 64,
    "upcast_attention": False,
    "use_linear_projection": False,
}
CAPTIONS = ("a dog runs on grass", "two people talk", "a plane over the sea", "a red car")


def untrained_video_unet(width: int, sizes: Mapping[str, Any] = UNET) -> VideoUNet:
    """A video UNet whose temporal attention has an effect."""
    torch.manual_seed(0)
    unet = inflate(UNet2DConditionModel(**dict(sizes) | {"cross_attention_dim": width}))
    for name, weight in unet.named_parameters():
        if "attn_temp.to_out" in name:
            torch.nn.init.normal_(weight, std=0.3)
    return unet.eval()


def write_checkpoint(folder: Path, layout, video: VideoUNet) -> Path:
    """Write the checkpoint of one subject: unet/, fmri_encoder/, vae/, scheduler/."""
    layout.write_encoder(folder / "fmri_encoder", name="model.pth")
    return write_rest(folder, video, untrained_vae())


def write_rest(folder: Path, video: VideoUNet, vae: AutoencoderKL) -> Path:
    """Write the parts of a checkpoint other than its encoder."""
    vae.save_pretrained(folder / "vae", safe_serialization=False)
    PNDMScheduler(
        beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    ).save_pretrained(folder / "scheduler")
    (folder / "unet").mkdir()
    torch.save(video.state_dict(), folder / "unet" / "diffusion_pytorch_model.bin")
    of_its_time = {name: video.config[name] for name in (*UNET, "cross_attention_dim")}
    config = {name: _in_three_dimensions(value) for name, value in of_its_time.items()}
    (folder / "unet" / "config.json").write_text(json.dumps(OF_ITS_TIME | config))
    return folder


def _in_three_dimensions(value):
    """CrossAttnDownBlock2D → CrossAttnDownBlock3D."""
    if isinstance(value, list | tuple):
        return [_in_three_dimensions(item) for item in value]
    return value.replace("2D", "3D") if isinstance(value, str) else value


def write_preprocessed(
    folder: Path, *, n_segments: int, n_clips: int, n_voxels: dict[str, int], size: int
) -> Path:
    """Write the arrays of the test segments: volumes of each subject, clips, captions, numbers."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    shape = (n_segments, n_clips)
    for subject, n in n_voxels.items():
        np.save(folder / f"fmri_test_{subject}.npy", rng.standard_normal((*shape, n)))
    clips = rng.integers(0, 256, (*shape, 6, size, size, 3), dtype=np.uint8)
    np.save(folder / f"video_test_{size}_3hz.npy", clips)
    texts = rng.choice(CAPTIONS, size=shape)[..., None].repeat(6, axis=-1)
    np.save(folder / f"text_test_{size}_3hz.npy", texts.astype(object))
    numbers = np.arange(n_segments)[:, None].repeat(n_clips, axis=1)
    np.save(folder / "test_seg_id_3hz.npy", numbers)
    return folder
