"""Stable Diffusion's UNet, inflated: an image model that denoises the frames of a clip together.

The UNet runs diffusers' own modules on all frames of all clips as images. Three kinds of them are
replaced at construction by modules that combine the frames of a clip (paper 3.4): the attention
between the positions of a frame, the transformer blocks, and the residual blocks with their group
norms.

No module stores the number of frames in a clip, f: each reads it from its arguments. Transformer
blocks get (b f) frames and b conditions; residual blocks get the time embedding as (b, f, d).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (see VideoUNet)
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from einops import rearrange
from torch import Tensor, nn

from mindvideo.models.blocks import attend
from mindvideo.models.denoiser import PARTS, ClipDenoiser, Part
from mindvideo.models.image_unet import check_image_unet
from mindvideo.models.memory import unet_memory
from mindvideo.models.weights import StrictWeights, load_strictly

NEW_IN_VIDEO = ("attn_temp", "norm_temp")
"""Parts that an image UNet lacks."""

TRAINED: dict[Part, tuple[str, ...]] = {
    "spatial": ("attn1", "attn2"),
    "temporal": ("attn_temp",),
}
"""Parts that video tuning and co-training train (paper B)."""


def sparse_causal_frames(frames: int, device: torch.device | None = None) -> Tensor:
    """The frames that frame i attends to: i-2 and i-1, the first one at the start (Eq. 4).

    Returns
    -------
    Tensor ``(frames, 2)``
        ``[[0, 0], [0, 0], [0, 1], [1, 2], …]``
    """
    frame = torch.arange(frames, device=device)
    return torch.stack([frame - 2, frame - 1], dim=1).clamp(min=0)


@dataclass(frozen=True)
class ProjectedCondition:
    """Conditions of clips, with what the cross-attentions of one UNet compute of them.

    Made by :meth:`VideoUNet.project`. A condition does not change while a clip is denoised, so its
    keys and values are computed once a clip instead of once a step.

    Attributes
    ----------
    tokens : Tensor ``(b, tokens, dim)``
    projected : list of (Tensor, Tensor)
        Keys and values ``(b, heads, tokens, d)`` of each cross-attention, by its number.
    """

    tokens: Tensor
    projected: list[tuple[Tensor, Tensor]]

    def __len__(self) -> int:
        return len(self.tokens)


class PlainAttention:
    """Runs a diffusers attention: of tokens to themselves, or to a condition.

    Same results as diffusers' own processor, without its division by 1.

    Parameters
    ----------
    number
        Place of its keys and values in a :class:`ProjectedCondition`.
    """

    def __init__(self, number: int = 0) -> None:
        self.number = number

    @staticmethod
    def project(attn: Attention, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (b, t, c) → keys and values (b, h, t, d)"""
        return _heads(attn, attn.to_k(tokens)), _heads(attn, attn.to_v(tokens))

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | ProjectedCondition | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """(b, n, d), and a condition (b, t, c) → (b, n, d)"""
        q, given = _heads(attn, attn.to_q(hidden_states)), encoder_hidden_states
        if isinstance(given, ProjectedCondition):
            k, v = given.projected[self.number]
        else:
            k, v = self.project(attn, hidden_states if given is None else given)
        return _attend(attn, q, k, v)


class SparseCausalAttention:
    """Runs a diffusers attention with the keys and values of the two frames before (Eq. 4)."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        frames: int,
    ) -> Tensor:
        """((b f), n, d) → ((b f), n, d), with `frames` f; frames attend to nothing else."""
        h = attn.heads
        attended = sparse_causal_frames(frames, hidden_states.device)
        q = _heads(attn, attn.to_q(hidden_states))

        def gather(x: Tensor) -> Tensor:
            # Each frame is projected once, then selected: it is used as key by two other frames.
            x = rearrange(x, "(b f) n (h d) -> b f h n d", f=frames, h=h)[:, attended]
            return rearrange(x, "b f two h n d -> (b f) h (two n) d")

        return _attend(attn, q, gather(attn.to_k(hidden_states)), gather(attn.to_v(hidden_states)))


def _heads(attn: Attention, x: Tensor) -> Tensor:
    return rearrange(x, "b n (h d) -> b h n d", h=attn.heads)


def _attend(attn: Attention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Queries (b, h, n, d), keys and values (b, h, t, d) → (b, n, h·d)"""
    out = attend(q, k, v)
    return attn.to_out[1](attn.to_out[0](rearrange(out, "b h n d -> b n (h d)")))


