"""The configuration file: every stage's section, the data set, the variants; read and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PositiveInt,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import InitErrorDetails

from mindvideo.alignment import clip_seconds, n_recorded
from mindvideo.artefacts import load_sections
from mindvideo.dataset import Dataset
from mindvideo.descriptions import read_dataset, read_pretraining, read_yaml, refuse_description
from mindvideo.errors import InputError
from mindvideo.expectations import unkept
from mindvideo.given import check_given
from mindvideo.nuisance import names_of
from mindvideo.pretraining_data import Pretraining
from mindvideo.replicates import Replicate, replicates_by_name, replicates_of
from mindvideo.run import Evaluated, Split
from mindvideo.settings.base import Execution, Name, PathText, Pretrained, Section
from mindvideo.settings.demo import Demo
from mindvideo.settings.evaluation import Tables, Videos
from mindvideo.settings.sources import DATA, OFF, here
from mindvideo.settings.training import check_still
from mindvideo.stimuli.rates import frames_per_clip, whole_rate
from mindvideo.templates import check_template
from mindvideo.validation import explain, placed, problems_of, section_of

if TYPE_CHECKING:

    class Stages(Section):
        """The sections that a variant may change."""

        def __getattr__(self, name: str) -> Any: ...

else:
    Stages = create_model(
        "Stages",
        __base__=Section,
        __doc__="The sections that a variant may change.",
        **{name: (section, section()) for name, section in load_sections().items()},
    )


def _or_path(schema: dict[str, Any]) -> None:
    """Let editors accept a path instead of a description, or a description with `like`."""
    others = [{"type": "string"}, {"type": "object", "required": ["like"]}]
    for name in ("dataset", "pretraining_data"):
        schema["properties"][name] = {"anyOf": [schema["properties"][name], *others]}


def _folder(path: str) -> str:
    """A folder as Snakemake compares it: without ./ and a trailing /, and not a template."""
    check_template("results", path, set())
    return os.path.normpath(path)


class Config(Stages):
    """The configuration file."""

    model_config = ConfigDict(json_schema_extra=_or_path)

    results: Annotated[PathText, AfterValidator(_folder), here("a name")] = Field(
        "results", description="folder of all results"
    )
    dataset: Dataset = Field(
        description="the data set, or the path of its description, as in config/datasets/"
    )
    evaluate: Annotated[Evaluated, here("results are reported for test segments")] = Field(
        "test",
        description="segments that are reconstructed and scored: `test`, or `validation` to choose "
        "settings; the test segments are then not read",
    )
    pretraining_data: Annotated[Pretraining | None, DATA] = Field(
        None,
        description="runs of other people to pre-train the encoder on, or the path of their "
        "description, as config/datasets/hcp1200.yaml; without them, masked brain modelling starts "
        "from random weights, on the subject's own training windows (`mbm_tuning`), or from a "
        "model that others pre-trained (`given.pretraining`)",
    )
    pretrained: Pretrained = Pretrained()
    given: Annotated[dict[str, PathText | dict[Split, PathText]], OFF] = Field(
        {},
        description="artefact: its path, in place of the stages that make it. The path is that of "
        "the artefact's folder, or of its network; of windows, clips and captions, it can also be "
        "an array for each split, such as `{ test: windows_{subject}.npy }`. Paths may contain "
        "{subject}, the name in the data set's paths, or {name}, the name in the results; paths of "
        "arrays also {segment}",
    )
    tf32: Annotated[Execution[bool], here("usual; several times as fast")] = Field(
        True,
        description="let products on GPUs round single precision to TF32's 10 bits, in all stages "
        "with networks. Not among what decides results: it changes them by rounding, on GPUs only, "
        "as another GPU does. For full single precision: false, and `precision: fp32`",
    )
    videos: Videos = Videos()
    tables: Tables = Tables()
    demo: Demo = Demo()
    variants: Annotated[dict[Name, dict[str, dict[str, Any]]], OFF] = Field(
        {}, description="name: the sections in which an ablation or control differs"
    )
    replicates: Annotated[PositiveInt, here("one training, as in the paper")] = Field(
        1,
        description="trainings of each row of the tables, under different seeds: means and tests "
        "of the tables are then over trained models; costs this many times the training",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _variants_are_valid(cls, values: Any, check: ModelWrapValidatorHandler[Config]) -> Config:
        """Report problems of variants together with all others, each under its variant's name."""
        of_variants = _problems_of_variants(values) if isinstance(values, dict) else []
        try:
            config = check(values)
        except ValidationError as error:
            places = {problem["loc"] for problem in of_variants}
            of_model = [problem for problem in error.errors() if problem["loc"] not in places]
            of_variants = [*map(placed, of_model), *of_variants]
        if of_variants:
            raise ValidationError.from_exception_data(cls.__name__, of_variants)
        return config

    @model_validator(mode="after")
    def _evaluated_segments_are_there(self) -> Config:
        if not self.evaluated:
            raise ValueError(
                f"evaluate: {self.evaluate}, but the data set {self.dataset.name} has no "
                "validation segments: name them in dataset.validation, such as [seg17, seg18]"
            )
        return self

    @model_validator(mode="after")
    def _promises_are_kept(self) -> Config:
        if problems := list(unkept(self.dataset)):
            raise ValueError("\n  ".join(problems))
        return self

    @model_validator(mode="after")
    def _given_artefacts_fit(self) -> Config:
        check_given(self)
        return self

    @model_validator(mode="after")
    def _windows_were_recorded(self) -> Config:
        """Leave out the clips at the end of segments for which too few volumes were recorded."""
        if "windows" in self.given or not any(run.path for run in self.dataset.rows):
            return self
        models = {variant: self.stages(variant) for variant in (None, *self.variants)}
        clips = {s: n_recorded(self.dataset, s, models) for s in self.dataset.segments}
        left_out = {s: self.dataset.n_shown(s) - n for s, n in clips.items()}
        return self.model_copy(update={"dataset": self.dataset.leaving_out(left_out)})

    @model_validator(mode="after")
    def _clips_hold_whole_frames(self) -> Config:
        for variant in (None, *self.variants):
            where = f"variants.{variant}." if variant else ""
            try:
                stages = self.stages(variant)
                frames_per_clip(clip_seconds(self.dataset, stages), stages.clips.fps)
            except InputError as error:
                raise ValueError(f"{where}clips.fps: {error}") from None
        return self

    @model_validator(mode="after")
    def _images_do_not_move(self) -> Config:
        for variant in (None, *self.variants):
            where, stages = f"variants.{variant}: " if variant else "", self.stages(variant)
            try:
                check_still(
                    stages.video_model.still,
                    stages.video_tuning,
                    stages.cotraining,
                    stages.reconstruction,
                )
            except ValueError as error:
                raise ValueError(f"{where}{error}") from None
        return self

    @model_validator(mode="after")
    def _low_rank_updates_have_an_effect(self) -> Config:
        for variant in (None, *self.variants):
            where, stages = f"variants.{variant}: " if variant else "", self.stages(variant)
            model, tuning = stages.video_model, stages.video_tuning
            has_modules = model.kind == "motion-adapter" and not model.still
            are_new = has_modules and not self.pretrained.motion_adapter
            if are_new and tuning.lora_rank and "temporal" in tuning.unet_parts:
                raise ValueError(
                    f"{where}video_tuning.lora_rank: {tuning.lora_rank}, but the motion modules "
                    "are new, and low-rank updates of new modules have no effect: name trained "
                    "ones (pretrained.motion_adapter), train whole weights (lora_rank: null), or "
                    "leave the modules out (unet_parts: [spatial])"
                )
        return self

    @model_validator(mode="after")
    def _rows_are_variants(self) -> Config:
        for section, key in (
            ("tables", "variants"),
            ("tables", "baselines"),
            ("videos", "variants"),
        ):
            named = getattr(getattr(self, section), key)
            if unknown := [name for name in named if name not in self.variants]:
                raise ValueError(
                    f"{section}.{key} names {', '.join(unknown)}, but variants has "
                    f"{', '.join(self.variants) or 'none'}"
                )
        return self

    @model_validator(mode="after")
    def _replicates_have_free_names(self) -> Config:
        if taken := [name for name in self._replicates if name in self.variants]:
            raise ValueError(
                f"replicates: {self.replicates} names a replicate {taken[0]}, but variants has a "
                "variant of this name: rename that variant"
            )
        return self

    @model_validator(mode="after")
    def _shots_are_there(self) -> Config:
        for variant in (None, *self.variants):
            scoring = self.stages(variant).scoring
            needed = [*scoring.attributes, *([scoring.subset] if scoring.subset else [])]
            if needed and not self.dataset.shots:
                where = f"variants.{variant}.scoring" if variant else "scoring"
                raise ValueError(
                    f"{where}: attributes and subset name columns of tables of shots "
                    f"({', '.join(needed)}), but dataset.shots is not set: set it to the path of "
                    "these tables, with {segment}, or remove attributes and subset"
                )
        return self

    @model_validator(mode="after")
    def _readings_are_there(self) -> Config:
        for variant in (None, *self.variants):
            where, stages = f"variants.{variant}." if variant else "", self.stages(variant)
            bare = [run.path for run in self.dataset.rows if not run.confounds]
            if stages.clean.reads_confounds and bare:
                names = ", ".join(names_of(stages.clean.confounds))
                reads = f"{where}clean.confounds names {names}"
                raise ValueError(
                    f"{reads if names else f'{where}clean.censor is set'}, but {len(bare)} runs "
                    f"have no table of confounds ({bare[0]}, …): set dataset.confounds to their "
                    "path"
                )
            if not stages.regions.atlas and (
                self.dataset.space != "volume"
                or not all(self.dataset.mask_paths(s) for s in self.dataset.subjects)
            ):
                raise ValueError(
                    f"{where}regions.atlas is false, which needs volumes in native space, with "
                    f"brain masks; here dataset.space is {self.dataset.space} and dataset.mask is "
                    f"{self.dataset.mask}"
                )
        return self

    @model_validator(mode="after")
    def _settings_fit_the_form_of_runs(self) -> Config:
        space = self.dataset.space
        for variant in (None, *self.variants):
            where, stages = f"variants.{variant}." if variant else "", self.stages(variant)
            if stages.clean.smooth and space not in ("volume", "cifti"):
                why = (
                    "which have no neighbours"
                    if space in ("parcels", "array")
                    else "whose meshes are not known; wb_command -metric-smoothing and "
                    "mri_surf2surf smooth the files"
                )
                raise ValueError(
                    f"{where}clean.smooth: {stages.clean.smooth:g} mm, but the runs are {space}, "
                    f"{why}: set it to null"
                )
            if not (labels := stages.regions.labels):
                continue
            check_template(f"{where}regions.labels", labels, {"subject", "hemi"})
            if space == "volume":
                raise ValueError(
                    f"{where}regions.labels: {labels}, but the runs are volumes, which have the "
                    "areas of the atlas: remove it"
                )
        return self

    @property
    def evaluated(self) -> list[str]:
        """The segments that are reconstructed and scored."""
        return getattr(self.dataset, self.evaluate)

    @property
    def segments(self) -> list[str]:
        """All segments that are read: without the test, if validation segments are evaluated."""
        read = {*self.dataset.train, *self.dataset.validation, *self.evaluated}
        return [segment for segment in self.dataset.segments if segment in read]

    def stages(self, variant: str | None = None) -> Stages:
        """The sections of the full model or of a variant, with a rounded `clips.fps` made exact."""
        base = {name: getattr(self, name).model_dump() for name in Stages.model_fields}
        replicate = self._replicates.get(variant or "")
        repeated = replicate.variant if replicate else variant
        for section, changes in self.variants.get(repeated or "", {}).items():
            base[section] = _changed(section, base.get(section, {}), changes)
        if replicate:
            replicate.reseed(base)
        stages = Stages.model_validate(base)
        clips, seconds = stages.clips, clip_seconds(self.dataset, stages)
        fps = clips.frames / seconds if clips.frames else whole_rate(seconds, clips.fps)
        return stages.model_copy(update={"clips": stages.clips.model_copy(update={"fps": fps})})

    # --- replicates -------------------------------------------------------------------------------

    @property
    def _replicates(self) -> dict[str, Replicate]:
        return replicates_by_name(self.variants, self.replicates)

    @property
    def models(self) -> list[str]:
        """Names of the variants, and of all replicates."""
        return [*self.variants, *self._replicates]

    def replicates_of(self, variant: str | None) -> list[str]:
        """Names of the further trainings of a variant, or of the full model (None)."""
        return [replicate.name for replicate in replicates_of(variant, self.replicates)]

    def shares_with(self, variant: str) -> list[str | None]:
        """Models whose results a variant uses where it does not differ, the full model first."""
        replicate = self._replicates.get(variant)
        return replicate.shares_with if replicate else [None, variant]


