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

    stable_diffusion: str = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    clip: str = "hf-hub:timm/vit_large_patch14_clip_224.openai"
    captioner: str = "Salesforce/blip-image-captioning-base"
    image_classifier: str = "google/vit-base-patch16-224"
    video_classifier: str = "MCG-NJU/videomae-base-finetuned-kinetics"
