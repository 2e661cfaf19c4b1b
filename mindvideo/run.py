"""One run: a row of the table of runs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PositiveInt

from mindvideo.settings.base import SEGMENT, Name, PathText, RepetitionTime, RunTiming, Section

DEFAULT = "default"
"""In settings by segment, the key that applies to all segments not named."""


def _is_segment(name: str) -> str:
    if name == DEFAULT:
        raise ValueError(
            f"`{DEFAULT}` applies to all segments that are not named: rename this segment"
        )
    return name


Segment = Annotated[str, Field(pattern=SEGMENT), AfterValidator(_is_segment)]
Split = Literal["train", "validation", "test"]
Evaluated = Literal["test", "validation"]
"""Splits whose segments can be reconstructed and scored."""
NAMES: dict[Split, str] = {"train": "training", "validation": "validation", "test": "test"}
"""The splits as messages name them."""


class Run(Section):
    """One repetition of a segment, of one subject: a row of the table of runs."""

    subject: Name = Field(description="name in the results")
    segment: Segment
    split: Split
    repetition: PositiveInt = Field(description="number of the repetition, from 1")
    path: PathText = Field(description="the BOLD file; empty: the windows are given")
    confounds: PathText | None = Field(None, description="fMRIPrep's table of confounds")
    mask: PathText | None = Field(None, description="brain mask on the grid of the run")
    film: PathText | None = Field(None, description="the segment's film")
    clips: PositiveInt | None = Field(None, description="clips of the segment")
    drop_start: int | None = Field(None, ge=0, description="volumes before the film")
    drop_end: int | None = Field(None, ge=0, description="volumes after the film")
    film_onset: float | None = Field(
        None, description="of the film after the start of the run [s], if drop_start is not given"
    )
    events: PathText | None = Field(
        None, description="BIDS table of events with the film's onset, if neither is given"
    )
    tr: RepetitionTime | None = Field(None, description="repetition time [s]")

    renamed: ClassVar = {"repeat": "repetition"}

    @property
    def timing(self) -> RunTiming:
        """When its film starts: `drop_start`, else `film_onset`, else the table of events."""
        onset = self.film_onset if self.drop_start is None and not self.events else None
        return RunTiming(drop_start=self.drop_start, drop_end=self.drop_end, onset=onset)
