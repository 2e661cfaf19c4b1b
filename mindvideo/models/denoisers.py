"""The denoisers of clips that there are: how each is made of an image UNet, and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.models.motion_unet import MotionUNet, add_motion
from mindvideo.models.video_unet import VideoUNet, inflate

Kind = Literal["inflated", "motion-adapter"]
CLASSES: dict[str, Any] = {kind.__name__: kind for kind in (VideoUNet, MotionUNet)}


def make_denoiser(kind: Kind, unet: Any, adapter: Any = None) -> ClipDenoiser:
    """A denoiser of clips, to be trained, from an image UNet.

    Parameters
    ----------
    kind
        ``inflated``: the paper's (:func:`~mindvideo.models.video_unet.inflate`);
        ``motion-adapter``: AnimateDiff's (:func:`~mindvideo.models.motion_unet.add_motion`).
    unet : diffusers.UNet2DConditionModel
    adapter : diffusers.MotionAdapter, optional

    Raises
    ------
    InputError
        If the UNet, or the adapter, cannot be used.
    """
    return inflate(unet) if kind == "inflated" else add_motion(unet, adapter)


def load_denoiser(folder: Path, class_name: str | None) -> ClipDenoiser:
    """Load a folder that ``save_pretrained`` of a denoiser of this class has written.

    Raises
    ------
    InputError
        If it contains another model, or its weights do not match its configuration.
    """
    return CLASSES.get(class_name or "", VideoUNet).from_pretrained(folder)
