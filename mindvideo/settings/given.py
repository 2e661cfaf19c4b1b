"""Settings of the stages that import arrays which others have prepared."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from mindvideo.clip_times import End
from mindvideo.settings.base import From, Section
from mindvideo.settings.sources import OFF, here

ClipsOfSplits = dict[str, dict[str, PositiveInt]]
"""Number of clips of each segment, by split."""


class GivenWindows(Section, section="given_windows"):
    """Arrays of volumes or windows (`given.windows`) → windows."""

    padding: Annotated[Literal["zeros", "wrap"], here("as windows that are made here")] = Field(
        "zeros",
        description="how voxels are filled up to whole patches: with zeros; or, as the released "
        "loader does, with the first voxels again, by a whole patch if the voxels fill their "
        "patches already (wrap)",
    )
    standardize: Annotated[bool, OFF] = Field(
        False,
        description="subtract the mean of the whole array of training segments, and divide by its "
        "standard deviation, as the released loader of training data does",
    )


class GivenWindowSettings(GivenWindows):
    size: Annotated[PositiveInt, From("windows.size")] = Field(description="volumes in a window")
    lag: Annotated[int, Field(ge=0), From("lag")]
    end: Annotated[End, From("windows.end")]
    shuffle: Annotated[bool, From("windows.shuffle")]
    seed: Annotated[int, From("windows.seed")]
    patch_size: Annotated[PositiveInt, From("encoder.patch_size")]
    splits: Annotated[ClipsOfSplits, From("clips_of_splits")]


class _OfSegment(Section):
    """Importing the part of one segment: nothing to set."""

    num_frames: Annotated[PositiveInt, From("num_frames")] = Field(description="frames of a clip")
    splits: Annotated[ClipsOfSplits, From("clips_of_splits")]

    def clips_of(self, segment: str) -> dict[str, int]:
        """The number of clips of each segment in the split of `segment`."""
        return next(clips for clips in self.splits.values() if segment in clips)


class GivenClipSettings(_OfSegment):
    """Importing clips: nothing to set."""

    size: Annotated[int, From("clips.size")] = Field(description="height and width of a frame [px]")


class GivenCaptionSettings(_OfSegment):
    """Importing captions: nothing to set."""
