"""Settings of reconstruction, metrics, videos and figures."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mindvideo.run import Evaluated
from mindvideo.settings.base import (
    Execution,
    From,
    Name,
    Networks,
    OnDevice,
    PathText,
    Section,
)
from mindvideo.settings.fmri import By
from mindvideo.settings.sources import DATA, MEMORY, OFF, RELEASED, SEED, here, paper
from mindvideo.settings.training import SPEED, ClipNoise, MaybeStill

NULL = here("p down to 0.0002")


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"scheduler": "ddim", "steps": 200, "precision": "fp32"},
    "fast": {"scheduler": "dpm-solver++", "steps": 10, "precision": "auto"},
}
"""Values of `reconstruction.preset`: settings in whose place a name may be given."""


class Reconstruction(Networks, ClipNoise, section="reconstruction"):
    """Denoising under adversarial guidance (paper 3.4, B)."""

    preset: Annotated[Literal["paper", "fast"] | None, OFF] = Field(
        None,
        exclude=True,
        description="name for several settings: `paper` (`scheduler: ddim, steps: 200, precision: "
        "fp32`) or `fast` (`scheduler: dpm-solver++, steps: 10, precision: auto`); those that are "
        "given beside it override it",
    )
    method: Annotated[Literal["diffusion", "nearest"], paper("3.4")] = Field(
        "diffusion",
        description="how a clip is computed: generated, or copied from the training clip that is "
        "nearest to the CLIP embedding which the stage `ridge` decodes (a baseline, for which the "
        "other settings have no meaning)",
    )
    scheduler: Annotated[Literal["ddim", "dpm-solver++", "unipc"], paper("4.2")] = Field(
        "ddim", description="sampler; the others need fewer steps"
    )
    steps: Annotated[PositiveInt, paper("4.2")] = Field(200, description="denoising steps")
    guidance: Annotated[float, Field(ge=1), paper("B")] = Field(12.5, description="guidance scale")
    negative: Annotated[
        Literal["null-window", "zero", "mean-tokens", "empty-caption", "none"], paper("3.4")
    ] = Field(
        "null-window",
        description="negative condition: the null window (`windows.null_window`); a window of "
        "zeros, which is nearly the same; the mean of the tokens of all training windows; the text "
        "tokens of the empty caption; or none, without guidance (Table 1, w/o AG)",
    )
    condition: Annotated[Literal["fmri", "mean-tokens"], OFF] = Field(
        "fmri",
        description="condition of a clip: the tokens of its window; or, as a baseline without "
        "fMRI, the mean of the tokens of all training windows for every clip",
    )
    batch_size: Annotated[Execution[PositiveInt], MEMORY] = Field(
        4, description="clips reconstructed together"
    )
    compile: Annotated[Execution[bool], SPEED] = Field(
        False,
        description="compile the UNet (torch.compile): some minutes at the first batch, faster "
        "steps later; for many clips on a GPU",
    )
    seed: Annotated[int, SEED] = Field(0, description="of the noise that denoising starts from")

    @classmethod
    def with_current_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        """`values` with the settings that a preset stands for, where it is one, in its place.

        A variant's preset thus overrides the full model's settings, and settings that are computed
        alike are equal, however they were given.
        """
        current = super().with_current_names(values)
        if not isinstance(name := current.get("preset"), str) or name not in PRESETS:
            return current  # what is no preset is reported as a wrong value
        return PRESETS[name] | {key: v for key, v in current.items() if key != "preset"}

    @property
    def guided(self) -> bool:
        """Whether there is guidance: it has no direction between two equal conditions."""
        return self.guidance != 1 and self.negative not in ("none", self.condition)


class Motion(Section, section="motion"):
    """Motion of a clip, decoded by ridge regression (not in the paper); for `moving_noise`."""

    stretch: Annotated[bool, here("ridge regression underestimates motion")] = Field(
        True,
        description="rescale decoded motion to the variance of motion in the training films",
    )


class ClipSettings(Reconstruction, MaybeStill, OnDevice):
    """What reconstructed clips and films are generated with."""

    stable_diffusion: Annotated[str, From("pretrained.stable_diffusion")]
    num_frames: Annotated[PositiveInt, From("num_frames")] = Field(description="frames of a clip")
    size: Annotated[PositiveInt, From("clips.size")] = Field(
        description="height and width of a frame [px]"
    )


class ReconstructionSettings(ClipSettings):
    first: Annotated[int, From("first_clip")] = Field(
        0,
        ge=0,
        description="number of the first window's clip among all evaluated clips: of its noise",
    )


class NearestSettings(Section):
    """Copying the nearest training clip: nothing to set."""


class JoinSettings(Section):
    """Joining the segments' reconstructions: nothing to set."""


