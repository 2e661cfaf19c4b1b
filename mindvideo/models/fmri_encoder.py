"""The fMRI encoder: a window of volumes → tokens in the shape of Stable Diffusion's text."""

from __future__ import annotations

from typing import Literal, cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from einops import rearrange
from torch import Tensor, nn

from mindvideo.errors import InputError
from mindvideo.models.blocks import Block, PatchEmbed, count_patches, init_blocks
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.positions import resize_positions, sincos_positions
from mindvideo.models.weights import StrictWeights, load_strictly
from mindvideo.models.window_encoder import WindowEncoder

NEW_IN_ENCODER = ("norm_temp", "attn_temp", "proj_head", "embedding", "logit_scale")
"""Parts that masked brain modelling does not train."""

LEFT_IN_AUTOENCODER = (
    "mask_token",
    "decoder_embed",
    "decoder_pos_embed",
    "decoder_blocks",
    "decoder_norm",
    "decoder_pred",
)
"""Parts of the autoencoder that the encoder lacks."""


class ProjectionHead(nn.Module):
    """Tokens of a window → `out_channel` tokens of width `out_dim`."""

    def __init__(
        self,
        in_channel: int,
        out_channel: int,
        embed_dim: int,
        out_dim: int,
        dropout: float,
        use_norm: bool,
    ) -> None:
        super().__init__()
        self.channel_mapper = nn.Linear(in_channel, out_channel, bias=False)
        self.projection = nn.Linear(embed_dim, out_dim, bias=False)
        self.fc = nn.Linear(out_dim, out_dim)
        self.dropout = nn.Dropout(dropout)
        self.layer_norm = nn.LayerNorm(out_dim) if use_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(b, n, d) → (b, out_channel, out_dim)"""
        x = self.channel_mapper(rearrange(x, "b n d -> b d n"))  #             b d c
        projected = self.projection(rearrange(x, "b d c -> b c d"))  #         b c o
        x = self.dropout(self.fc(F.gelu(projected)))  #                        b c o
        return self.layer_norm(x + projected)  #                               b c o


class FmriEncoder(StrictWeights, WindowEncoder, ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A transformer over the patches of a window of volumes (paper 3.3, 4.2).

    Spatial attention within each volume, temporal attention within each patch; no class token.
    Parts and settings are named as in the released weights; defaults are the paper's.

    Parameters
    ----------
    num_voxels
        Voxels in a volume, a multiple of `patch_size`.
    patch_size
        Voxels in a patch.
    embed_dim, depth, num_heads, mlp_ratio
        Size of the transformer.
    in_chans
        Values in a voxel: 1.
    out_channel, out_dim
        Number and width of the tokens: those of the text that conditions Stable Diffusion.
    use_norm
        Whether the head ends in a layer norm.
    dropout
        Probability of dropout in the head.
    window_size
        Volumes in a window.
    use_temp_attn
        Whether blocks have temporal attention.
    logit_scale_init_value
        Logarithm of the scale of Eq. 3 at the start; ln(1/0.07), as CLIP's.
    project_embedding
        What a linear map to the embedding of a window is applied to: the mean token (``mean``) or
        all of them (``tokens``); at first it gives the mean token. With ``none``, as in the
        released weights, the mean token is the embedding: it cannot be CLIP's embedding and the
        mean of Stable Diffusion's text tokens at once.
    voxels
        Digest of the table of voxels that the windows were cut from, if known.
    """

    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(
        self,
        *,
        num_voxels: int,
        patch_size: int = 16,
        embed_dim: int = 1024,
        in_chans: int = 1,
        depth: int = 24,
        num_heads: int = 16,
        mlp_ratio: float = 1.0,
        out_channel: int = 77,
        out_dim: int = 768,
        use_norm: bool = False,
        dropout: float = 0.0,
        window_size: int = 2,
        use_temp_attn: bool = True,
        logit_scale_init_value: float = 2.6592,
        project_embedding: Literal["none", "mean", "tokens"] = "none",
        voxels: str | None = None,
    ) -> None:
        super().__init__()
        patches = count_patches(num_voxels, patch_size)
        self.gradient_checkpointing = False

        self.patch_embed = PatchEmbed(patch_size, embed_dim, in_chans)
        # Unused here; it has its place in the released weights and in masked brain modelling.
        self.cls_token = nn.Parameter(torch.randn(1, 1, embed_dim) * 0.02, requires_grad=False)
        self.pos_embed = nn.Parameter(sincos_positions(patches, embed_dim), requires_grad=False)
        self.blocks = nn.ModuleList(
            Block(embed_dim, num_heads, mlp_ratio, use_temp_attn=use_temp_attn)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim)
        self.proj_head = ProjectionHead(
            window_size * patches, out_channel, embed_dim, out_dim, dropout, use_norm
        )
        self.logit_scale = nn.Parameter(torch.tensor(float(logit_scale_init_value)))
        init_blocks(self)
        # Last, so that all other weights start from the same random numbers with and without it.
        pooled = {"none": 0, "mean": 1, "tokens": out_channel}[project_embedding]
        self.embedding = _mean_of(pooled, out_dim) if pooled else nn.Identity()

    def forward(self, fmri: Tensor) -> Tensor:
        """Encode windows.

        Parameters
        ----------
        fmri
            ``(b, w, v)``

        Returns
        -------
        Tensor ``(b, out_channel, out_dim)``

        Raises
        ------
        InputError
            If windows do not have the size of the encoder's input.
        """
        window = self.check_windows(fmri)
        x = self._embed(fmri)  #                                               (b w) p d
        for block in self.blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = self._gradient_checkpointing_func(block, x, window)
            else:
                x = block(x, window)  #                                        (b w) p d
        x = rearrange(self.norm(x), "(b w) p d -> b (w p) d", w=window)  #     b (w p) d
        return self.proj_head(x)  #                                            b c o

    def pool(self, tokens: Tensor) -> Tensor:
        """(b, c, o) → (b, o): the embedding of a window in the contrastive loss."""
        if self.config["project_embedding"] == "tokens":
            return self.embedding(rearrange(tokens, "b c o -> b (c o)"))
        return self.embedding(tokens.mean(dim=1))

    def embedding_of(self, fmri: Tensor) -> Tensor:
        return self.pool(self(fmri))

    def freeze_embedding(self) -> None:
        self.logit_scale.requires_grad_(False)
        self.embedding.requires_grad_(False)

    def set_dropout(self, p: float) -> None:
        self.proj_head.dropout.p = p

    def load_mbm(self, autoencoder: MaskedAutoencoder) -> None:
        """Copy the weights of masked brain modelling; in place.

        All but :data:`NEW_IN_ENCODER` must be present. Positions are interpolated (nearest) if the
        numbers of patches differ.

        Raises
        ------
        InputError
            If the two differ in shape.
        """
        for name in ("patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio"):
            value, pretrained = self.config[name], autoencoder.config[name]
            if value != pretrained:
                raise InputError(
                    f"the fMRI encoder has {name} {value}, but the autoencoder of masked brain "
                    f"modelling has {pretrained}: train both with the same `encoder` settings"
                )
        state = {
            name: weight
            for name, weight in autoencoder.state_dict().items()
            if name.split(".")[0] not in LEFT_IN_AUTOENCODER
        }
        state["pos_embed"] = resize_positions(state["pos_embed"], self.pos_embed.shape[1] - 1)
        load_strictly(self, state, new=NEW_IN_ENCODER)

    @torch.no_grad()
    def attention_maps(self, fmri: Tensor, layers: list[int]) -> Tensor:
        """Spatial attention of some layers, for drawing (paper 3.5).

        Parameters
        ----------
        fmri
            ``(b, w, v)``
        layers
            Numbers of the blocks; negative numbers count from the last.

        Returns
        -------
        Tensor ``(len(layers), b, w, h, p, p)``
            Rows (queries) sum to 1.
        """
        window = self.check_windows(fmri)
        numbers = [range(len(self.blocks))[layer] for layer in layers]
        maps: dict[int, Tensor] = {}
        x = self._embed(fmri)
        for i, block in enumerate(cast("list[Block]", self.blocks)):
            if i in numbers:
                weights = block.attn.weights(block.norm1(x))
                maps[i] = rearrange(weights, "(b w) h q k -> b w h q k", w=window)
            x = block(x, window)
        return torch.stack([maps[i] for i in numbers])

    def _embed(self, fmri: Tensor) -> Tensor:
        return self.patch_embed(rearrange(fmri, "b w v -> (b w) v")) + self.pos_embed[:, 1:]


def _mean_of(n: int, width: int) -> nn.Linear:
    """A linear map of n vectors of this width, one after the other, that starts as their mean."""
    linear = nn.Linear(n * width, width)
    with torch.no_grad():
        linear.weight.copy_(torch.eye(width).repeat(1, n) / n)
        linear.bias.zero_()
    return linear
