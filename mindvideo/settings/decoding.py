"""What a trained model that is handed on says about itself, beside its weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat

from mindvideo.settings.base import RunTiming, Section
from mindvideo.settings.evaluation import ReconstructionSettings
from mindvideo.settings.fmri import Clean, WindowSettings


class RecordingSettings(Section):
    """How the runs of a subject became windows."""

    tr: PositiveFloat = Field(description="repetition time [s]")
    clean: Clean
    timing: RunTiming | None = Field(
        None, description="volumes outside the film in an evaluated run; none: runs differ"
    )
    lag: NonNegativeInt = Field(0, description="haemodynamic delay [volumes]")
    windows: WindowSettings


class ModelSettings(Section):
    """Content of ``decoding.json`` in the folder of an exported model."""

    format: Literal[2] = Field(2, description="version of the folder's layout")
    reconstruction: ReconstructionSettings
    recording: RecordingSettings | None = None