class Films(Section, section="films"):
    """Whole segments as one film (not in the paper); sampling is that of `reconstruction`."""

    fps: Annotated[PositiveFloat | None, here("the rate of the clips")] = Field(
        None, description="frames per second of a film; not given: as the clips"
    )
    overlap: Annotated[float, Field(ge=0, lt=1), here("smooth joins at twice the time")] = Field(
        0.5, description="fraction of a clip that the next one overlaps; 0: no overlap"
    )


class FilmSettings(ClipSettings):
    """Settings of a film; `shared_noise` is what all its frames have in common."""

    fps: Annotated[PositiveFloat, From("film_fps")] = Field(
        description="frames per second of the film"
    )
    overlap: Annotated[float, Field(ge=0, lt=1), From("films.overlap")] = 0.5
    seconds: Annotated[PositiveFloat, From("clip_seconds")] = Field(
        description="duration of a clip [s]"
    )
    start: Annotated[NonNegativeFloat, From("film_start")] = Field(
        0.0, description="where the segment starts in its film [s]"
    )
    fit: Annotated[Literal["crop", "pad", "stretch"], From("clips.fit")] = Field(
        "crop", description="as that of the clips"
    )

    @model_validator(mode="after")
    def _an_image_model_makes_no_film(self) -> Self:
        if self.still:
            raise ValueError(
                "video_model.still: true: a model of images cannot generate films; its clips are "
                "in reconstruction/"
            )
        return self


class Statistics(Section):
    """Intervals and nulls of all measures."""

    permutations: Annotated[PositiveInt, NULL] = Field(
        5000,
        description="random circular shifts for the null distribution; if there are fewer, each "
        "is used once",
    )
    resamples: Annotated[PositiveInt, here("a usual number")] = Field(
        2000, description="bootstrap samples of an interval"
    )
    block: Annotated[PositiveInt, here("10 s at a TR of 2 s: neighbours are similar")] = Field(
        5, description="neighbouring clips that a bootstrap sample draws together"
    )
    seed: Annotated[int, SEED] = Field(0, description="of shifts and resamples")


class RetrievalSettings(Networks, Statistics, OnDevice, of="scoring"):
    """Finding an evaluated clip's frame and caption among all by the encoder's embedding."""

    clip: Annotated[str, From("pretrained.clip")]
    evaluate: Annotated[Execution[Evaluated], From("evaluate")] = Field(
        "test", description="split that is scored, named in the log"
    )


class Scoring(Networks, Statistics, section="scoring"):
    """Metrics and their chance levels."""

    n_way: Annotated[list[Annotated[int, Field(ge=2)]], paper("Table 1")] = Field(
        [2, 50], description="N of N-way classification"
    )
    gt_classes: Annotated[PositiveInt, RELEASED] = Field(
        3, description="most probable classes of the stimulus that count as correct"
    )
    trials: Annotated[int, Field(ge=0), here("the exact expectation needs none")] = Field(
        0,
        description="random trials, reported in addition to the exact expectation; the paper "
        "(4.3) uses 100",
    )
    retrieval: Annotated[list[PositiveInt], here("an addition")] = Field(
        [1, 10], description="k of top-k retrieval"
    )
    leave_out_cuts: Annotated[bool, paper("4.3")] = Field(
        False, description="exclude clips that contain a cut from all scores"
    )
    attributes: Annotated[dict[str, Literal["image", "video"]], DATA] = Field(
        {},
        description="column of the tables of shots: classifier that should recognise the "
        "stimulus's value in the reconstruction (needs dataset.shots)",
    )
    subset: Annotated[str | None, DATA] = Field(
        None,
        description="0/1 column of the tables of shots: identification and attributes are also "
        "reported for the clips that it marks (needs dataset.shots)",
    )


class ScoringSettings(Scoring, OnDevice):
    evaluate: Annotated[Execution[Evaluated], From("evaluate")] = Field(
        "test", description="split that is scored, named in the log"
    )
    seconds: Annotated[PositiveFloat, From("clip_seconds")] = Field(
        description="duration of a clip [s]"
    )
    film_start: Annotated[dict[str, float], From("film_starts")] = Field(
        {}, description="where evaluated segments start in their films [s]"
    )
    image_classifier: Annotated[str | None, From("pretrained.image_classifier")] = Field(
        description="none: omit its metrics"
    )
    video_classifier: Annotated[str | None, From("pretrained.video_classifier")] = Field(
        description="none: omit its metrics"
    )
    clip: Annotated[str | None, From("pretrained.clip")] = Field(
        description="CLIP model; none: omit its metrics"
    )


