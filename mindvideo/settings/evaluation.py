"""Settings of reconstruction, metrics, videos and figures."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from mindvideo.settings.base import Execution, Fraction, From, Name, PathText, Precision, Section


class Reconstruction(Section, section="reconstruction"):
    """Denoising under adversarial guidance (paper 3.4, B)."""

    scheduler: Literal["ddim", "dpm-solver++", "unipc"] = Field(
        "ddim", description="sampler (paper 4.2: ddim); the others need fewer steps"
    )
    steps: PositiveInt = Field(200, description="denoising steps (paper 4.2)")
    guidance: Annotated[float, Field(ge=1)] = Field(12.5, description="guidance scale (paper B)")
    negative: Literal["null-window", "zero", "none"] = Field(
        "null-window", description="negative condition; `none`: no guidance (Table 1, w/o AG)"
    )
    shared_noise: Fraction = Field(
        0.0,
        description="fraction of the initial noise's variance that all frames of a clip share "
        "(not in the paper: steadies clips)",
    )
    moving_noise: bool = Field(
        False,
        description="let the noise that frames share (`shared_noise`) move as the clip does, by "
        "what is decoded from fMRI (section `motion`; not in the paper: makes clips move)",
    )
    precision: Precision = Field(
        "fp32", description="numbers that the networks compute with; `fp32`: single precision"
    )
    batch_size: Execution[PositiveInt] = Field(4, description="clips reconstructed together")
    seed: int = Field(0, description="of the noise that denoising starts from")

    @model_validator(mode="after")
    def _something_moves(self) -> Self:
        if self.moving_noise and not self.shared_noise:
            raise ValueError(
                "moving_noise: true, but shared_noise is 0: only noise that frames share can move "
                "from one to the next; set shared_noise above 0, 1 say"
            )
        return self


class Motion(Section, section="motion"):
    """How a clip moves, decoded by ridge regression (not in the paper); for `moving_noise`."""

    stretch: bool = Field(
        True,
        description="stretch what is decoded until it spreads as motion in the training films "
        "does: regression alone underestimates motion",
    )


class _ClipSettings(Reconstruction):
    """What reconstructed clips and films are generated with."""

    stable_diffusion: Annotated[str, From("pretrained.stable_diffusion")]
    num_frames: Annotated[PositiveInt, From("num_frames")] = Field(description="frames of a clip")
    size: Annotated[PositiveInt, From("clips.size")] = Field(
        description="height and width of a frame [px]"
    )


class ReconstructionSettings(_ClipSettings):
    first: Annotated[int, From("first_clip")] = Field(
        0, ge=0, description="number of the first window's clip among all test clips: of its noise"
    )


class JoinSettings(Section):
    """Joining the segments' reconstructions: nothing to set."""


class Films(Section, section="films"):
    """Whole segments as one film (not in the paper); sampling is that of `reconstruction`."""

    fps: PositiveFloat | None = Field(
        None, description="frames per second of a film, any; none: that of the clips"
    )
    overlap: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.5, description="fraction of a clip that the next one overlaps; 0: no overlap"
    )


class FilmSettings(_ClipSettings):
    """Settings of a film; `shared_noise` is what all its frames have in common."""

    fps: Annotated[PositiveFloat, From("film_fps")] = Field(
        description="frames per second of the film"
    )
    overlap: Annotated[float, Field(ge=0, lt=1), From("films.overlap")] = 0.5
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(description="duration of a clip [s]")
    fit: Annotated[Literal["crop", "pad", "stretch"], From("clips.fit")] = Field(
        "crop", description="as that of the clips"
    )


class Statistics(Section):
    """Intervals and nulls of all measures."""

    permutations: PositiveInt = Field(
        5000, description="random circular shifts that make the null; all, where there are no more"
    )
    resamples: PositiveInt = Field(2000, description="bootstrap samples of an interval")
    block: PositiveInt = Field(
        5, description="neighbours that a bootstrap sample draws together [clips]"
    )
    seed: int = Field(0, description="of shifts and resamples")


