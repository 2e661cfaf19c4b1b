"""Settings of the stages that read runs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from mindvideo.settings.base import Fraction, From, Section, Timing


class Regions(Section, section="regions"):
    """Which voxels are used: those of Glasser's areas, on volumes or grayordinates."""

    max_distance: PositiveFloat = Field(
        4.0, description="farthest a voxel may lie from the cortical surface [mm]"
    )
    grayordinates: Literal["cortex", "all"] = Field(
        "cortex", description="of CIFTI runs: the cortical ones, or those below the cortex too"
    )
    atlas: bool = Field(
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

    detrend_order: int = Field(4, ge=0, description="order of the polynomial drift (Wen 2018)")
    high_pass: Annotated[float, Field(gt=0), AfterValidator(_is_period)] | None = Field(
        None, description="instead of the polynomial: cosines of periods down to this [s]"
    )
    confounds: list[str] = Field(
        [],
        description="columns of dataset.confounds (fMRIPrep); patterns of them, which may find "
        "none in a run (`motion_outlier*`); or sets of them: motion6, motion12, motion24, wm_csf, "
        "wm_csf8, global_signal4, 36P, acompcor, acompcor50 (with fMRIPrep's cosines), aroma, "
        "non_steady_state, outliers",
    )
    smooth: PositiveFloat | None = Field(
        None, description="FWHM of a Gaussian, in the volume or along the cortex [mm]"
    )
    keep_test_repeats: bool = Field(
        False, description="keep each cleaned test run; else just their mean, all that is used"
    )


class CleanSettings(Clean):
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(
        description="[s]; a header that says otherwise is warned of"
    )
    timing: Annotated[Timing, From("timing")]
    n_volumes: Annotated[PositiveInt, From("n_clips")] = Field(
        description="volumes kept = clips of the segment"
    )
    average: Annotated[bool, From("only_mean")] = Field(
        False, description="write the repeats' mean only"
    )


class Selection(Section, section="selection"):
    """Voxels whose response repeats (paper 3.2)."""

    criterion: Literal["significance", "threshold", "best"] = Field(
        "significance",
        description="voxels kept: of those that a test over the training segments finds "
        "significant, a `fraction` (paper 3.2); or, with too few segments for a test, those of "
        "mean r >= `min_r` (threshold), or the `n_voxels` of highest mean r (best)",
    )
    min_r: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="of `criterion: threshold`: r between repeats, mean over segments"
    )
    n_voxels: PositiveInt | None = Field(None, description="of `criterion: best`")
    statistic: Literal["t", "wilcoxon"] = Field(
        "t", description="one-sample test of the segments' z: Student's t (paper 3.2), signed ranks"
    )
    tail: Literal["two-sided", "greater"] = Field(
        "greater", description="of the t-test: only a positive correlation is reproducible"
    )
    correction: Literal["bonferroni", "fdr_bh"] = Field(
        "bonferroni", description="for the voxels tested (paper 3.2)"
    )
    alpha: Fraction = Field(0.01, description="significance after correction (paper 3.2)")
    fraction: Fraction = Field(
        0.5, description="fraction of the significant voxels kept, those of highest t (paper 3.2)"
    )
    areas: list[str] = Field([], description="only in these Glasser areas; empty: all voxels")

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
        return self


class _Cut(Section):
    """How windows are cut."""

    size: PositiveInt = Field(
        2, description="volumes in a window, forward from its clip (paper 3.3, Table 1)"
    )
    lag: int | None = Field(
        None, ge=0, description="haemodynamic delay in volumes; without it, dataset.lag"
    )
    shuffle: bool = Field(False, description="control: windows shuffled against the clips")
    seed: int = Field(0, description="of the shuffling")


class Windows(_Cut, section="windows"):
    """Consecutive volumes that the encoder sees at once."""

    null: Literal["train-mean", "test-mean"] = Field(
        "train-mean", description="window of the negative condition; the paper's is test-mean"
    )


class WindowSettings(_Cut, of="windows"):
    lag: Annotated[int, Field(ge=0), From("lag")]
    patch_size: Annotated[PositiveInt, From("encoder.patch_size")]


class NullWindowSettings(Section):
    """Averaging windows: nothing to set."""


class Samples(Section, section="samples"):
    """Pre-training runs → samples of V1–V4."""

    seconds: PositiveFloat = Field(
        7.2, description="time averaged into one sample [s]; 10 volumes of the HCP (image paper)"
    )
    areas: list[str] = Field(["V1", "V2", "V3", "V4"], description="Glasser areas")
    centre: bool = Field(
        True,
        description="subtract each grayordinate's mean over the run, as the target runs' cleaning "
        "does; without, samples are mostly the scanner's image of the brain",
    )


class SampleSettings(Samples):
    tr: Annotated[PositiveFloat, From("pretraining_data.tr")]
    patch_size: Annotated[PositiveInt, From("encoder.patch_size")]
