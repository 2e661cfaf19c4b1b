"""The configuration file: every stage's section, the data set, the variants; read and checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mindvideo.dataset import Dataset
from mindvideo.descriptions import read_dataset, read_pretraining, read_yaml
from mindvideo.errors import InputError
from mindvideo.pretraining_data import Pretraining
from mindvideo.settings import (
    Captions,
    Clean,
    Clips,
    Contrastive,
    Cotraining,
    Demo,
    Embeddings,
    EncoderShape,
    FigureSettings,
    Films,
    Interpretation,
    Latents,
    Mbm,
    MbmTuning,
    Motion,
    Name,
    Pretrained,
    Reconstruction,
    Regions,
    Samples,
    Scenes,
    Scoring,
    Section,
    Selection,
    Tables,
    Videos,
    VideoTuning,
    Windows,
)


class Stages(Section):
    """The sections that a variant may change."""

    clips: Clips = Clips()
    captions: Captions = Captions()
    scenes: Scenes = Scenes()
    latents: Latents = Latents()
    embeddings: Embeddings = Embeddings()
    regions: Regions = Regions()
    clean: Clean = Clean()
    selection: Selection = Selection()
    windows: Windows = Windows()
    samples: Samples = Samples()
    encoder: EncoderShape = EncoderShape()
    pretraining: Mbm = Mbm()
    mbm_tuning: MbmTuning = MbmTuning()
    contrastive: Contrastive = Contrastive()
    video_tuning: VideoTuning = VideoTuning()
    cotraining: Cotraining = Cotraining()
    motion: Motion = Motion()
    reconstruction: Reconstruction = Reconstruction()
    films: Films = Films()
    scoring: Scoring = Scoring()
    figures: FigureSettings = FigureSettings()
    interpretation: Interpretation = Interpretation()


def _or_path(schema: dict[str, Any]) -> None:
    """Let editors take a description's path for it, or one that builds on another (`like`)."""
    others = [{"type": "string"}, {"type": "object", "required": ["like"]}]
    for name in ("dataset", "pretraining_data"):
        schema["properties"][name] = {"anyOf": [schema["properties"][name], *others]}


class Config(Stages):
    """The configuration file."""

    model_config = ConfigDict(json_schema_extra=_or_path)

    results: str = Field("results", description="folder of all results")
    dataset: Dataset
    pretraining_data: Pretraining
    pretrained: Pretrained = Pretrained()
    videos: Videos = Videos()
    tables: Tables = Tables()
    demo: Demo = Demo()
    variants: dict[Name, dict[str, dict[str, Any]]] = Field(
        {}, description="name: the sections that differ from the full model's (ablations)"
    )

    @model_validator(mode="after")
    def _variants_are_valid(self) -> Config:
        for name in self.variants:
            self.stages(name)
        return self

    @model_validator(mode="after")
    def _rows_are_variants(self) -> Config:
        for section in ("tables", "videos"):
            named = getattr(self, section).variants
            if unknown := [name for name in named if name not in self.variants]:
                raise ValueError(
                    f"{section}.variants names {', '.join(unknown)}, but variants has "
                    f"{', '.join(self.variants) or 'none'}"
                )
        return self

    @model_validator(mode="after")
    def _shots_are_there(self) -> Config:
        for variant in (None, *self.variants):
            scoring = self.stages(variant).scoring
            wanted = [*scoring.attributes, *([scoring.subset] if scoring.subset else [])]
            if wanted and not self.dataset.shots:
                where = f"variants.{variant}.scoring" if variant else "scoring"
                raise ValueError(
                    f"{where}: attributes and subset name columns of tables of shots "
                    f"({', '.join(wanted)}), but dataset.shots says of none: give their path "
                    "there, with {segment}, or leave attributes and subset out"
                )
        return self

    @model_validator(mode="after")
    def _readings_are_there(self) -> Config:
        for variant in (None, *self.variants):
            where, stages = f"variants.{variant}." if variant else "", self.stages(variant)
            bare = [run.path for run in self.dataset.rows if not run.confounds]
            if (names := stages.clean.confounds) and bare:
                raise ValueError(
                    f"{where}clean.confounds asks for {', '.join(names)}, and {len(bare)} runs "
                    f"have no table of confounds ({bare[0]}, …): give their path as "
                    "dataset.confounds"
                )
            if not stages.regions.atlas and (
                self.dataset.space != "volume"
                or not all(self.dataset.mask_paths(s) for s in self.dataset.subjects)
            ):
                raise ValueError(
                    f"{where}regions.atlas is false: that is for volumes in native space, of which "
                    "dataset.mask says the voxels; here dataset.space is "
                    f"{self.dataset.space}, dataset.mask {self.dataset.mask}"
                )
        return self

    def stages(self, variant: str | None = None) -> Stages:
        """The sections of the full model, or of a variant of it."""
        base = {name: getattr(self, name).model_dump() for name in Stages.model_fields}
        for section, changes in self.variants.get(variant or "", {}).items():
            base[section] = base.get(section, {}) | changes
        return Stages.model_validate(base)


def load_config(path: Path) -> Config:
    """A configuration file, checked.

    Raises
    ------
    InputError
        If it cannot be read, or naming every wrong key in it.
    """
    return check_config(read_yaml(path, "configuration"), str(path))


def explain(error: ValidationError, where: str, model: type[BaseModel] | None = None) -> str:
    """A validation error as a person would say it: each key, what was found, what is needed."""
    lines = [f"{where}:"]
    for problem in error.errors():
        parts = [str(part) for part in problem["loc"]]
        key = ".".join(part for part in parts if "[" not in part) or "(whole)"
        if problem["type"] == "missing":
            lines.append(f"  {key}: is missing")
        elif problem["type"] == "extra_forbidden":
            lines.append(f"  {key}: no such setting{_suggestion(problem['loc'], model)}")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "dict_type":
                message = "pairs of a name and a value were needed, as { name: value }"
            # What contradicts itself across a section says so itself.
            whole = problem["type"] == "value_error" and isinstance(problem["input"], dict)
            found = "" if whole else f"; found {problem['input']!r:.60}"
            lines.append(f"  {key}: {message}{found}")
    return "\n".join(lines)


def _suggestion(place: tuple[int | str, ...], model: type[BaseModel] | None) -> str:
    """ "; did you mean …?", from the fields of the section that the key stands in."""
    for part in place[:-1]:
        field = model.model_fields.get(str(part)) if model else None
        found = field.annotation if field else None
        model = found if isinstance(found, type) and issubclass(found, BaseModel) else None
    names = difflib.get_close_matches(str(place[-1]), model.model_fields if model else [], n=1)
    return f"; did you mean {names[0]!r}?" if names else ""


def check_config(values: Mapping[str, Any], where: str) -> Config:
    """A typed configuration; data sets may be paths of YAML files (:mod:`.descriptions`).

    Raises
    ------
    InputError
        Naming every wrong key, what was found and what was needed.
    """
    values = dict(values)
    for key, read in (("dataset", read_dataset), ("pretraining_data", read_pretraining)):
        if key in values:
            values[key] = read(values[key], f"{where}: {key}")
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(explain(error, where, Config)) from None
