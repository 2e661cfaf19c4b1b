"""Settings of what the encoder learned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mindvideo.settings.base import Execution, Fraction, From, PathText, Section


class _Batches(Section):
    batch_size: Execution[PositiveInt] = Field(16, description="windows computed together")


class AttentionSettings(_Batches, of="interpretation"):
    """What the encoder attends to."""

    layers: list[Literal["first", "middle", "last"]] = Field(
        ["first", "middle", "last"],
        min_length=1,
        description="blocks whose attention is mapped (paper 3.5)",
    )


class _AttributionMethod(_Batches):
    path_steps: PositiveInt = Field(
        32, description="points on the path of integrated gradients (not in the paper)"
    )


class AttributionSettings(_AttributionMethod, of="interpretation"):
    """What the embedding rests on."""

    clip: Annotated[str, From("pretrained.clip")]


class _OcclusionMethod(_Batches):
    occlude: list[Literal["network", "hierarchy", "area"]] = Field(
        ["network", "hierarchy"],
        description="groups that are occluded one by one (not in the paper)",
    )
    random_draws: PositiveInt = Field(
        5,
        description="sets of as many random voxels that each group is compared with "
        "(not in the paper)",
    )


class OcclusionSettings(_OcclusionMethod, of="interpretation"):
    """What identification of the clips loses without a group of voxels."""

    clip: Annotated[str, From("pretrained.clip")]
    seed: Annotated[int, From("scoring.seed")] = 0


class _Comparison(Section):
    smallest_area: PositiveInt = Field(
        3, description="voxels that an area must have to be compared with the truth"
    )


class Interpretation(
    _Comparison, _OcclusionMethod, _AttributionMethod, AttentionSettings, section="interpretation"
):
    """Attention (paper 3.5, 5.1); attribution, occlusion and the noise ceiling are additions."""

    truth: PathText | None = Field(
        None,
        description="table of what areas are known to carry (`area`, then one column a property): "
        "maps are compared with it",
    )
    others_below: Fraction = Field(
        0.01, description="networks with fewer of the voxels are one bar of the figure"
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


class InterpretationFigureSettings(Section, of="interpretation"):
    """The panel of maps and bars."""

    others_below: Fraction = 0.01
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(description="duration of a volume [s]")


class DemoTruthSettings(Section):
    """What the areas of the simulated brains carry, as a table."""

    attributes: list[str] = Field(
        ["kind", "family", "scene", "time", "colour", "motion"],
        description="attributes of the film's shots whose weights are written down",
    )
