"""Settings of the stages that read runs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from mindvideo.settings.base import Fraction, From, PathText, Section, Timing
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


class RegionSettings(Regions):
    space: Annotated[Literal["volume", "cifti"], From("dataset.space")] = Field(
        description="what the runs are"
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
    confounds: Annotated[list[str], DATA] = Field(
        [],
        description="columns of dataset.confounds (fMRIPrep) that are regressed out; patterns, "
        "which may match none in a run (`motion_outlier*`); or sets: motion6, motion12, motion24, "
        "wm_csf, wm_csf8, global_signal4, 36P, acompcor, acompcor50 (with fMRIPrep's cosines), "
        "aroma, non_steady_state, outliers",
    )
    smooth: Annotated[PositiveFloat | None, here("fine patterns carry information")] = Field(
        None, description="FWHM of a Gaussian kernel, in the volume or along the cortex [mm]"
    )
    keep_test_repetitions: Annotated[bool, here("saves disk")] = Field(
        False,
        description="keep each cleaned run of validation and test segments; otherwise only the "
        "repetitions' mean, which is what later stages use",
    )

    renamed: ClassVar = {"keep_test_repeats": "keep_test_repetitions"}


class CleanSettings(Clean):
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(
        description="repetition time [s]; a header with another gives a warning"
    )
    timing: Annotated[Timing, From("timing")]
    n_volumes: Annotated[PositiveInt, From("n_clips")] = Field(
        description="volumes kept = clips of the segment"
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


class LivingSettings(Section):
    """Finding voxels with a signal: nothing to set."""


class SelectionSettings(Selection):
    """What else the stage needs, if voxels are selected by other subjects or by the film."""

    others: Annotated[dict[str, list[str]], From("other_subjects")] = Field(
        {}, description="other subjects, and the segments that they saw, too"
    )
    lag: Annotated[int, From("encoding_lag")] = Field(
        0, ge=0, description="volumes between a clip and its response"
    )
    fps: Annotated[float, From("encoding_fps")] = Field(
        0, ge=0, description="frames per second of the clips"
    )


class _Cut(Section):
    """How windows are cut."""

    size: Annotated[PositiveInt, paper("Table 1")] = Field(
        2, description="volumes in a window, forward from its clip"
    )
    lag: Annotated[int | None, DATA] = Field(
        None, ge=0, description="haemodynamic delay [volumes]; not given: dataset.lag"
    )
    shuffle: Annotated[bool, OFF] = Field(
        False, description="control: shuffle the windows against the clips"
    )
    seed: Annotated[int, SEED] = Field(0, description="of the shuffling")


class Windows(_Cut, section="windows"):
    """Consecutive volumes that the encoder receives together."""

    null_window: Annotated[Literal["train-mean", "test-mean"], here("reads no test data")] = Field(
        "train-mean",
        description="window of the negative condition; the paper (3.4) averages the test set: "
        "test-mean (with `evaluate: validation`, the validation set)",
    )

    renamed: ClassVar = {"null": "null_window"}


class WindowSettings(_Cut, of="windows"):
    lag: Annotated[int, Field(ge=0), From("lag")]
    patch_size: Annotated[PositiveInt, From("encoder.patch_size")]


class NullWindowSettings(Section):
    """Averaging windows: nothing to set."""


class Samples(Section, section="samples"):
    """Pre-training runs → samples of V1–V4."""

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


class SampleSettings(Samples):
    tr: Annotated[PositiveFloat, From("pretraining_data.tr")]
    patch_size: Annotated[PositiveInt, From("encoder.patch_size")]
