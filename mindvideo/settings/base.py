"""What all settings have in common, and what follows from the recording."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mindvideo.paths import expand


class _ExecutionMark:
    """Marks a setting for :data:`Execution`."""


T = TypeVar("T")
Execution = Annotated[T, _ExecutionMark()]
"""A setting of how a result is computed (memory, speed, what is drawn on the way), not of what it
is, up to rounding and to which random numbers are drawn. Changing it reruns nothing, and a training
that was interrupted goes on from its checkpoint."""

Share = Annotated[float, Field(ge=0, le=1)]
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
SEGMENT = r"^[A-Za-z0-9][A-Za-z0-9-]*$"
Name = Annotated[str, Field(pattern=NAME)]
PathText = Annotated[str, AfterValidator(expand)]
"""A path or a template of paths, with ``~`` and environment variables filled in. A model's name on
a hub has neither, and stays as it is."""

LONGEST_TR = 30
"""A larger number [s] is one of milliseconds."""


def _in_seconds(tr: float) -> float:
    if tr > LONGEST_TR:
        raise ValueError(f"a repetition time in seconds was needed: did you mean {tr / 1000:g} s?")
    return tr


RepetitionTime = Annotated[float, Field(gt=0), AfterValidator(_in_seconds)]


class Section(BaseModel):
    """Base of all settings: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def deciding(self) -> dict[str, Any]:
        """The settings that decide the result, as JSON has them: all but those of execution."""
        return self.model_dump(mode="json", exclude=execution_fields(type(self)))

    def deciding_json(self) -> str:
        """The same as JSON, in a fixed order."""
        return self.model_dump_json(exclude=execution_fields(type(self)))

    def execution_json(self) -> str:
        """JSON of the settings that only say how the result is computed."""
        return self.model_dump_json(include=execution_fields(type(self)))


@cache
def execution_fields(section: type[BaseModel]) -> dict[str, Any]:
    """Names of a section's settings of execution, as pydantic's `include` and `exclude` take them.

    Those of a section within it are a dict of their own; a section that is marked is one whole.
    """
    found: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        inner = field.annotation
        if any(isinstance(mark, _ExecutionMark) for mark in field.metadata):
            found[name] = True
        elif isinstance(inner, type) and issubclass(inner, BaseModel) and execution_fields(inner):
            found[name] = execution_fields(inner)
    return found


class Timing(Section):
    """How the recording of a segment lies against its film."""

    drop_start: int = Field(ge=0, description="volumes dropped at the start of a run")
    drop_end: int = Field(ge=0, description="volumes dropped at the end of a run")


class Pretrained(Section):
    """Models that others trained: a hub name, a folder, or `zoo:NAME` (shipped with mindvideo)."""

    stable_diffusion: PathText = Field(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        description="image model that is inflated to video: Stable Diffusion 1.x (paper 3.4)",
    )
    clip: PathText = Field(
        "hf-hub:timm/vit_large_patch14_clip_224.openai",
        description="space that fMRI is pulled into: a CLIP of open_clip (paper 3.3)",
    )
    captioner: PathText = Field(
        "Salesforce/blip-image-captioning-base",
        description="writes the captions of frames: a BLIP (paper 3.3)",
    )
    image_classifier: PathText = Field(
        "google/vit-base-patch16-224", description="judges frames: a ViT on ImageNet (paper 4.3)"
    )
    video_classifier: PathText = Field(
        "MCG-NJU/videomae-base-finetuned-kinetics",
        description="judges clips: a VideoMAE on Kinetics-400 (paper 4.3)",
    )