class VideoTransformerBlock(nn.Module):
    """An image UNet's transformer block, with temporal attention after the feed-forward.

    Temporal attention is between the frames at one position. It starts as the identity: weight and
    bias of its output projection are zero.
    """

    def __init__(self, block: BasicTransformerBlock, number: int = 0) -> None:
        super().__init__()
        self.norm1, self.attn1 = block.norm1, block.attn1
        self.norm2, self.attn2 = block.norm2, block.attn2
        self.norm3, self.ff = block.norm3, block.ff
        self.attn1.set_processor(SparseCausalAttention())  # type: ignore[arg-type]
        self.attn2.set_processor(PlainAttention(number))  # type: ignore[arg-type]

        dim, heads = block.attn1.query_dim, block.attn1.heads
        self.norm_temp = nn.LayerNorm(dim)
        self.attn_temp = Attention(query_dim=dim, heads=heads, dim_head=dim // heads)
        self.attn_temp.set_processor(PlainAttention())  # type: ignore[arg-type]
        for weight in self.attn_temp.to_out.parameters():
            nn.init.zeros_(weight)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None,
        encoder_hidden_states: Tensor | ProjectedCondition,
        *_: Any,
        **__: Any,
    ) -> Tensor:
        """Clips of frames ((b f), n, d), one condition a clip (b, t, c) → ((b f), n, d)"""
        f, n = len(hidden_states) // len(encoder_hidden_states), hidden_states.shape[1]
        x = hidden_states  #                                                   (b f) n d
        x = x + self.attn1(self.norm1(x), frames=f)  #                         (b f) n d
        x = rearrange(x, "(b f) n d -> b (f n) d", f=f)  # one condition a clip: b (f n) d
        x = x + self.attn2(self.norm2(x), encoder_hidden_states)  #            b (f n) d
        x = x + self.ff(self.norm3(x))  #                                      b (f n) d
        x = rearrange(x, "b (f n) d -> (b n) f d", f=f)  #                     (b n) f d
        x = x + self.attn_temp(self.norm_temp(x))  #                           (b n) f d
        return rearrange(x, "(b n) f d -> (b f) n d", n=n)  #                  (b f) n d


class ClipGroupNorm(nn.GroupNorm):
    """A group norm whose mean and variance are those of all frames of a clip."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__(norm.num_groups, norm.num_channels, eps=norm.eps, affine=norm.affine)

    def forward(self, images: Tensor, frames: int) -> Tensor:  # type: ignore[override]
        """((b f), c, h, w) → ((b f), c, h, w), with `frames` f"""
        x = rearrange(images, "(b f) c h w -> b c f h w", f=frames)
        return rearrange(super().forward(x), "b c f h w -> (b f) c h w")


class VideoResnetBlock(nn.Module):
    """An image UNet's residual block, its group norms pooling over the frames of a clip."""

    def __init__(self, block: ResnetBlock2D) -> None:
        super().__init__()
        self.norm1, self.conv1 = ClipGroupNorm(block.norm1), block.conv1
        self.time_emb_proj = block.time_emb_proj
        self.norm2, self.conv2 = ClipGroupNorm(block.norm2), block.conv2
        self.nonlinearity, self.dropout = block.nonlinearity, block.dropout
        self.conv_shortcut, self.scale = block.conv_shortcut, block.output_scale_factor

    def forward(self, images: Tensor, times: Tensor) -> Tensor:
        """Frames ((b f), c, h, w), embeddings of their times (b, f, d) → ((b f), c', h, w)"""
        f = times.shape[1]
        x = self.conv1(self.nonlinearity(self.norm1(images, f)))  #            (b f) c' h w
        time = self.time_emb_proj(self.nonlinearity(rearrange(times, "b f d -> (b f) d")))
        x = x + time[:, :, None, None]  #                                      (b f) c' h w
        x = self.conv2(self.dropout(self.nonlinearity(self.norm2(x, f))))  #   (b f) c' h w
        if self.conv_shortcut is not None:
            images = self.conv_shortcut(images.contiguous() if self.training else images)
        x = images + x
        return x if self.scale == 1 else x / self.scale


