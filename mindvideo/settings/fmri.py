"""Settings of the stages that read runs."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from mindvideo.clip_times import ClipTimes, End, Interpolation
from mindvideo.nuisance import Censor, resolve
from mindvideo.run_files import Form
from mindvideo.settings.base import Fraction, From, PathText, RunTiming, Section
from mindvideo.settings.nuisance import Confound, WordlessConfounds
from mindvideo.settings.sources import DATA, IMAGE_PAPER, OFF, SEED, WEN, here, paper
from mindvideo.templates import check_template


class Regions(Section, section="regions"):
    """Which voxels are used: those of Glasser's areas, on volumes or grayordinates."""

    max_distance: Annotated[PositiveFloat, here("covers the cortical ribbon")] = Field(
        4.0, description="largest distance of a voxel from the cortical surface [mm]"
    )
    grayordinates: Annotated[Literal["cortex", "all"], here("the paper decodes cortex")] = Field(
        "cortex", description="of CIFTI runs: cortical grayordinates only, or subcortical ones too"
    )
    atlas: Annotated[bool, DATA] = Field(
        True,
        description="volumes are in MNI152 space; false: in native space, all voxels of "
        "dataset.mask are used, and none has an area",
    )
    labels: Annotated[PathText | None, DATA] = Field(
        None,
        description="areas in place of the atlas's, on the grid of the runs; not for volumes: path "
        "of a .dlabel.nii file, of a pair of .label.gii files with {hemi}, or, of parcels and "
        "arrays, of a table with the columns area and network. May contain {subject}",
    )


class RegionSettings(Regions):
    space: Annotated[Form, From("dataset.space")] = Field(description="what the runs are")
    key: Annotated[str, From("first_key")] = Field(
        "", description="name of the first run's array in its archive; empty: not in an archive"
    )


SHORTEST_PERIOD = 1.0
"""A smaller number [s] is a frequency [Hz]: no scanner could follow so fast a drift."""


def _is_period(high_pass: float) -> float:
    if high_pass < SHORTEST_PERIOD:
        raise ValueError(
            "the shortest period that stays out, in seconds, was needed; this looks like a "
            f"frequency in Hz, as nilearn's. Did you mean a period of {1 / high_pass:g} s?"
        )
    return high_pass


class Clean(Section, section="clean"):
    """Trim each run, regress out drift and confounds in one step, z-score it."""

    detrend_order: Annotated[int, WEN] = Field(
        4, ge=0, description="order of the polynomial drift that is regressed out"
    )
    high_pass: Annotated[
        Annotated[float, Field(gt=0), AfterValidator(_is_period)] | None,
        here("the polynomial is used"),
    ] = Field(
        None,
        description="instead of the polynomial: cosines with periods of at least this are "
        "regressed out [s]",
    )
    confounds: Annotated[list[Confound], DATA] = Field(
        [],
        description="what is regressed out, from dataset.confounds (fMRIPrep): columns; patterns, "
        "which may match none in a run (`motion_outlier*`); strategies by name, such as motion24 "
        "(below); or the paths of own strategies (`nuisance/mine.yaml`)",
    )
    censor: Censor = Censor()
    censored: Annotated[Literal["interpolate", "mask"], here("windows have no gaps")] = Field(
        "interpolate",
        description="what a censored volume becomes: interpolated between its neighbours in time "
        "by cubic splines, or masked: zero, which is the mean, and left out of the mean over "
        "repetitions",
    )
    smooth: Annotated[PositiveFloat | None, here("fine patterns carry information")] = Field(
        None, description="FWHM of a Gaussian kernel, in the volume or along the cortex [mm]"
    )
    interpolation: Annotated[Interpolation, here("changes no value")] = Field(
        "nearest",
        description="for runs whose film does not start with a volume: the film is moved to the "
        "nearest volume, or values at the film's own times are computed (linear, cubic)",
    )
    keep_test_repetitions: Annotated[bool, here("saves disk")] = Field(
        False,
        description="keep each cleaned run of validation and test segments; otherwise only the "
        "repetitions' mean, which is what later stages use",
    )

    renamed: ClassVar = {"keep_test_repeats": "keep_test_repetitions"}

    @property
    def censoring(self) -> list[tuple[str, Censor]]:
        """What censors volumes, with its name in messages."""
        strategies = [resolve(entry) for entry in self.confounds]
        named = [("clean.censor", self.censor), *((s.name, s.censor) for s in strategies)]
        return [(name, censor) for name, censor in named if censor.on]

    @property
    def reads_confounds(self) -> bool:
        """Whether cleaning needs tables of confounds."""
        return bool(self.confounds or self.censoring)


