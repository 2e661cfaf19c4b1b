"""What a trained model that is handed on says about itself, beside its weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat

from mindvideo.settings.base import Section, Timing
from mindvideo.settings.evaluation import ReconstructionSettings
from mindvideo.settings.fmri import Clean, WindowSettings


class RecordingSettings(Section):
    """How the runs of a subject became windows."""

    tr: PositiveFloat = Field(description="repetition time [s]")
    clean: Clean
    timing: Timing | None = Field(
        None, description="volumes dropped from an evaluated run; none: segments differ"
    )
    windows: WindowSettings


class ModelSettings(Section):
    """Content of ``decoding.json`` in the folder of an exported model."""

    format: Literal[1] = Field(1, description="version of the folder's layout")
    reconstruction: ReconstructionSettings
    recording: RecordingSettings | None = None
