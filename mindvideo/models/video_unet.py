"""Stable Diffusion's UNet, inflated: an image model that denoises the frames of a clip together.

The UNet is diffusers' own, run on all frames of all clips as images. Three kinds of its modules are
swapped at construction for ones that see a clip's other frames (paper 3.4): the attention among
the places of a frame, the transformer blocks, and the group norms of the residual blocks.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (see VideoUNet)
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from einops import rearrange
from torch import Tensor, nn

from mindvideo.errors import InputError
from mindvideo.models.sd1 import check_sd1
from mindvideo.models.weights import StrictWeights, load_strictly

NEW_IN_VIDEO = ("attn_temp", "norm_temp")
"""What an image UNet lacks."""

TRAINED = ("attn1", "attn2", "attn_temp")
"""What video tuning and co-training change (paper B)."""


@dataclass
class ClipLength:
    """Frames in a clip, told by the UNet's forward pass to all modules that it swapped in.

    The image UNet hands no such number down to its residual blocks.
    """

    frames: int = 1


def sparse_causal_frames(frames: int, device: torch.device | None = None) -> Tensor:
    """The frames that frame i attends to: i-2 and i-1, the first one at the start (Eq. 4).

    Returns
    -------
    Tensor ``(frames, 2)``
        ``[[0, 0], [0, 0], [0, 1], [1, 2], …]``
    """
    frame = torch.arange(frames, device=device)
    return torch.stack([frame - 2, frame - 1], dim=1).clamp(min=0)


class SparseCausalAttention:
    """Runs a diffusers attention with the keys and values of the two frames before (Eq. 4)."""

    def __init__(self, clip: ClipLength) -> None:
        self.clip = clip

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """((b f), n, d) → ((b f), n, d); there is nothing but the frames to attend to."""
        f, h = self.clip.frames, attn.heads
        seen = sparse_causal_frames(f, hidden_states.device)
        q = rearrange(attn.to_q(hidden_states), "bf n (h d) -> bf h n d", h=h)

        def gather(x: Tensor) -> Tensor:
            # Projected once a frame, then picked: frames are in two others' keys.
            x = rearrange(x, "(b f) n (h d) -> b f h n d", f=f, h=h)[:, seen]
            return rearrange(x, "b f two h n d -> (b f) h (two n) d")

        k, v = gather(attn.to_k(hidden_states)), gather(attn.to_v(hidden_states))
        out = F.scaled_dot_product_attention(q, k, v)
        return attn.to_out[1](attn.to_out[0](rearrange(out, "bf h n d -> bf n (h d)")))


class VideoTransformerBlock(nn.Module):
    """An image UNet's transformer block, with temporal attention after the feed-forward.

    Temporal attention is among the frames of one place. It starts as the identity: its output
    projection, weight and bias, is zero.
    """

    def __init__(self, block: BasicTransformerBlock, clip: ClipLength) -> None:
        super().__init__()
        self.clip = clip
        self.norm1, self.attn1 = block.norm1, block.attn1
        self.norm2, self.attn2 = block.norm2, block.attn2
        self.norm3, self.ff = block.norm3, block.ff
        self.attn1.set_processor(SparseCausalAttention(clip))  # type: ignore[arg-type]

        dim, heads = block.attn1.query_dim, block.attn1.heads
        self.norm_temp = nn.LayerNorm(dim)
        self.attn_temp = Attention(query_dim=dim, heads=heads, dim_head=dim // heads)
        for weight in self.attn_temp.to_out.parameters():
            nn.init.zeros_(weight)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        *_: Any,
        **__: Any,
    ) -> Tensor:
        """Clips of frames ((b f), n, d), one condition a clip (b, t, c) → ((b f), n, d)"""
        f, n = self.clip.frames, hidden_states.shape[1]
        x = hidden_states  #                                                   (b f) n d
        x = x + self.attn1(self.norm1(x))  #                                   (b f) n d
        x = rearrange(x, "(b f) n d -> b (f n) d", f=f)  # one condition a clip: b (f n) d
        x = x + self.attn2(self.norm2(x), encoder_hidden_states)  #            b (f n) d
        x = x + self.ff(self.norm3(x))  #                                      b (f n) d
        x = rearrange(x, "b (f n) d -> (b n) f d", f=f)  #                     (b n) f d
        x = x + self.attn_temp(self.norm_temp(x))  #                           (b n) f d
        return rearrange(x, "(b n) f d -> (b f) n d", n=n)  #                  (b f) n d


class ClipGroupNorm(nn.GroupNorm):
    """A group norm whose mean and variance are those of all frames of a clip."""

    def __init__(self, norm: nn.GroupNorm, clip: ClipLength) -> None:
        super().__init__(norm.num_groups, norm.num_channels, eps=norm.eps, affine=norm.affine)
        self.clip = clip

    def forward(self, input: Tensor) -> Tensor:
        """((b f), c, h, w) → ((b f), c, h, w)"""
        x = rearrange(input, "(b f) c h w -> b c f h w", f=self.clip.frames)
        return rearrange(super().forward(x), "b c f h w -> (b f) c h w")


class VideoUNet(StrictWeights, UNet2DConditionModel):  # type: ignore[misc]
    """A denoiser of clips, with the settings and weights of an image UNet plus `NEW_IN_VIDEO`.

    Made from an image UNet by :func:`inflate`. Convolutions, and the group norm at the entry of
    each transformer, stay per frame. A clip of equal frames with fresh temporal layers gives the
    image UNet's own output.

    Notes
    -----
    A diffusers pipeline that loads this class looks for the name ``ModelMixin`` in this module.
    """

    # The image UNet's signature is the list of settings that diffusers saves and loads.
    @functools.wraps(UNet2DConditionModel.__init__)  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_sd1(self.config)
        self.clip = clip = ClipLength()
        for module in list(self.modules()):
            if isinstance(module, ResnetBlock2D):
                module.norm1 = ClipGroupNorm(module.norm1, clip)
                module.norm2 = ClipGroupNorm(module.norm2, clip)
            elif isinstance(module, Transformer2DModel):
                module.transformer_blocks = nn.ModuleList(
                    VideoTransformerBlock(block, clip) for block in module.transformer_blocks
                )
        self.conv_norm_out = ClipGroupNorm(self.conv_norm_out, clip)

    def forward(  # type: ignore[override]
        self, latents: Tensor, timesteps: Tensor | int, encoder_hidden_states: Tensor
    ) -> Tensor:
        """Predict the noise in clips.

        Parameters
        ----------
        latents
            Noisy latents ``(b, c, f, h, w)``.
        timesteps
            ``(b,)`` or one for all.
        encoder_hidden_states
            The condition of each clip ``(b, tokens, dim)``.

        Returns
        -------
        Tensor ``(b, c, f, h, w)``

        Raises
        ------
        InputError
            If the shapes do not fit each other or this UNet.
        """
        self._check(latents, encoder_hidden_states)
        b, _, f, *_ = latents.shape
        self.clip.frames = f
        images = rearrange(latents, "b c f h w -> (b f) c h w")
        times = torch.as_tensor(timesteps, device=latents.device).expand(b).repeat_interleave(f)
        noise = super().forward(images, times, encoder_hidden_states, return_dict=False)[0]
        return rearrange(noise, "(b f) c h w -> b c f h w", f=f)

    def trainable_parameters(self) -> dict[str, nn.Parameter]:
        """The weights that video tuning and co-training change, by name: :data:`TRAINED`."""
        return {
            name: weight
            for name, weight in self.named_parameters()
            if set(name.split(".")) & set(TRAINED)
        }

    def freeze_all_but_attention(self) -> None:
        """Let only :meth:`trainable_parameters` ask for gradients; in place."""
        self.requires_grad_(False)
        for weight in self.trainable_parameters().values():
            weight.requires_grad_(True)

    def _check(self, latents: Tensor, condition: Tensor) -> None:
        channels, width = self.config["in_channels"], self.config["cross_attention_dim"]
        if latents.ndim != 5 or latents.shape[1] != channels:
            raise InputError(
                f"latents of shape {tuple(latents.shape)}; "
                f"the video UNet needs (clips, {channels} channels, frames, height, width)"
            )
        if condition.ndim != 3 or len(condition) != len(latents) or condition.shape[2] != width:
            raise InputError(
                f"a condition of shape {tuple(condition.shape)} for {len(latents)} clips; the "
                f"video UNet needs one a clip, (clips, tokens, {width}): encoder and UNet must "
                "belong to the same Stable Diffusion"
            )


def inflate(unet: UNet2DConditionModel) -> VideoUNet:
    """Make a video UNet of an image UNet of Stable Diffusion 1.x; weights are copied.

    Raises
    ------
    InputError
        If the UNet is of another kind.
    """
    check_sd1(unet.config)
    settings = {name: value for name, value in unet.config.items() if not name.startswith("_")}
    video = VideoUNet(**settings)
    load_strictly(video, unet.state_dict(), new=NEW_IN_VIDEO)
    return video.to(device=unet.device).train(unet.training)
