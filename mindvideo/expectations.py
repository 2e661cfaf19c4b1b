"""Facts that the description of a data set promises, so that what contradicts them is found.

A list of segments or subjects can lose an entry unnoticed: what is left is a valid description.
Promises say what the whole should come to. Those about the description itself are compared when it
is read (:func:`unkept`), those about the files by ``check-dataset`` (:mod:`.checks.expected`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from mindvideo.run import DEFAULT, NAMES, Split
from mindvideo.settings.base import Name, Section
from mindvideo.settings.sources import DATA
from mindvideo.templates import did_you_mean, differs_by_number

if TYPE_CHECKING:
    from mindvideo.dataset import Dataset


class Between(Section):
    """A range of numbers."""

    least: PositiveInt = Field(description="smallest number")
    most: PositiveInt = Field(description="largest number")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least: {self.least} is larger than most: {self.most}: swap them")
        return self


class ExpectedGrid(Section):
    """The voxels of all runs."""

    voxels: Annotated[PositiveInt | None, DATA] = Field(
        None, description="number of voxels, grayordinates, vertices or parcels of a volume"
    )
    shape: Annotated[tuple[PositiveInt, PositiveInt, PositiveInt] | None, DATA] = Field(
        None, description="of NIfTI volumes: number of voxels along each axis"
    )
    voxel_size: Annotated[
        PositiveFloat | tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None, DATA
    ] = Field(None, description="of NIfTI volumes: edge of a voxel, or one for each axis [mm]")

    @property
    def edges(self) -> tuple[float, ...] | None:
        """Voxel size along each axis [mm]."""
        size = self.voxel_size
        return (size,) * 3 if isinstance(size, float) else size

    def __str__(self) -> str:
        named = {
            f"{self.voxels} voxels": self.voxels,
            "×".join(map(str, self.shape or ())) + " voxels": self.shape,
            "×".join(f"{edge:g}" for edge in self.edges or ()) + " mm": self.edges,
        }
        return ", ".join(words for words, promised in named.items() if promised)


Number = PositiveInt | list[PositiveInt] | Between


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _is_number(value: Any) -> bool:
    """Whether a value has one of the forms of `Number`."""
    if isinstance(value, list):
        return bool(value) and all(map(_is_count, value))
    is_range = isinstance(value, dict) and value.keys() == Between.model_fields.keys()
    return is_range or isinstance(value, Between) or _is_count(value)


class Expect(Section):
    """Facts that must hold, or the description is refused, or `check-dataset` reports an error."""

    subjects: Annotated[PositiveInt | None, DATA] = Field(None, description="number of subjects")
    runs: Annotated[PositiveInt | dict[Name, PositiveInt] | None, DATA] = Field(
        None, description="number of runs without those excluded: in all, or by subject"
    )
    clips: Annotated[dict[Split, NonNegativeInt], DATA] = Field(
        {}, description="clips of all segments of a split, such as { train: 4320, test: 1200 }"
    )
    volumes: Annotated[dict[str, Number], DATA] = Field(
        {},
        description="volumes of a run as recorded, by segment; `default` for those not named. A "
        "number, a list of numbers that may occur, or { least: …, most: … }",
    )
    grid: Annotated[ExpectedGrid | None, DATA] = Field(None, description="voxels of all runs")

    @model_validator(mode="before")
    @classmethod
    def _have_the_form(cls, values: Any) -> Any:
        """Say what is needed where pydantic would list what each of several forms lacks."""
        if not isinstance(values, dict):
            return values
        volumes, runs, grid = (values.get(name) for name in ("volumes", "runs", "grid"))
        if volumes is not None and (
            not isinstance(volumes, dict) or {"least", "most"} & {*volumes}
        ):
            given = json.dumps(volumes, default=str).replace('"', "")
            raise ValueError(
                f"volumes: expected numbers by segment, such as {{ default: {given} }}"
            )
        for segment, number in (volumes or {}).items():
            if not _is_number(number):
                raise ValueError(
                    f"volumes.{segment}: expected a number, a list of numbers, or {{ least: 240, "
                    f"most: 250 }}; found {number!r:.60}"
                )
        counts = runs.values() if isinstance(runs, dict) else [runs]
        if runs is not None and not all(map(_is_count, counts)):
            raise ValueError(
                "runs: expected a number, or numbers by subject, such as { sub1: 86, sub2: 85 }; "
                f"found {runs!r:.60}"
            )
        if grid is not None and not isinstance(grid, dict | ExpectedGrid):
            raise ValueError(
                "grid: expected { voxels: 91282 } or { shape: [91, 109, 91], voxel_size: 2 }; "
                f"found {grid!r:.60}"
            )
        return values

    def volumes_of(self, segment: str) -> Number | None:
        """The promised number of volumes of a segment's runs; None if nothing is promised."""
        return self.volumes.get(segment, self.volumes.get(DEFAULT))

    def __str__(self) -> str:
        runs = self.runs if isinstance(self.runs, int) else sum((self.runs or {}).values())
        clips = ", ".join(f"{split} {n}" for split, n in self.clips.items())
        numbers = [n for n in self.volumes.values() if not isinstance(n, list)]
        numbers += [each for n in self.volumes.values() if isinstance(n, list) for each in n]
        volumes = dict.fromkeys(map(in_words, numbers))
        named = {
            f"subjects: {self.subjects}": self.subjects,
            f"runs: {runs}": runs,
            f"clips: {clips}": self.clips,
            f"volumes: {' or '.join(volumes)}": self.volumes,
            f"grid: {self.grid}": self.grid,
        }
        return "; ".join(words for words, promised in named.items() if promised)


