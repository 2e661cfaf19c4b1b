"""Sizes of networks and examples: the paper's, and tiny ones on which a benchmark tests itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks.random_weights import UNET15, VAE15
from mindvideo.settings.training import Contrastive, Cotraining, Mbm, VideoTuning


@dataclass(frozen=True)
class Sizes:
    """Settings of the networks where they differ from the defaults, and shapes of examples.

    Attributes
    ----------
    unet, vae, encoder, autoencoder : dict
        Settings.
    hcp_voxels, voxels : int
        Voxels of a sample of pre-training, and of a window.
    frames, latent, tokens : int
        Frames of a clip, height and width of its latents, tokens of its condition.
    batches : dict
        Examples in a step of each training.
    clips : tuple of int
        Clips that are reconstructed together.
    models : dict
        Names of models that are loaded in place of random weights in the true architectures.
    """

    unet: dict[str, Any]
    vae: dict[str, Any]
    encoder: dict[str, Any]
    autoencoder: dict[str, Any]
    hcp_voxels: int
    voxels: int
    frames: int
    latent: int
    tokens: int
    batches: dict[str, int]
    clips: tuple[int, ...]
    models: dict[str, str] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Dimensions of a token of the condition."""
        return self.unet["cross_attention_dim"]


FULL = Sizes(
    unet=UNET15,
    vae=VAE15,
    encoder={},
    autoencoder={},
    hcp_voxels=4192,
    voxels=6016,
    frames=6,
    latent=32,
    tokens=77,
    batches={
        "masked brain modelling": Mbm().batch_size,
        "contrastive": Contrastive().batch_size,
        "video tuning": VideoTuning().batch_size,
        "co-training": Cotraining().batch_size,
    },
    clips=(1, 4, 16),
)
"""The paper's (Table B.1, and B), with the voxels of the HCP's and of one subject's cortex."""

_NARROW = {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}

TINY = Sizes(
    unet={
        "block_out_channels": (8, 16),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "cross_attention_dim": 12,
        "attention_head_dim": 2,
    },
    vae={
        "block_out_channels": (8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "norm_num_groups": 4,
        "latent_channels": 4,
    },
    encoder=_NARROW | {"out_channel": 5, "out_dim": 12},
    autoencoder=_NARROW | {"decoder_embed_dim": 16, "decoder_depth": 1, "decoder_num_heads": 2},
    hcp_voxels=64,
    voxels=32,
    frames=3,
    latent=8,
    tokens=5,
    batches={"masked brain modelling": 4, "contrastive": 4, "video tuning": 2, "co-training": 2},
    clips=(1, 2),
    models={
        "clip": "zoo:clip",
        "captioner": "zoo:blip",
        "image_classifier": "zoo:image-classifier",
        "video_classifier": "zoo:video-classifier",
    },
)
