"""Masked brain modelling: predict hidden patches of a volume from the others (paper 3.3)."""

from __future__ import annotations

from typing import Self

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from einops import rearrange, repeat
from torch import Generator, Tensor, nn

from mindvideo.models.blocks import Block, PatchEmbed, count_patches, init_blocks
from mindvideo.models.positions import resize_positions, sincos_positions
from mindvideo.models.transfer import sent
from mindvideo.models.weights import StrictWeights, load_strictly


class MaskedAutoencoder(StrictWeights, ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A masked autoencoder over one-dimensional patches of voxels.

    The input of the encoder is the class token and the visible patches; that of the decoder is all
    patches, with mask tokens for the hidden ones (He et al. 2022; Chen et al. 2023 for fMRI).
    Parts are named as in the released weights; defaults are the paper's (Table B.1).

    Parameters
    ----------
    num_voxels
        Voxels in a volume, a multiple of `patch_size`.
    patch_size
        Voxels in a patch.
    embed_dim, depth, num_heads, mlp_ratio
        Size of the encoder.
    decoder_embed_dim, decoder_depth, decoder_num_heads
        Size of the decoder, whose MLPs have the same ratio.
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
        depth: int = 24,
        num_heads: int = 16,
        mlp_ratio: float = 1.0,
        decoder_embed_dim: int = 512,
        decoder_depth: int = 8,
        decoder_num_heads: int = 16,
        voxels: str | None = None,
    ) -> None:
        super().__init__()
        patches = count_patches(num_voxels, patch_size)
        self.gradient_checkpointing = False

        self.patch_embed = PatchEmbed(patch_size, embed_dim)
        self.cls_token = nn.Parameter(torch.randn(1, 1, embed_dim) * 0.02)
        self.pos_embed = nn.Parameter(sincos_positions(patches, embed_dim), requires_grad=False)
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dim)

        self.decoder_embed = nn.Linear(embed_dim, decoder_embed_dim)
        self.mask_token = nn.Parameter(torch.randn(1, 1, decoder_embed_dim) * 0.02)
        self.decoder_pos_embed = nn.Parameter(
            sincos_positions(patches, decoder_embed_dim), requires_grad=False
        )
        self.decoder_blocks = nn.ModuleList(
            Block(decoder_embed_dim, decoder_num_heads, mlp_ratio) for _ in range(decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(decoder_embed_dim)
        self.decoder_pred = nn.Linear(decoder_embed_dim, patch_size)
        init_blocks(self)

    def masked(
        self, volumes: Tensor, mask_ratio: float, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Hide a fraction of the patches of each volume at random, and call the network.

        Parameters
        ----------
        volumes
            ``(b, v)``
        mask_ratio
            Fraction of the patches that are hidden.
        generator
            Draws the mask, as :func:`draw_order` does.

        Returns
        -------
        As :meth:`forward`.
        """
        count = volumes.shape[1] // self.config["patch_size"]
        order, keep = draw_order(len(volumes), count, mask_ratio, generator, volumes.device)
        return self(volumes, sent(order, volumes.device), keep)

    def forward(self, volumes: Tensor, order: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
        """Predict hidden patches from the others, and compute the loss of the hidden ones.

        The mask is drawn by the caller (:func:`draw_order`), so that the network compiles to one
        graph.

        Parameters
        ----------
        volumes
            ``(b, v)``
        order
            ``(b, p)``, an order of the patches of each volume.
        keep
            Number of patches, the first of `order`, that are visible.

        Returns
        -------
        loss
            Mean squared error over the hidden patches; patches are not normalised.
        prediction
            ``(b, p, patch_size)``
        mask
            ``(b, p)``, 1 = hidden
        """
        patches = rearrange(volumes, "b (p s) -> b p s", s=self.config["patch_size"])  # b p s
        tokens = self.encode(volumes, order[:, :keep])  #                             b 1+k d
        prediction = self.decode(tokens, order)  #                                    b p s
        mask = (order.argsort(dim=1) >= keep).to(patches.dtype)  #                    b p
        error = (prediction - patches).square().mean(dim=2)  #                        b p
        return (error * mask).sum() / mask.sum(), prediction, mask

    def encode(self, volumes: Tensor, visible: Tensor) -> Tensor:
        """Tokens of the class and of the `visible` patches ``(b, k)``: ``(b, 1 + k, d)``."""
        x = self.patch_embed(volumes) + self.pos_embed[:, 1:]  #                      b p d
        x = x.gather(1, repeat(visible, "b k -> b k d", d=x.shape[2]))  #             b k d
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(x), -1, -1)  #    b 1 d
        x = torch.cat([first, x], dim=1)  #                                           b 1+k d
        return self.norm(self._run(self.blocks, x))  #                                b 1+k d

    def decode(self, tokens: Tensor, order: Tensor) -> Tensor:
        """Patches ``(b, p, s)`` from tokens of the class and of the first of `order` ``(b, p)``."""
        x = self.decoder_embed(tokens)  #                                             b 1+k d
        hidden = self.mask_token.expand(len(x), 1 + order.shape[1] - x.shape[1], -1)  # b p-k d
        places = repeat(order.argsort(dim=1), "b p -> b p d", d=x.shape[2])  #        b p d
        patches = torch.cat([x[:, 1:], hidden], dim=1).gather(1, places)  #           b p d
        x = torch.cat([x[:, :1], patches], dim=1) + self.decoder_pos_embed  #         b 1+p d
        x = self.decoder_norm(self._run(self.decoder_blocks, x))  #                   b 1+p d
        return self.decoder_pred(x[:, 1:])  #                                         b p s

    def resized(self, num_voxels: int, voxels: str | None = None) -> Self:
        """The same model for other voxels, its positions interpolated (nearest) to their count.

        Raises
        ------
        InputError
            If `num_voxels` is not a multiple of the patch size.
        """
        shape = {name: value for name, value in self.config.items() if not name.startswith("_")}
        other = type(self)(**{**shape, "num_voxels": num_voxels, "voxels": voxels})
        patches = count_patches(num_voxels, self.config["patch_size"])
        state = self.state_dict()
        for name in ("pos_embed", "decoder_pos_embed"):
            state[name] = resize_positions(state[name], patches)
        load_strictly(other, state, new=())
        return other.to(device=self.device).train(self.training)

    def _run(self, blocks: nn.ModuleList, x: Tensor) -> Tensor:
        for block in blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = self._gradient_checkpointing_func(block, x)
            else:
                x = block(x)
        return x


def draw_order(
    batch: int,
    count: int,
    mask_ratio: float,
    generator: Generator | None,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, int]:
    """A random order of the patches of each volume, and how many of the first are kept.

    Parameters
    ----------
    batch, count
        Number of volumes, and of patches of each.
    mask_ratio
        Fraction of the patches that are hidden.
    generator
        The order is drawn on its device: one on the CPU gives the same mask for every GPU.
    device
        Where it is drawn without a generator.

    Returns
    -------
    order
        ``(batch, count)``
    keep

    Raises
    ------
    ValueError
        If the ratio would hide none or all of the patches.
    """
    keep = int(count * (1 - mask_ratio))
    if not 0 < keep < count:
        raise ValueError(f"mask ratio {mask_ratio} leaves {keep} of {count} patches")
    place = generator.device if generator is not None else device
    return torch.rand(batch, count, generator=generator, device=place).argsort(dim=1), keep
