"""Settings of what the encoder learned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mindvideo.settings.base import (
    Execution,
    Fraction,
    From,
    Networks,
    OnDevice,
    PathText,
    Section,
)
from mindvideo.settings.fmri import By
from mindvideo.settings.sources import DATA, MEMORY, here, paper


class _Batches(Networks):
    batch_size: Annotated[Execution[PositiveInt], MEMORY] = Field(
        16, description="windows computed together"
    )


class _AttentionMethod(_Batches):
    layers: Annotated[list[Literal["first", "middle", "last"]], paper("3.5")] = Field(
        ["first", "middle", "last"],
        min_length=1,
        description="blocks whose attention is mapped",
    )


class AttentionSettings(_AttentionMethod, OnDevice, of="interpretation"):
    """What the encoder attends to."""


class _AttributionMethod(_Batches):
    path_steps: Annotated[PositiveInt, here("an addition")] = Field(
        32, description="points on the path of integrated gradients"
    )


class AttributionSettings(_AttributionMethod, OnDevice, of="interpretation"):
    """Which voxels determine the embedding."""

    clip: Annotated[str, From("pretrained.clip")]


class _OcclusionMethod(_Batches):
    occlude: Annotated[
        list[Literal["network", "hierarchy", "area"]], here("an addition; areas take long")
    ] = Field(["network", "hierarchy"], description="groups of voxels that are occluded in turn")
    random_draws: Annotated[PositiveInt, here("an addition")] = Field(
        5, description="sets of as many random voxels that each group is compared with"
    )


class OcclusionSettings(_OcclusionMethod, OnDevice, of="interpretation"):
    """How much identification of the clips drops without a group of voxels."""

    clip: Annotated[str, From("pretrained.clip")]
    seed: Annotated[int, From("scoring.seed")] = 0


class _Comparison(Section):
    smallest_area: Annotated[PositiveInt, here("means of fewer voxels are noise")] = Field(
        3, description="smallest number of voxels of an area that is compared with `truth`"
    )


class Interpretation(
    _Comparison,
    _OcclusionMethod,
    _AttributionMethod,
    _AttentionMethod,
    section="interpretation",
):
    """Attention (paper 3.5, 5.1); attribution, occlusion and the noise ceiling are additions."""

    truth: Annotated[PathText | None, DATA] = Field(
        None,
        description="table of what areas are known to represent (`area`, then one column for each "
        "property), with which maps are compared",
    )
    others_below: Annotated[Fraction, here("keeps the figure legible")] = Field(
        0.01, description="networks with a smaller fraction of the voxels share one bar"
    )


class InterpretationSettings(_Comparison, of="interpretation"):
    """Intervals are those of `scoring`."""

    resamples: Annotated[PositiveInt, From("scoring.resamples")] = Field(
        2000, description="bootstrap samples of an interval"
    )
    block: Annotated[PositiveInt, From("scoring.block")] = Field(
        5, description="neighbours that a bootstrap sample draws together [clips]"
    )
    seed: Annotated[int, From("scoring.seed")] = 0
    by: Annotated[By, From("selection.by")] = "repeats"


class InterpretationFigureSettings(Section, of="interpretation"):
    """The panel of maps and bars."""

    others_below: Fraction = 0.01
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(description="duration of a volume [s]")


class DemoTruthSettings(Section):
    """A table of what the areas of the simulated brains represent."""

    attributes: list[str] = Field(
        ["kind", "family", "scene", "time", "colour", "motion"],
        description="attributes of the film's shots whose weights are listed",
    )
