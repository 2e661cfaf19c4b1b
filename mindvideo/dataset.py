"""Descriptions of data sets: who watched what, how often, and where the files are.

A description uses path templates or a table of runs (:mod:`mindvideo.run_table`). Both are
converted to a list of runs, on which all methods of :class:`Dataset` rely.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    field_validator,
    model_validator,
)

from mindvideo.description_checks import (
    check_forms,
    check_names,
    check_shared,
    check_starts,
    check_templates,
)
from mindvideo.expectations import Expect
from mindvideo.run import DEFAULT, NAMES, Run, Segment, Split
from mindvideo.run_files import HEMI, Form
from mindvideo.run_table import described
from mindvideo.settings.base import (
    Name,
    PathText,
    RepetitionTime,
    RunTemplate,
    Section,
    Timing,
)
from mindvideo.settings.sources import DATA
from mindvideo.templates import natural

RUN_KEY = re.compile(r"\S+ [A-Za-z0-9-]+_[1-9][0-9]*")
RESERVED = {"shared", "state", "benchmarks", "logs", "digests", "tables"}
"""Names of other folders in the results, which subjects cannot have."""
BY_SEGMENT = ("timing", "clips_per_segment", "films", "film_fps", "film_onset", "film_start")


def _in_order(names: list[str]) -> list[str]:
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise ValueError(f"named more than once: {', '.join(twice)}")
    return sorted(names, key=natural)


def _run_keys(keys: Any) -> Any:
    if wrong := [key for key in keys if not RUN_KEY.fullmatch(key)]:
        raise ValueError(
            f"expected 'SUBJECT SEGMENT_REPETITION', such as 'subject3 test2_9'; {wrong[0]!r}"
        )
    return keys


Segments = Annotated[list[Segment], AfterValidator(_in_order)]


class Dataset(Section):
    """A data set: who watched which films, how often, and where the files are."""

    name: Name = Field(description="of the data set, for titles and messages")
    reference: Annotated[str | None, DATA] = Field(
        None,
        description="paper that describes the data, as `AUTHORS YEAR: TITLE. JOURNAL`, for the "
        "methods section",
    )
    tr: RepetitionTime = Field(description="repetition time [s]; the header's is only checked")
    trust_header_tr: Annotated[bool, DATA] = Field(
        True,
        description="check-dataset reports a header with another TR as an error; false: as a hint",
    )
    lag: int = Field(ge=0, description="volumes between a clip and its window, on top of `timing`")
    space: Annotated[Form, DATA] = Field(
        "volume",
        description="what the runs are: NIfTI volumes; cifti: dense series (91k; 170k, without "
        "areas); gifti: pairs of .func.gii, with {hemi} in `run`; parcels: .ptseries.nii; array: "
        "volumes × columns (.npy, .npz, HDF5, .tsv, .csv; FILE::NAME in archives)",
    )
    voxels: Annotated[PathText | None, DATA] = Field(
        None,
        description="with `space: array`: table of the arrays' columns, such as name, area, "
        "network, hemisphere; or a list of names. May contain {subject}",
    )
    runs: Annotated[list[Run], DATA] = Field(
        [],
        description="path of a table of runs (`mindvideo runs` writes one), instead of subjects, "
        "train, test, repetitions, run, confounds, mask, exceptions; values in the table override "
        "them",
    )
    clips_per_segment: dict[str, PositiveInt] = Field(
        description="clips of a segment; `default` for those not named"
    )
    subjects: dict[Name, str] = Field(min_length=1, description="name here: name in the paths")
    train: Segments = Field(description="training segments; none, if nothing is trained (`given`)")
    validation: Annotated[Segments, DATA] = Field(
        [],
        description="segments that are held out of all training and of voxel selection, for "
        "training curves and the choice of settings; `train` may name them, too",
    )
    test: Segments = Field(min_length=1, description="test segments")
    repetitions: dict[Split, PositiveInt] = Field(
        description="presentations of each segment to a subject; those of validation segments are "
        "as many as those of training segments, unless they are given"
    )
    film: Annotated[PathText | None, DATA] = Field(None, description="path template with {segment}")
    films: Annotated[dict[str, PathText], DATA] = Field(
        {}, description="segment: its film, if `film` does not apply"
    )
    film_fps: Annotated[dict[str, PositiveFloat], DATA] = Field(
        {},
        description="frames per second of a segment's film; `default` for those not named. Used "
        "for a check only: clips are cut by time stamps",
    )
    film_onset: Annotated[dict[str, float], DATA] = Field(
        {},
        description="time of a film's first frame after the start of its runs [s], negative if "
        "the film starts first; `default` for segments not named. With `timing`, only for "
        "check-dataset, which reports how long after a clip its volumes were recorded",
    )
    film_start: Annotated[dict[str, NonNegativeFloat], DATA] = Field(
        {},
        description="where a segment starts in its film [s], if several segments share a film; "
        "`default` for segments not named",
    )
    shots: Annotated[PathText | None, DATA] = Field(
        None,
        description="path template with {segment}: table of the shots of a film and their content, "
        "with start and end [s of the film]; optional, for `scoring.attributes` and `.subset`",
    )
    run: Annotated[RunTemplate | None, DATA] = Field(
        None,
        description="path template with {subject}, {segment}, {repetition}, and {hemi} for pairs "
        "of GIFTI files, filled in with L and R",
    )
    mask: Annotated[RunTemplate | None, DATA] = Field(
        None,
        description="path template with {subject}, or {segment} and {repetition} too: brain masks "
        "on the grid of the volumes. Voxels are those in the masks of all training runs",
    )
    confounds: Annotated[RunTemplate | None, DATA] = Field(
        None,
        description="path template with {subject}, {segment}, {repetition}: fMRIPrep's tables of "
        "confounds",
    )
    timing: Annotated[dict[str, Timing], DATA] = Field(
        {},
        description="by segment; `default` for those not named. Not needed for runs whose film "
        "starts at an event, or at `film_onset`",
    )
    events: Annotated[RunTemplate | None, DATA] = Field(
        None,
        description="path template with {subject}, {segment}, {repetition}: the runs' BIDS tables "
        "of events, in place of `timing`: films start at the onset of `event`",
    )
    event: Annotated[dict[str, str], DATA] = Field(
        {},
        description="the row of a table of events whose onset is the film's, by the values of its "
        "columns, such as { trial_type: film } or { stim_file: '{segment}.mp4' }",
    )
    exclude: Annotated[list[str], AfterValidator(_run_keys), DATA] = Field(
        [], description="runs to leave out, as 'SUBJECT SEGMENT_REPETITION'"
    )
    exceptions: Annotated[dict[str, RunTemplate], AfterValidator(_run_keys), DATA] = Field(
        {}, description="'SUBJECT SEGMENT_REPETITION': its own path"
    )
    expect: Annotated[Expect | None, DATA] = Field(
        None,
        description="facts that must hold, so that a segment lost from a list, or a run cut short, "
        "is found",
    )

    renamed: ClassVar = {"repeats": "repetitions"}

    _left_out: dict[str, int] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _table_goes_first(cls, values: Any) -> Any:
        table = values.get("runs") if isinstance(values, dict) else None
        if table and all(isinstance(run, Run) for run in table):
            values = values | described(table, values)
        return _held_out(values) if isinstance(values, dict) else values

    @field_validator(*BY_SEGMENT, mode="before")
    @classmethod
    def _are_by_segment(cls, values: Any) -> Any:
        flat = isinstance(values, dict) and values.keys() & Timing.model_fields.keys()
        if flat or isinstance(values, int | float):
            example = json.dumps(values).replace('"', "")
            raise ValueError(f"expected values by segment, such as {{ default: {example} }}")
        return values

    @model_validator(mode="after")
    def _is_complete(self) -> Dataset:
        if reserved := ", ".join(RESERVED & set(self.subjects)):
            raise ValueError(f"subjects: {reserved} is reserved for a folder of results: rename it")
        named = self.clips_per_segment
        missing = [segment for segment in self.segments if segment not in named]
        if missing and DEFAULT not in named:
            raise ValueError(
                f"clips_per_segment: no `default`, and nothing for {', '.join(missing)}"
            )
        for split in ("train", "validation"):
            if twice := set(getattr(self, split)) & set(self.test):
                names = ", ".join(sorted(twice))
                raise ValueError(f"both {NAMES[split]} and test segments: {names}")
        if unsaid := {"train", "test"} - set(self.repetitions):
            raise ValueError(f"repetitions: nothing for {', '.join(sorted(unsaid))}")
        if other := [run.tr for run in self.runs if run.tr not in (None, self.tr)]:
            raise ValueError(f"tr: {self.tr:g} s here, {other[0]:g} s in the table of runs")
        return self

    @model_validator(mode="after")
    def _is_consistent(self) -> Dataset:
        check_names(self, BY_SEGMENT)
        check_templates(self)
        check_shared(self)
        check_starts(self)
        if bare := [s for s in self.subjects if not any(r.subject == s for r in self.rows)]:
            raise ValueError(f"no runs of {', '.join(bare)}: leave out the subject")
        check_forms(self)
        return self

    # --- runs -------------------------------------------------------------------------------------

    @cached_property
    def rows(self) -> list[Run]:
        """All runs but those excluded: by subject, split (training first), numeric order."""
        return [run for run in self.all_rows if not self.keys(run) & set(self.exclude)]

    @cached_property
    def all_rows(self) -> list[Run]:
        """All runs, including those excluded."""
        place = {segment: i for i, segment in enumerate(self.segments)}
        subjects = list(self.subjects)
        rows = [self._with_templates(run) for run in self.runs] or [
            self._run(subject, segment, repetition)
            for subject in subjects
            for segment in self.segments
            for repetition in range(1, self.n_repetitions(self.split_of(segment)) + 1)
        ]
        return sorted(
            rows, key=lambda r: (subjects.index(r.subject), place[r.segment], r.repetition)
        )

    def _with_templates(self, run: Run) -> Run:
        """A row of the table of runs, with its empty cells filled in from the templates."""
        fields = self._fields(run.subject, run.segment, run.repetition)
        templates = {name: getattr(self, name) for name in ("confounds", "mask", "events")}
        filled: dict[str, Any] = {
            name: template.format(**fields)
            for name, template in templates.items()
            if template and not getattr(run, name)
        }
        if run.drop_start is None and run.film_onset is None and not run.events:
            filled |= self._timing_of(run.segment)
        return run.model_copy(update={"split": self.split_of(run.segment)} | filled)

    def _timing_of(self, segment: str) -> dict[str, Any]:
        """Columns of a run of a segment: when its film starts, and what follows it."""
        timing = self.timing.get(segment) or self.timing.get(DEFAULT)
        return {
            **(timing.model_dump() if timing else {}),
            "film_onset": self.film_onset_of(segment),
        }

    def _fields(self, subject: str, segment: str, repetition: int) -> dict[str, Any]:
        return {"subject": self.subjects[subject], "segment": segment, "repetition": repetition}

    def _run(self, subject: str, segment: str, repetition: int) -> Run:
        folder = self.subjects[subject]
        fields = self._fields(subject, segment, repetition) | {"hemi": HEMI}
        keys = _keys(subject, folder, segment, repetition) & set(self.exceptions)
        path = self.exceptions[keys.pop()] if keys else self.run
        return Run(
            subject=subject,
            segment=segment,
            split=self.split_of(segment),
            repetition=repetition,
            path=(path or "").format(**fields),
            confounds=self.confounds.format(**fields) if self.confounds else None,
            mask=self.mask.format(**fields) if self.mask else None,
            film=self.film_path(segment),
            clips=self.clips_per_segment.get(segment) or self.clips_per_segment[DEFAULT],
            events=self.events.format(**fields) if self.events else None,
            **self._timing_of(segment),
            tr=self.tr,
        )

    def keys(self, run: Run) -> set[str]:
        """Names of a run for `exclude` and `exceptions`; the subject may be named as in paths."""
        return _keys(run.subject, self.subjects[run.subject], run.segment, run.repetition)

    def key(self, run: Run) -> str:
        return f"{run.subject} {run.segment}_{run.repetition}"

    def runs_of(self, subject: str, segment: str) -> list[Run]:
        """A segment's repetitions, without those excluded."""
        return [run for run in self.rows if (run.subject, run.segment) == (subject, segment)]

    def run_paths(self, subject: str, segment: str) -> list[str]:
        """Files of a segment's repetitions, without those excluded; exceptions are applied."""
        return [run.path for run in self.runs_of(subject, segment)]

    def voxels_path(self, subject: str) -> str | None:
        """Table of the columns of a subject's arrays; None if the data set has none."""
        return self.voxels.format(subject=self.subjects[subject]) if self.voxels else None

    def confound_paths(self, subject: str, segment: str) -> list[str]:
        """Tables of confounds, in the order of `run_paths`; empty if the data set has none."""
        return [run.confounds for run in self.runs_of(subject, segment) if run.confounds]

    def event_paths(self, subject: str, segment: str) -> list[str]:
        """Tables of events, in the order of `run_paths`; empty if no run starts at an event."""
        return [run.events for run in self.runs_of(subject, segment) if run.events]

    def event_of(self, segment: str) -> dict[str, str]:
        """The row of a table of events whose onset is that of a segment's film."""
        return {column: value.format(segment=segment) for column, value in self.event.items()}

    def mask_paths(self, subject: str, split: Split = "train") -> list[str]:
        """Brain masks of a subject's runs, each once; empty if the data set has none.

        The masks of the training runs define the voxels, so that another test film changes none.
        """
        runs = [run for run in self.rows if (run.subject, run.split) == (subject, split)]
        return list(dict.fromkeys(run.mask for run in runs if run.mask))

    # --- segments ---------------------------------------------------------------------------------

    @property
    def segments(self) -> list[str]:
        return [*self.train, *self.validation, *self.test]

    def split_of(self, segment: str) -> Split:
        splits: tuple[Split, ...] = ("train", "validation", "test")
        return next((split for split in splits if segment in getattr(self, split)), "test")

    def n_repetitions(self, split: Split) -> int:
        """Presentations of a segment of this split to a subject."""
        return self.repetitions.get(split, self.repetitions["train"])

    def segments_of(self, subject: str, split: Split) -> list[str]:
        """Segments of a split that the subject has at least one run of."""
        return [s for s in getattr(self, split) if self.runs_of(subject, s)]

    def n_clips(self, segment: str) -> int:
        """Number of clips of a segment that are used."""
        return self.n_shown(segment) - self.left_out(segment)

    def n_shown(self, segment: str) -> int:
        """Number of clips of a segment, including those that are left out."""
        return self.clips_per_segment.get(segment) or self.clips_per_segment[DEFAULT]

    def left_out(self, segment: str) -> int:
        """Number of clips at the end of a segment for which too few volumes were recorded."""
        return self._left_out.get(segment, 0)

    def leaving_out(self, clips: dict[str, int]) -> Dataset:
        """The same data set without so many clips at the end of segments."""
        dataset = self.model_copy()
        dataset._left_out = clips
        return dataset

    def recorded_after(self, segment: str) -> int | None:
        """Volumes after a segment's film, in the shortest of its runs; None if no run says so."""
        return self._recorded_after.get(segment)

    @cached_property
    def _recorded_after(self) -> dict[str, int]:
        ends = [(run.segment, run.drop_end) for run in self.rows if run.drop_end is not None]
        return {segment: min(e for s, e in ends if s == segment) for segment in dict(ends)}

    def fps_of(self, segment: str) -> float | None:
        return self.film_fps.get(segment) or self.film_fps.get("default")

    def film_onset_of(self, segment: str) -> float | None:
        """Time of the film's first frame after the start of its runs [s]; None if unknown."""
        return self.film_onset.get(segment, self.film_onset.get("default"))

    def film_start_of(self, segment: str) -> float:
        """Where a segment starts in its film [s]."""
        return self.film_start.get(segment, self.film_start.get(DEFAULT, 0.0))

    def film_path(self, segment: str) -> str:
        return self.films.get(segment) or (self.film or "").format(segment=segment)

    def shots_paths(self, segments: list[str]) -> list[str]:
        """Tables of shots of the films of these segments; empty if the data set has none."""
        return [self.shots.format(segment=s) for s in segments] if self.shots else []


def _held_out(values: dict[str, Any]) -> dict[str, Any]:
    """A description whose training segments are without the validation segments."""
    train, validation = values.get("train"), values.get("validation")
    if not isinstance(train, list) or not isinstance(validation, list):
        return values
    return values | {"train": [segment for segment in train if segment not in validation]}


def _keys(subject: str, folder: str, segment: str, repetition: int) -> set[str]:
    return {f"{name} {segment}_{repetition}" for name in (subject, folder)}
