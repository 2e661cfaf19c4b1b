"""What tests of the models share."""

import pytest
import torch

from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.video_unet import inflate


@pytest.fixture(scope="module")
def pipeline():
    """The zoo's image model, inflated, with an untrained encoder."""
    torch.manual_seed(0)
    unet = inflate(load_stable_diffusion("zoo:stable-diffusion", "unet"))
    for name, weight in unet.named_parameters():
        if "attn_temp" in name:
            torch.nn.init.normal_(weight, std=0.1)
    encoder = FmriEncoder(
        num_voxels=32,
        patch_size=8,
        embed_dim=8,
        depth=1,
        num_heads=2,
        out_channel=5,
        out_dim=unet.config["cross_attention_dim"],
    )
    scheduler = load_stable_diffusion("zoo:stable-diffusion", "scheduler")
    vae = load_stable_diffusion("zoo:stable-diffusion", "vae")
    pipeline = MindVideoPipeline(
        vae=vae, unet=unet.eval(), fmri_encoder=encoder.eval(), scheduler=scheduler
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