class Tables(Section):
    """The paper's Table 1, and the comparison with other methods."""

    variants: Annotated[list[Name], here("the rows of the paper only")] = Field(
        [], description="variants that get a row in addition to those of the paper's Table 1"
    )
    baselines: Annotated[list[Name], here("none is part of the paper")] = Field(
        [],
        description="variants that are baselines: rows of Table 1, and of the comparison with "
        "published methods",
    )
    methods: Annotated[dict[str, PathText], DATA] = Field(
        {}, description="name: a method's table of metrics, from `mindvideo score-folder`"
    )
    permutations: Annotated[PositiveInt, NULL] = Field(
        5000, description="random sign flips of a paired test"
    )
    seed: Annotated[int, SEED] = Field(0, description="of the sign flips")


class TableRow(Section):
    """A row of Table 1: the owner of its scores, or why there is none."""

    label: str
    owner: str | None = None
    replicates: list[str] = Field([], description="owners of the same trained under other seeds")
    full: bool = Field(False, description="whether it is a full model's")
    baseline: bool = Field(False, description="whether it is a baseline's")
    why: str = ""


class TableSettings(Tables, of="tables"):
    rows: Annotated[list[TableRow], From("table_rows")]
    dataset: Annotated[str, From("scored_data")]
    evaluate: Annotated[Evaluated, From("evaluate")] = "test"
    block: Annotated[PositiveInt, From("scoring.block")]


class Videos(Section):
    """The mp4 files and their page."""

    variants: Annotated[list[Name], OFF] = Field(
        [], description="variants whose clips are also shown on the page of their subject"
    )
    note: Annotated[str, OFF] = Field("", description="remark at the top of the page")


class VideoSettings(Videos, of="videos"):
    fps: Annotated[PositiveFloat, From("clips.fps")]
    title: Annotated[str, From("page_title")]
    dataset: Annotated[str, From("dataset.name")] = ""
    models: Annotated[Execution[list[str]], From("models")] = Field(
        [], description="all models: the page links to those that exist; a new one reruns nothing"
    )
    control: Annotated[Execution[str], From("control")] = Field(
        "", description="variant whose windows are shuffled against the clips"
    )
    results: Annotated[Execution[str], From("results")] = Field(
        "results", description="folder of results, for commands on the page"
    )


class DrawingSettings(Section):
    """Drawing the clips of video tuning: nothing to set."""


class TrainingFigureSettings(Section):
    """Training curves, hidden patches rebuilt, retrieval."""

    batch_size: Annotated[PositiveInt, From("contrastive.batch_size")] = Field(
        description="of contrastive learning, for its chance"
    )
    evaluate: Annotated[Evaluated, From("evaluate")] = "test"


class FigureSettings(Section, section="figures"):
    """The strip of reconstructions, and the map of selected voxels."""

    every: Annotated[PositiveInt, here("fits a page")] = Field(
        10, description="the strip shows every n-th clip"
    )
    worst: Annotated[PositiveInt, here("fits a page")] = Field(
        16, description="number of clips in the figure of the worst reconstructions"
    )
    worst_by: Annotated[str | None, here("the first metric")] = Field(
        None, description="metric that ranks them; not given: the first of the table"
    )
    courses: Annotated[PositiveInt, here("fits a page")] = Field(
        6, description="number of metrics, from the first, whose time courses are shown"
    )


class StripSettings(FigureSettings):
    fps: Annotated[PositiveFloat, From("clips.fps")]


class BrainFigureSettings(Section):
    """Flat maps of the recorded brain."""

    by: Annotated[By, From("selection.by")] = "repeats"


class ScoreFigureSettings(FigureSettings):
    seconds: Annotated[PositiveFloat, From("clip_seconds")] = Field(
        description="duration of a clip [s]"
    )


class SurfaceSettings(Section):
    """Interactive maps on the cortical surface."""

    dataset: Annotated[str, From("dataset.name")] = Field(description="named in the page's title")
    by: Annotated[By, From("selection.by")] = "repeats"


class PanelSettings(Section):
    """Rows of Table 1, drawn below the films."""

    rows: Annotated[list[TableRow], From("table_rows")]
    dataset: Annotated[str, From("dataset.name")]
    evaluate: Annotated[Evaluated, From("evaluate")] = "test"
    block: Annotated[PositiveInt, From("scoring.block")]