class VideoUNet(StrictWeights, ClipDenoiser, UNet2DConditionModel):  # type: ignore[misc]
    """A denoiser of clips, with the settings and weights of an image UNet plus `NEW_IN_VIDEO`.

    Made from an image UNet by :func:`inflate`. Convolutions, and the group norm at the entry of
    each transformer, stay per frame. A clip of equal frames with fresh temporal layers gives the
    image UNet's own output, and so does a clip of one frame.

    Notes
    -----
    A diffusers pipeline that loads this class looks for the name ``ModelMixin`` in this module.
    """

    # The image UNet's signature is the list of settings that diffusers saves and loads.
    @functools.wraps(UNet2DConditionModel.__init__)  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_image_unet(self.config)
        for block in (*self.down_blocks, self.mid_block, *self.up_blocks):
            block.resnets = nn.ModuleList(VideoResnetBlock(resnet) for resnet in block.resnets)
        numbers = itertools.count()
        for module in list(self.modules()):
            if isinstance(module, Transformer2DModel):
                module.transformer_blocks = nn.ModuleList(
                    VideoTransformerBlock(block, next(numbers))
                    for block in module.transformer_blocks
                )
        self.conv_norm_out = ClipGroupNorm(self.conv_norm_out)

    def project(self, condition: Tensor) -> ProjectedCondition:
        """Compute what the cross-attentions need of conditions ``(b, tokens, dim)``.

        The result takes the place of the conditions in :meth:`forward`, and the noise has the same
        bits. It is outdated once the weights change.
        """
        attentions = [
            module.attn2 for module in self.modules() if isinstance(module, VideoTransformerBlock)
        ]
        return ProjectedCondition(
            condition, [PlainAttention.project(attn, condition) for attn in attentions]
        )

    def forward(  # type: ignore[override]
        self,
        latents: Tensor,
        timesteps: Tensor | int,
        encoder_hidden_states: Tensor | ProjectedCondition,
    ) -> Tensor:
        """Predict the noise in clips.

        Parameters
        ----------
        latents
            Noisy latents ``(b, c, f, h, w)``.
        timesteps
            ``(b,)`` or one for all.
        encoder_hidden_states
            The condition of each clip ``(b, tokens, dim)``, or :meth:`project`'s of it.

        Returns
        -------
        Tensor ``(b, c, f, h, w)``

        Raises
        ------
        InputError
            If the shapes do not match each other or this UNet.
        """
        given_tokens = encoder_hidden_states
        if isinstance(given_tokens, ProjectedCondition):
            given_tokens = given_tokens.tokens
        self.check_shapes(latents, given_tokens)
        b, _, f, *_ = latents.shape
        x = rearrange(latents, "b c f h w -> (b f) c h w")
        times = torch.as_tensor(timesteps, device=latents.device).expand(b).repeat_interleave(f)
        times = self.time_embedding(self.get_time_embed(x, times))  #          (b f) d
        given = {
            "temb": rearrange(times, "(b f) d -> b f d", f=f),
            "encoder_hidden_states": encoder_hidden_states,
        }
        x = self.conv_in(x)  #                                                 (b f) c' h w
        skipped = (x,)
        for block in self.down_blocks:
            x, outputs = block(x, **given)
            skipped += outputs
        x = self.mid_block(x, **given)
        for block in self.up_blocks:
            n = len(block.resnets)  # type: ignore[arg-type]
            skipped, skips = skipped[:-n], skipped[-n:]
            # If a size was odd on the way down, halving and doubling would change it by one.
            size = skipped[-1].shape[2:] if skipped else None
            x = block(x, res_hidden_states_tuple=skips, upsample_size=size, **given)
        x = self.conv_out(self.conv_act(self.conv_norm_out(x, f)))  #          (b f) c h w
        return rearrange(x, "(b f) c h w -> b c f h w", f=f)

    def trainable_parameters(self, parts: Collection[Part] = PARTS) -> dict[str, nn.Parameter]:
        """The weights of these parts that video tuning and co-training change: :data:`TRAINED`.

        If the temporal part is not trained, a fresh temporal attention stays the identity, and the
        model is one of sparse causal attention only; on still images, it is the image UNet.
        """
        trained = {name for part in parts for name in TRAINED[part]}
        return {
            name: weight
            for name, weight in self.named_parameters()
            if set(name.split(".")) & trained
        }

    def activation_memory(self, images: int, height: int, width: int) -> int:
        """Estimated peak of a forward pass without gradients [B]."""
        return unet_memory(self, images, height, width)


def inflate(unet: UNet2DConditionModel) -> VideoUNet:
    """Convert an image UNet of Stable Diffusion 1.x or 2.x to a video UNet; weights are copied.

    Raises
    ------
    InputError
        If the UNet is of another kind.
    """
    check_image_unet(unet.config)
    settings = {name: value for name, value in unet.config.items() if not name.startswith("_")}
    video = VideoUNet(**settings)
    load_strictly(video, unet.state_dict(), new=NEW_IN_VIDEO)
    return video.to(device=unet.device).train(unet.training)
