"""Interface of denoisers of clips: what pipeline and training runs use of them.

The paper decouples its two modules, so that another generator can take the place of its inflated
UNet. Pipeline, films, tuning, co-training and the memory check use only what is declared here.
Which of them there are is known in one place, :mod:`mindvideo.models.denoisers`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, get_args

from torch import Tensor, nn

from mindvideo.errors import InputError

Part = Literal["spatial", "temporal"]
"""Parts that training runs can change: attentions within a frame, and what combines frames."""
PARTS: tuple[Part, ...] = get_args(Part)


class ClipDenoiser(nn.Module):
    """A network that predicts noise (or velocities) in the latents of clips under a condition.

    A subclass is also a diffusers model (``ModelMixin`` and ``ConfigMixin``), whose
    ``save_pretrained`` writes its folder.
    """

    config: Any
    """Settings that it was built with."""
    dtype: Any
    """Precision of its weights, and of its inputs."""
    save_pretrained: Any
    """Writes configuration and weights into a folder."""

    @property
    def latent_channels(self) -> int:
        """Number of channels of the latents, c; by default what diffusers' UNets call so."""
        return self.config["in_channels"]

    @property
    def condition_width(self) -> int:
        """Width of the tokens of a condition, d; by default what diffusers' UNets call so."""
        return self.config["cross_attention_dim"]

    def project(self, condition: Tensor) -> Any:
        """What a denoiser needs of conditions ``(b, tokens, d)`` in every step, computed once.

        The result takes the place of the condition in :meth:`forward`. By default it is the
        condition itself.
        """
        return condition

    def forward(self, latents: Tensor, timesteps: Tensor | int, condition: Any) -> Tensor:
        """Noise in clips ``(b, c, f, h, w)`` at times ``(b,)``, of the shape of the clips.

        There is one condition a clip, ``(b, tokens, d)``, or :meth:`project`'s of them. A subclass
        raises an ``InputError`` if shapes do not match.
        """
        raise NotImplementedError

    def trainable_parameters(self, parts: Collection[Part] = PARTS) -> dict[str, nn.Parameter]:
        """Weights of these parts that video tuning and co-training change, by name."""
        raise NotImplementedError

    def freeze_all_but(self, parts: Collection[Part] = PARTS) -> None:
        """Enable gradients only for the :meth:`trainable_parameters` of these parts; in place."""
        self.requires_grad_(False)
        for weight in self.trainable_parameters(parts).values():
            weight.requires_grad_(True)

    def check_shapes(self, latents: Tensor, condition: Tensor) -> None:
        """Raise an error if latents and tokens do not match each other, or this denoiser.

        Raises
        ------
        InputError
        """
        channels, width = self.latent_channels, self.condition_width
        if latents.ndim != 5 or latents.shape[1] != channels:
            raise InputError(
                f"latents of shape {tuple(latents.shape)}; "
                f"the video UNet needs (clips, {channels} channels, frames, height, width)"
            )
        if condition.ndim != 3 or len(condition) != len(latents) or condition.shape[2] != width:
            raise InputError(
                f"a condition of shape {tuple(condition.shape)} for {len(latents)} clips; the "
                f"video UNet needs one per clip, (clips, tokens, {width}): encoder and UNet must "
                "belong to the same Stable Diffusion"
            )

    def activation_memory(self, images: int, height: int, width: int) -> int:
        """Estimated peak of a forward pass without gradients [B].

        Parameters
        ----------
        images
            Number of frames of all clips, counting both guidance passes.
        height, width
            Size of the latents.
        """
        raise NotImplementedError
