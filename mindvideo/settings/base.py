"""What all settings have in common, and what follows from the recording."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Section(BaseModel):
    """Base of all settings: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Timing(Section):
    """How the recording of a segment lies against its film."""

    drop_start: int = Field(ge=0, description="volumes dropped at the start of a run")
    drop_end: int = Field(ge=0, description="volumes dropped at the end of a run")


class Pretrained(Section):
    """Models that others trained: a hub name, a folder, or `zoo:NAME` (shipped with mindvideo)."""

    stable_diffusion: str = Field(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        description="image model that is inflated to video: Stable Diffusion 1.x (paper 3.4)",
    )
    clip: str = Field(
        "hf-hub:timm/vit_large_patch14_clip_224.openai",
        description="space that fMRI is pulled into: a CLIP of open_clip (paper 3.3)",
    )
    captioner: str = Field(
        "Salesforce/blip-image-captioning-base",
        description="writes the captions of frames: a BLIP (paper 3.3)",
    )
    image_classifier: str = Field(
        "google/vit-base-patch16-224", description="judges frames: a ViT on ImageNet (paper 4.3)"
    )
    video_classifier: str = Field(
        "MCG-NJU/videomae-base-finetuned-kinetics",
        description="judges clips: a VideoMAE on Kinetics-400 (paper 4.3)",
    )
