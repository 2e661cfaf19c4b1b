"""Which weights of a denoiser of clips a training run changes."""

from __future__ import annotations

from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.models.low_rank import LowRankUpdates
from mindvideo.settings.training import Denoiser


def choose_trained(
    denoiser: ClipDenoiser, settings: Denoiser, *, still: bool
) -> LowRankUpdates | None:
    """Enable gradients for the parts that the settings name, and only for these; in place.

    Parameters
    ----------
    denoiser
    settings
        `unet_parts`, and `lora_rank`.
    still
        Of one image: its temporal part is not trained.

    Returns
    -------
    The low-rank updates that are trained instead of the weights, to be merged after the training,
    if the settings want any.
    """
    parts = [part for part in settings.unet_parts if not (still and part == "temporal")]
    denoiser.freeze_all_but(parts)
    return LowRankUpdates(denoiser, settings.lora_rank) if settings.lora_rank else None