def _changed(section: str, base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A section with the changes of a variant; either may use old names of settings."""
    model = load_sections().get(section, Section)
    try:
        return model.with_current_names(base) | model.with_current_names(changes)
    except ValueError:  # a setting by both its names, which the check of the section reports
        return base | changes


def _problems_of_variants(values: dict[str, Any]) -> list[InitErrorDetails]:
    """Problems in the sections of variants that the full model does not have, too."""
    problems: list[InitErrorDetails] = []
    variants = values.get("variants")
    for name, sections in variants.items() if isinstance(variants, dict) else ():
        for section, changes in sections.items() if isinstance(sections, dict) else ():
            place = ("variants", str(name), str(section))
            model, full = section_of(Stages, section), values.get(section, {})
            if model is None:
                problems += problems_of(Stages, {section: changes}, *place[:2])
            elif isinstance(changes, dict):
                base = full if isinstance(full, dict) else {}
                of_base = [(p["loc"], p["type"]) for p in problems_of(model, base, *place)]
                changed = problems_of(model, _changed(section, base, changes), *place)
                problems += [p for p in changed if (p["loc"], p["type"]) not in of_base]
    return problems


def load_config(*paths: Path) -> Config:
    """Read and check a configuration; each file overrides those before it, setting by setting.

    They are merged as `snakemake --configfile` merges them.

    Raises
    ------
    InputError
        If a file cannot be read or has wrong keys; the message lists all of them.
    """
    return check_config(read_config(*paths), ", ".join(map(str, paths)))


def read_config(*paths: Path) -> dict[str, Any]:
    """The merged values of configuration files, not yet checked.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    first, *others = (read_yaml(path, "configuration") for path in paths)
    if others:
        from snakemake.utils import update_config

        for values in others:
            update_config(first, values)
    return first


def check_config(values: Mapping[str, Any], where: str) -> Config:
    """A typed configuration; data sets may be paths of YAML files (:mod:`.descriptions`).

    Raises
    ------
    InputError
        Naming every wrong key, what was found and what was expected.
    """
    refuse_description(values, where)
    values = dict(values)
    for key, read in (("dataset", read_dataset), ("pretraining_data", read_pretraining)):
        if values.get(key) is not None:
            values[key] = read(values[key], f"{where}: {key}")
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(explain(error, where, Config)) from None
