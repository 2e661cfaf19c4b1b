"""What all settings have in common, and what follows from the recording."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    model_validator,
)

from mindvideo.errors import RenamedSetting
from mindvideo.paths import expand
from mindvideo.settings.sources import OFF, RELEASED, here, paper


class _ExecutionMark:
    """Marks a setting for :data:`Execution`."""


T = TypeVar("T")
Execution = Annotated[T, _ExecutionMark()]
"""A setting of how a result is computed (memory, speed, figures on the way), not of what it is,
except for rounding and for which random numbers are drawn. Changing it reruns nothing, and an
interrupted training continues from its checkpoint."""


@dataclass(frozen=True)
class From:
    """Where a setting of a stage comes from, if it is not the stage's own section.

    Parameters
    ----------
    place
        A place in the configuration (``dataset.tr``, ``pretrained.clip``, ``encoder.patch_size``,
        ``encoder``), or the name of a function of :mod:`mindvideo.facts` (``num_frames``).
    only
        Name of a section. If the stage reads another section, the setting has its default.
    """

    place: str
    only: str = ""


Fraction = Annotated[float, Field(ge=0, le=1)]
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
SEGMENT = r"^[A-Za-z0-9][A-Za-z0-9-]*$"
Name = Annotated[str, Field(pattern=NAME)]
PathText = Annotated[str, AfterValidator(expand)]
"""A path or a template of paths, with ``~`` and environment variables filled in. A model's name on
a hub has neither, and stays as it is."""


def _with_current_placeholders(template: str) -> str:
    """A template with `{repetition}` where it has `{repeat}`, as in the last version."""
    current = re.sub(r"\{repeat(?=[}:!])", "{repetition", template)
    if current != template:
        message = "the placeholder {repeat} is now called {repetition}"
        warnings.warn(message, RenamedSetting, stacklevel=2)
    return current


RunTemplate = Annotated[PathText, AfterValidator(_with_current_placeholders)]
"""A path template of runs; `{repeat}` is read as `{repetition}`."""

EXACT = here("exact; others are faster")

LONGEST_TR = 30
"""A larger number [s] is one of milliseconds."""


def _in_seconds(tr: float) -> float:
    if tr > LONGEST_TR:
        raise ValueError(f"a repetition time in seconds was needed: did you mean {tr / 1000:g} s?")
    return tr


RepetitionTime = Annotated[float, Field(gt=0), AfterValidator(_in_seconds)]


def _single_precision(value: Any) -> Any:
    """`fp32` was called `no` before, which YAML reads as false."""
    if value is False or value == "no":
        warnings.warn("precision: no is now called fp32", RenamedSetting, stacklevel=2)
        return "fp32"
    return value


Precision = Annotated[Literal["fp32", "bf16", "fp16", "auto"], BeforeValidator(_single_precision)]


SECTIONS: dict[str, type[Section]] = {}
"""By its name in the configuration: each section that a variant may change."""


class Section(BaseModel):
    """Base of all settings: immutable, and unknown keys are errors.

    A class that is declared with ``section="clips"`` is the section `clips` of the configuration.
    The settings that a stage gets are a class that is derived from it, or declared with
    ``of="clips"``. Each of their fields has the value of the section's field of the same name, or
    that of the place that :class:`From` names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    section_name: ClassVar[str] = ""
    """Name of the section that the values are taken from."""

    def __init_subclass__(cls, *, section: str = "", of: str = "", **config: Any) -> None:
        super().__init_subclass__(**config)
        cls.section_name = section or of or cls.section_name
        if section:
            SECTIONS[section] = cls

    renamed: ClassVar[Mapping[str, str]] = {}
    """Settings by the names that they had in the last version, which are read with a warning."""

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: Any) -> Any:
        return cls.with_current_names(values) if isinstance(values, dict) else values

    @classmethod
    def with_current_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        """`values` with the names that settings have now.

        Raises
        ------
        ValueError
            If a setting is given by both its old and its current name.
        """
        current = dict(values)
        for old, new in cls.renamed.items():
            if old in current and new in current:
                raise ValueError(f"{old} is now called {new}, and both are given: leave {old} out")
            if old in current:
                warnings.warn(
                    f"the setting {old} is now called {new}", RenamedSetting, stacklevel=2
                )
                current[new] = current.pop(old)
        return current

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
    fields: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        inner = field.annotation
        if any(isinstance(mark, _ExecutionMark) for mark in field.metadata):
            fields[name] = True
        elif isinstance(inner, type) and issubclass(inner, BaseModel) and execution_fields(inner):
            fields[name] = execution_fields(inner)
    return fields