def in_words(number: Number) -> str:
    """ "245", "245 or 246", "1050 to 1100"."""
    if isinstance(number, Between):
        return f"{number.least} to {number.most}"
    return " or ".join(map(str, number)) if isinstance(number, list) else str(number)


def keeps(number: Number, found: int) -> bool:
    """Whether a number that was found is one of those promised."""
    if isinstance(number, Between):
        return number.least <= found <= number.most
    return found in (number if isinstance(number, list) else [number])


# --- descriptions that build on others ------------------------------------------------------------

OF_SEGMENTS = {"train", "validation", "test", "runs"}
ABOUT = {
    "subjects": {"subjects", "runs"},
    "runs": {"subjects", "repetitions", "exclude"} | OF_SEGMENTS,
    "clips": {"clips_per_segment"} | OF_SEGMENTS,
    "volumes": {"run", "runs", "exceptions", "clips_per_segment"},
    "grid": {"run", "runs", "space"},
}
"""The keys of a description that each promise is about."""


def inherited(layers: Sequence[Mapping[str, Any]]) -> Any:
    """The promises of a description that builds on others: the first of `layers` on the next.

    It keeps the promises of those below, except where it changes what they are about; it can make
    new ones. ``expect: null`` drops all.
    """
    promised: Any = None
    below: dict[str, Any] = {}
    for layer in reversed(layers):
        changed = {key for key, value in layer.items() if below and value != below.get(key)}
        if isinstance(promised, dict):
            promised = {
                fact: said
                for fact, said in promised.items()
                if not ABOUT.get(fact, set()) & changed
            }
        if "expect" in layer:
            own = layer["expect"]
            both = isinstance(own, dict) and isinstance(promised, dict)
            promised = promised | own if both else own
        below |= layer
    return promised


# --- what needs no files --------------------------------------------------------------------------


def unkept(dataset: Dataset) -> Iterator[str]:
    """Promises that the description itself breaks, each with what to do."""
    expect = dataset.expect
    if expect is None:
        return
    n_subjects = len(dataset.subjects)
    if expect.subjects not in (None, n_subjects):
        yield (
            f"dataset.expect.subjects: {expect.subjects} promised, but dataset.subjects names "
            f"{n_subjects} ({', '.join(dataset.subjects)}): correct the list or the promise"
        )
    yield from _runs(dataset, expect)
    for split, promised in expect.clips.items():
        segments = getattr(dataset, split)
        found = sum(map(dataset.n_clips, segments))
        if found != promised:
            yield (
                f"dataset.expect.clips.{split}: {promised} promised, but the {len(segments)} "
                f"{NAMES[split]} segments have {found}{_gap(split, segments)}: correct "
                f"dataset.{split}, clips_per_segment or the promise"
            )
    for name in expect.volumes:
        if name not in (DEFAULT, *dataset.segments) and not differs_by_number(
            name, dataset.segments
        ):
            yield (
                f"dataset.expect.volumes: there is no segment {name!r}"
                f"{did_you_mean(name, dataset.segments)}"
            )


def _runs(dataset: Dataset, expect: Expect) -> Iterator[str]:
    """Promised numbers of runs that are not those of the lists."""
    found = dict.fromkeys(dataset.subjects, 0)
    for run in dataset.rows:
        found[run.subject] += 1
    lists = "the lists of segments, repetitions, exclude"
    if isinstance(expect.runs, int) and expect.runs != (total := sum(found.values())):
        yield (
            f"dataset.expect.runs: {expect.runs} promised, but the description has {total} "
            f"({_each(found, list(found))}): correct {lists} or the promise"
        )
    by_subject = expect.runs if isinstance(expect.runs, dict) else {}
    if unknown := [name for name in by_subject if name not in found]:
        yield (
            f"dataset.expect.runs: there is no subject {', '.join(unknown)} (the subjects are "
            f"{', '.join(found)})"
        )
    other = [name for name, n in by_subject.items() if found.get(name, n) != n]
    if other:
        yield (
            f"dataset.expect.runs: {_each(by_subject, other)} promised, but the description has "
            f"{_each(found, other)}: correct {lists} or the promise"
        )


def _each(numbers: Mapping[str, int], names: Sequence[str]) -> str:
    """ "sub1 86, sub2 85"."""
    return ", ".join(f"{name} {numbers[name]}" for name in names)


NUMBERED = re.compile(r"(.*?)(\d+)")


def _gap(split: str, segments: Sequence[str]) -> str:
    """The names that are missing between numbered segments: `seg17` of seg16 and seg18."""
    matches = [match for name in segments if (match := NUMBERED.fullmatch(name))]
    missing = []
    for stem in dict.fromkeys(match[1] for match in matches):
        numbers = {int(match[2]) for match in matches if match[1] == stem}
        missing += [f"{stem}{n}" for n in range(min(numbers), max(numbers)) if n not in numbers]
    verb = "is" if len(missing) == 1 else "are"
    return f" ({', '.join(missing)} {verb} not in dataset.{split})" if missing else ""