class RetrievalSettings(Statistics, of="scoring"):
    """Finding a test clip's frame and caption among all by the encoder's embedding."""

    clip: Annotated[str, From("pretrained.clip")]


class Scoring(Statistics, section="scoring"):
    """Metrics beside their chance levels."""

    n_way: list[Annotated[int, Field(ge=2)]] = Field([2, 50], description="N (paper 4.3)")
    gt_classes: PositiveInt = Field(3, description="top classes that count as ground truth")
    trials: Annotated[int, Field(ge=0)] = Field(
        0,
        description="trials of the paper's Monte-Carlo, reported beside the exact expectation (the "
        "paper's: 100; 0: none)",
    )
    retrieval: list[PositiveInt] = Field([1, 10], description="k of top-k retrieval")
    leave_out_cuts: bool = Field(
        False, description="leave out of all scores the clips in which the film is cut"
    )
    attributes: dict[str, Literal["image", "video"]] = Field(
        {},
        description="column of the tables of shots: classifier that should recognise the "
        "stimulus's value in the reconstruction (needs dataset.shots)",
    )
    subset: str | None = Field(
        None,
        description="0/1 column of the tables of shots: identification and attributes are also "
        "reported over the clips that it marks (needs dataset.shots)",
    )


class ScoringSettings(Scoring):
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(description="duration of a clip [s]")
    image_classifier: Annotated[str | None, From("pretrained.image_classifier")] = Field(
        description="none: leave out what it says"
    )
    video_classifier: Annotated[str | None, From("pretrained.video_classifier")] = Field(
        description="none: leave out what it says"
    )
    clip: Annotated[str | None, From("pretrained.clip")] = Field(
        description="CLIP model (none: leave out what it says)"
    )


class Tables(Section):
    """The paper's Table 1, and the comparison with other methods."""

    variants: list[Name] = Field(
        [], description="variants that get a row beside those of the paper's Table 1"
    )
    methods: dict[str, PathText] = Field(
        {}, description="name: table of metrics that `mindvideo score-folder` made of a method"
    )
    permutations: PositiveInt = Field(5000, description="flips of signs of a paired test")
    seed: int = Field(0, description="of the tests' permutations")


class TableRow(Section):
    """A row of Table 1: the owner of its scores, or why there is none."""

    label: str
    owner: str | None = None
    full: bool = Field(False, description="whether it is a full model's")
    why: str = ""


class TableSettings(Tables, of="tables"):
    rows: Annotated[list[TableRow], From("table_rows")]
    dataset: Annotated[str, From("dataset.name")]
    block: Annotated[PositiveInt, From("scoring.block")]


class Videos(Section):
    """The mp4 files and their page."""

    variants: list[Name] = Field(
        [], description="variants whose clips stand on the page of their subject, too"
    )


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


class TrainingFigureSettings(Section):
    """Training curves, hidden patches rebuilt, retrieval."""

    batch_size: Annotated[PositiveInt, From("contrastive.batch_size")] = Field(
        description="of contrastive learning, for its chance"
    )


class FigureSettings(Section, section="figures"):
    """The strip of reconstructions, and the map of selected voxels."""

    every: PositiveInt = Field(10, description="the strip shows every n-th clip")
    worst: PositiveInt = Field(16, description="clips that the figure of worst cases shows")
    worst_by: str | None = Field(
        None, description="metric that says which are worst (the first of the table)"
    )
    courses: PositiveInt = Field(
        6, description="metrics, from the first, whose time courses are drawn"
    )


class ScoreFigureSettings(FigureSettings):
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(description="duration of a clip [s]")


class SurfaceSettings(Section):
    """Interactive maps on the cortical surface."""

    dataset: Annotated[str, From("dataset.name")] = Field(description="named in the page's title")


class PanelSettings(Section):
    """Rows of Table 1, drawn below the films."""

    rows: Annotated[list[TableRow], From("table_rows")]
    dataset: Annotated[str, From("dataset.name")]
    block: Annotated[PositiveInt, From("scoring.block")]