class Networks(Section):
    """A section with networks that compute outputs."""

    precision: Annotated[Precision, EXACT] = Field(
        "fp32",
        description="number format of the networks: single precision (`fp32`), half (`bf16`; "
        "`fp16`, on GPUs only), or `bf16` where the GPU or processor has it, else `fp32` (`auto`)",
    )


class OnDevice(Section):
    """Settings of a stage with networks; what all stages have in common."""

    tf32: Annotated[Execution[bool], From("tf32")] = Field(
        True, description="let products on GPUs round single precision to TF32's 10 bits"
    )


class Timing(Section):
    """Volumes of a run that were recorded outside the film."""

    drop_start: int = Field(ge=0, description="volumes before the film")
    drop_end: int | None = Field(ge=0, description="volumes after the film; null: any number")


class RunTiming(Section):
    """When the film of one run starts, and how much was recorded after it.

    If there is neither `drop_start` nor `onset`, the run's table of events has the onset.
    """

    drop_start: NonNegativeInt | None = Field(None, description="volumes before the film")
    drop_end: NonNegativeInt | None = Field(
        None, description="volumes after the film; none: any number"
    )
    onset: float | None = Field(
        None, description="of the film after the start of the run [s], in place of `drop_start`"
    )

    def start(self, tr: float) -> float | None:
        """Start of the film after the start of the run [volumes]; None if a table has it."""
        if self.drop_start is not None:
            return float(self.drop_start)
        return None if self.onset is None else self.onset / tr


class Pretrained(Section):
    """Models that others trained: a hub name (`ORG/MODEL` or `ORG/MODEL@REVISION`, a branch, tag
    or commit), a folder, or `zoo:NAME` (shipped with mindvideo).
    """

    stable_diffusion: Annotated[PathText, paper("4.2")] = Field(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        description="image model that is inflated to video: a Stable Diffusion 1.x or 2.x",
    )
    motion_adapter: Annotated[PathText | None, OFF] = Field(
        None,
        description="motion modules for `video_model.kind: motion-adapter`, trained on videos for "
        "the same Stable Diffusion: `guoyww/animatediff-motion-adapter-v1-5-2`, say (AnimateDiff; "
        "Guo et al. 2024); not given: new ones, which start as the identity",
    )
    clip: Annotated[
        PathText, here("the text encoder of Stable Diffusion 1.5; the paper names no size")
    ] = Field(
        "hf-hub:timm/vit_large_patch14_clip_224.openai",
        description="model whose embedding space fMRI is aligned with: a CLIP of open_clip",
    )
    captioner: Annotated[PathText, here("the paper (3.3) names BLIP, but no size")] = Field(
        "Salesforce/blip-image-captioning-base",
        description="model that captions frames: a BLIP",
    )
    image_classifier: Annotated[PathText, RELEASED] = Field(
        "google/vit-base-patch16-224",
        description="model that scores frames: a ViT trained on ImageNet",
    )
    video_classifier: Annotated[PathText, RELEASED] = Field(
        "MCG-NJU/videomae-base-finetuned-kinetics",
        description="model that scores clips: a VideoMAE trained on Kinetics-400",
    )