class CleanSettings(Clean):
    confounds: WordlessConfounds = Field(default_factory=list)
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(
        description="repetition time [s]; a header with another gives a warning"
    )
    timing: Annotated[list[RunTiming], From("run_timing")] = Field(description="of each run")
    event: Annotated[dict[str, str], From("event")] = Field(
        {}, description="row of the tables of events whose onset is the film's, as column: value"
    )
    lag: Annotated[NonNegativeInt, From("lag")] = Field(
        0, description="haemodynamic delay [volumes], by which the volumes kept are later"
    )
    n_volumes: Annotated[PositiveInt, From("n_volumes")] = Field(
        description="volumes kept: those of the segment's clips"
    )
    n_volumes_of_film: Annotated[PositiveInt | None, From("n_volumes_of_film")] = Field(
        None, description="volumes during the film, to check the length of runs"
    )
    keys: Annotated[list[str], From("keys")] = Field(
        [], description="names of the runs' arrays in their archives; none: not in archives"
    )
    average: Annotated[bool, From("only_mean")] = Field(
        False, description="write the repetitions' mean only"
    )


By = Literal["repeats", "areas", "subjects", "encoding"]
"""By what voxels are selected."""


class Selection(Section, section="selection"):
    """Voxels that respond to the films, by default those whose response repeats (paper 3.2)."""

    by: Annotated[By, WEN] = Field(
        "repeats",
        description="by what voxels are selected: correlation between repetitions of a film "
        "(repeats); or, for films that were shown once, all voxels of some areas (areas), "
        "correlation with the other subjects who saw the film (subjects), or prediction of the "
        "response from the film by ridge regression (encoding)",
    )
    criterion: Annotated[Literal["significance", "threshold", "best"], paper("3.2")] = Field(
        "significance",
        description="which voxels are kept: a `fraction` of those that are significant in a test "
        "over the training segments; or, with too few segments for a test, those with mean r >= "
        "`min_r` (threshold), or the `n_voxels` with the highest mean r (best)",
    )
    min_r: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, here("not used")] = Field(
        None,
        description="for `criterion: threshold`: r between repetitions, averaged over segments; "
        "with another `by`, r between subjects or of predictions",
    )
    n_voxels: Annotated[PositiveInt | None, here("not used")] = Field(
        None, description="for `criterion: best`: number of voxels"
    )
    statistic: Annotated[Literal["t", "wilcoxon"], paper("3.2")] = Field(
        "t", description="one-sample test of the segments' z: Student's t, or signed ranks"
    )
    tail: Annotated[
        Literal["two-sided", "greater"], here("only a positive correlation is reproducible")
    ] = Field("greater", description="alternative hypothesis of the test")
    correction: Annotated[Literal["bonferroni", "fdr_bh"], paper("3.2")] = Field(
        "bonferroni", description="correction for the number of voxels"
    )
    alpha: Annotated[Fraction, paper("3.2")] = Field(
        0.01, description="significance level after correction"
    )
    fraction: Annotated[Fraction, paper("3.2")] = Field(
        0.5, description="fraction of the significant voxels that is kept, those of highest t"
    )
    areas: Annotated[list[str], paper("3.2")] = Field(
        [], description="restrict to these Glasser areas; empty: no restriction"
    )
    networks: Annotated[list[str], OFF] = Field(
        [],
        description="restrict to these of Yeo's 17 networks, such as VisCent, VisPeri; with "
        "`areas`, to voxels of both",
    )
    mask: Annotated[PathText | None, OFF] = Field(
        None,
        description="restrict to this mask on the grid of the runs: path template with {subject}",
    )
    min_tsnr: Annotated[PositiveFloat | None, OFF] = Field(
        None,
        description="restrict to voxels of at least this temporal SNR, averaged over the training "
        "segments",
    )
    delays: Annotated[
        list[Annotated[int, Field(ge=0)]], here("with a TR of 2 s, most of the response")
    ] = Field(
        [0, 1, 2],
        min_length=1,
        description="for `by: encoding`: how long after a clip the response follows, on top of "
        "`dataset.lag` [clips]",
    )
    components: Annotated[PositiveInt, here("far fewer than clips")] = Field(
        100,
        description="for `by: encoding`: principal components of each kind of features, motion "
        "energy and CLIP's embeddings",
    )

    renamed: ClassVar = {"share": "fraction"}

    @model_validator(mode="after")
    def _criterion_has_its_number(self) -> Self:
        for name, criterion in (("min_r", "threshold"), ("n_voxels", "best")):
            value = getattr(self, name)
            if self.criterion == criterion and value is None:
                raise ValueError(f"criterion: {criterion} needs {name}: give it")
            if self.criterion != criterion and value is not None:
                raise ValueError(
                    f"{name}: {value} counts with criterion: {criterion} only, and criterion is "
                    f"{self.criterion}: set that, or {name}: null"
                )
        if self.by == "areas" and self.criterion != "significance":
            raise ValueError(
                f"by: areas selects all voxels, without a criterion, and criterion is "
                f"{self.criterion}: leave it out, or set by: repeats, subjects or encoding"
            )
        if self.by == "encoding" and self.statistic == "wilcoxon":
            raise ValueError(
                "by: encoding needs statistic: t, which can be corrected for predictions that are "
                "fitted on the same segments; signed ranks can't"
            )
        if self.mask:
            check_template("mask", self.mask, {"subject"})
        return self


