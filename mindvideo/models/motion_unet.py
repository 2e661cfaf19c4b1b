"""Motion modules on Stable Diffusion's image UNet: AnimateDiff, by diffusers' own classes.

Transformers between the frames at each position (motion modules; Guo et al., "AnimateDiff", 2024)
follow the residual blocks and attentions of the image UNet, which works frame by frame. They come
trained on videos, for Stable Diffusion 1.5 and its fine-tuned versions; or they are new, and start
as the identity.
"""

from __future__ import annotations

from collections.abc import Collection

from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (see VideoUNet)
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.unets.unet_motion_model import MotionAdapter, UNetMotionModel
from torch import Tensor, nn

from mindvideo.models.denoiser import PARTS, ClipDenoiser, Part
from mindvideo.models.image_unet import check_adapter, check_frames, check_image_unet
from mindvideo.models.memory import unet_memory
from mindvideo.models.weights import StrictWeights

MOTION, ATTENTIONS = "motion_modules", {"attn1", "attn2"}


class MotionUNet(StrictWeights, ClipDenoiser, UNetMotionModel):  # type: ignore[misc]
    """A denoiser of clips: an image UNet with motion modules. Made by :func:`add_motion`."""

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
            If the shapes do not match each other or this UNet, or there are more frames than the
            motion modules have places for.
        """
        self.check_shapes(latents, encoder_hidden_states)
        frames = latents.shape[2]
        check_frames(frames, self.config["motion_max_seq_length"])
        # diffusers' UNet is conditioned on tokens for each frame.
        tokens = encoder_hidden_states.repeat_interleave(frames, dim=0)  #      (b f) tokens d
        return UNetMotionModel.forward(self, latents, timesteps, tokens).sample

    def trainable_parameters(self, parts: Collection[Part] = PARTS) -> dict[str, nn.Parameter]:
        """The image UNet's attentions ("spatial"), and the motion modules ("temporal")."""

        def part_of(names: set[str]) -> Part | None:
            if MOTION in names:
                return "temporal"
            return "spatial" if ATTENTIONS & names else None

        named = self.named_parameters()
        return {name: weight for name, weight in named if part_of(set(name.split("."))) in parts}

    def activation_memory(self, images: int, height: int, width: int) -> int:
        """Estimated peak of a forward pass without gradients [B].

        That of the image UNet: a motion module is no larger than the transformer before it.
        """
        return unet_memory(self, images, height, width)


def add_motion(unet: UNet2DConditionModel, adapter: MotionAdapter | None = None) -> MotionUNet:
    """Put motion modules into an image UNet of Stable Diffusion; weights are copied.

    Parameters
    ----------
    unet
    adapter
        Trained motion modules. Without them, new ones are made, which change nothing until they
        are trained: the weights and biases of their output projections are zero.

    Raises
    ------
    InputError
        If the UNet is of another kind, or the adapter belongs to UNets of other sizes.
    """
    check_image_unet(unet.config)
    if adapter is not None:
        check_adapter(adapter.config, unet.config)
    video = MotionUNet.from_unet2d(unet, adapter)
    if adapter is None:
        for name, weight in video.named_parameters():
            if MOTION in name.split(".") and ".proj_out." in name:
                nn.init.zeros_(weight)
    return video.to(device=unet.device).train(unet.training)