class SelectionSettings(Selection):
    """What else the stage needs, if voxels are selected by other subjects or by the film."""

    others: Annotated[dict[str, list[str]], From("other_subjects")] = Field(
        {}, description="other subjects, and the segments that they saw, too"
    )
    times: Annotated[dict[str, Any], From("encoding_times")] = Field(
        {}, description="how clips and volumes are aligned, to predict responses from the film"
    )
    fps: Annotated[float, From("encoding_fps")] = Field(
        0, ge=0, description="frames per second of the clips"
    )


class _Cut(Section):
    """How windows are cut."""

    size: Annotated[PositiveInt, paper("Table 1")] = Field(
        2, description="volumes in a window, forward from its clip"
    )
    interpolation: Annotated[Interpolation, here("changes no value")] = Field(
        "nearest",
        description="for clips that do not start with a volume: the window begins with the nearest "
        "volume, or has values at the clip's own times (linear, cubic)",
    )
    end: Annotated[End, here("no volume is used twice")] = Field(
        "recorded",
        description="windows that extend beyond the film: they have the volumes recorded after it, "
        "and clips for which there are too few are left out; or the last volume again, as in the "
        "released code (repeat)",
    )
    shuffle: Annotated[bool, OFF] = Field(
        False, description="control: shuffle the windows against the clips"
    )
    seed: Annotated[int, SEED] = Field(0, description="of the shuffling")


class Windows(_Cut, section="windows"):
    """Consecutive volumes that the encoder receives together."""

    lag: Annotated[int | None, DATA] = Field(
        None, ge=0, description="haemodynamic delay [volumes]; not given: dataset.lag"
    )
    null_window: Annotated[Literal["train-mean", "test-mean"], here("reads no test data")] = Field(
        "train-mean",
        description="window of the negative condition; the paper (3.4) averages the test set: "
        "test-mean (with `evaluate: validation`, the validation set)",
    )

    renamed: ClassVar = {"null": "null_window"}


class WindowSettings(_Cut, of="windows"):
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(description="repetition time [s]")
    seconds: Annotated[PositiveFloat, From("clip_seconds")] = Field(
        description="duration of a clip [s]"
    )
    n_clips: Annotated[dict[str, PositiveInt], From("n_clips_of_segments")] = Field(
        {}, description="clips of each segment; of those not named, all that were recorded"
    )
    patch_size: Annotated[PositiveInt, From("encoder.patch_size")]

    @property
    def times(self) -> ClipTimes:
        return ClipTimes(self.tr, self.seconds, self.size, self.interpolation, self.end)


class NullWindowSettings(Section):
    """Averaging windows: nothing to set."""


class _Averaged(Section):
    """How the volumes of a pre-training run become samples."""

    seconds: Annotated[PositiveFloat, IMAGE_PAPER] = Field(
        7.2, description="time that is averaged into one sample [s]: 10 volumes of the HCP"
    )
    areas: Annotated[list[str], paper("3.3")] = Field(
        ["V1", "V2", "V3", "V4"], description="Glasser areas"
    )
    centre: Annotated[bool, here("otherwise samples mostly show the mean image")] = Field(
        True,
        description="subtract each grayordinate's mean over the run, as cleaning does for the "
        "target runs",
    )
    detrend_order: Annotated[
        Annotated[int, Field(ge=1)] | None, here("the image paper removes no drift")
    ] = Field(
        None,
        description="order of the polynomial drift that is regressed out of each grayordinate of a "
        "run, before averaging; not given: none",
    )
    standardize: Annotated[Literal["run", "voxel"], IMAGE_PAPER] = Field(
        "run",
        description="divide a run's samples by one SD, so that differences between grayordinates "
        "remain (run), or each grayordinate by its own, as cleaning does for the target runs "
        "(voxel)",
    )


class Samples(_Averaged, section="samples"):
    """Pre-training runs → samples of V1–V4."""

    most: Annotated[PositiveInt | None, paper("4.1")] = Field(
        600_000,
        description="if there are more samples, this many are used: drawn at random, of each "
        "subject in proportion to its samples, with `pretraining.seed`; null: all",
    )


class SampleSettings(_Averaged, of="samples"):
    tr: Annotated[PositiveFloat, From("pretraining_data.tr")]
    patch_size: Annotated[PositiveInt, From("encoder.patch_size")]
