"""Rows of the table of runs from a BIDS folder: when its runs were recorded, which volumes stay.

The repetition time stands in JSON files beside the preprocessed runs or, as BIDS lets files
inherit, in the folder of the raw ones; there also lie the tables of events, which say when a film
started.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mindvideo.bids import ENDS, Bold, Choice, RunFile, entities_of, find_runs
from mindvideo.errors import InputError
from mindvideo.io.inventory import inspect
from mindvideo.io.probe import probe
from mindvideo.io.tables import load_table
from mindvideo.progress import progress
from mindvideo.run import Run
from mindvideo.templates import check_template

FILMS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".m4v")
OFF = 0.1
"""A film that starts further off a volume's start than this fraction of a TR is noted."""
SAME = 1e-3
"""Repetition times closer than this [s] are the same."""


@dataclass(frozen=True)
class Recording:
    """How the recordings lie against their films."""

    film: str | None = None
    """Path template with {segment}."""
    drop_start: int | None = None
    """Volumes before the film; without, as the tables of events say, or none."""
    drop_end: int | None = None
    """Volumes after it; without, as long as the film is, or none."""
    lag: int = 0
    """Haemodynamic delay in volumes, which are dropped at the start, too."""
    raw: Path | None = None
    """The raw BIDS folder; without, the one that holds the derivatives."""


@dataclass
class BidsTable:
    """Rows of the table, and what a person should know of them."""

    rows: list[Run]
    notes: list[str]
    space: str
    is_cifti: bool


def bids_table(folder: Path, choice: Choice, recording: Recording) -> BidsTable:
    """The table of runs of a folder of derivatives.

    Raises
    ------
    InputError
        If the folder leaves open which runs are meant, or its files contradict each other.
    """
    if recording.film is not None:
        try:
            check_template("--film", recording.film, {"segment"})
        except ValueError as error:
            raise InputError(str(error)) from None
    runs, notes = find_runs(folder, choice)
    raw = recording.raw or _raw_folder(folder)
    tr = _repetition_time([run.bold for run in runs], raw)
    if tr is None:
        notes.append("no JSON file says RepetitionTime: say `tr` [s] in the description")
    trimming = _Trimming(recording, raw, tr, _volumes(runs, notes), notes)
    kept = {
        segment: trimming.of(segment, [run.bold for run in runs if run.segment == segment])
        for segment in dict.fromkeys(run.segment for run in runs)
    }
    if trimming.without_onset:
        notes.append(
            f"nothing says when the films start ({', '.join(trimming.without_onset)}): they are "
            "taken to start with the recording. If volumes were recorded before the film, say how "
            "many: --drop-start"
        )
    rows = [
        Run(
            subject=run.subject,
            segment=run.segment,
            split=run.split,
            repetition=run.repetition,
            path=str(run.bold.path),
            confounds=run.bold.confounds,
            mask=run.bold.mask,
            film=recording.film.format(segment=run.segment) if recording.film else None,
            tr=tr,
            **kept[run.segment],
        )
        for run in runs
    ]
    bold = runs[0].bold
    for name, what in (("confounds", "table of confounds"), ("mask", "brain mask")):
        bare = [row.path for row in rows if not getattr(row, name)]
        if bare and not (name == "mask" and bold.is_cifti):
            notes.append(f"no {what} beside {len(bare)} of {len(rows)} runs: {bare[0]}, …")
    return BidsTable(rows, notes, bold.space, bold.is_cifti)


# --- raw data -------------------------------------------------------------------------------------


def _raw_folder(derivatives: Path) -> Path | None:
    """The BIDS folder that holds this folder of derivatives, if one does."""
    parents = derivatives.resolve().parents[:3]
    return next((p for p in parents if (p / "dataset_description.json").is_file()), None)


def _inherited(raw: Path | None, bold: Bold, end: str) -> Iterator[Path]:
    """Files of the raw data that hold for a run: the nearest, and most fully named, first."""
    if raw is None:
        return
    folders = [f"{e}-{label}" for e in ("sub", "ses") if (label := bold.entities.get(e))]
    levels = [raw.joinpath(*folders[:n]) for n in range(len(folders), -1, -1)]
    for level in (levels[0] / "func", *levels):
        names = [(entities_of(path), path) for path in sorted(level.glob(f"*{end}"))]
        fitting = [(len(e), path) for e, path in names if e.items() <= bold.entities.items()]
        yield from (path for _, path in sorted(fitting, reverse=True))


def _repetition_time(runs: Sequence[Bold], raw: Path | None) -> float | None:
    """What the JSON files say [s]; None if none says anything.

    Raises
    ------
    InputError
        If they say different things.
    """
    times: dict[float, Path] = {}
    for bold in runs:
        end = next(end for end in ENDS if bold.path.name.endswith(end))
        stem = bold.path.name.removesuffix(end)
        near = [bold.path.with_name(f"{stem}{e}") for e in (".json", ".dtseries.json")]
        for path in [*filter(Path.is_file, near), *_inherited(raw, bold, "bold.json")]:
            tr = _read_json(path).get("RepetitionTime")
            if isinstance(tr, int | float) and tr > 0:
                times.setdefault(float(tr), path)
                break
    if times and max(times) - min(times) > SAME:
        said = ", ".join(f"{tr:g} s ({path})" for tr, path in times.items())
        raise InputError(
            f"one repetition time for all runs was needed; found {said}. Choose runs of one with "
            "--task or --only"
        )
    return next(iter(times), None)


def _read_json(path: Path) -> dict:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    return values if isinstance(values, dict) else {}


def _onset(events: Path) -> float | None:
    """When the film started [s of the recording]: the only event, or the only one of a film."""
    table = load_table(events, ["onset"])
    if "stim_file" in table:
        shows = table["stim_file"].astype(str).str.lower().str.endswith(FILMS)
        table = table[shows] if shows.any() else table
    onsets = pd.to_numeric(table["onset"], errors="coerce").dropna()
    return float(onsets.iloc[0]) if len(table) == len(onsets) == 1 else None


# --- which volumes stay --------------------------------------------------------------------------


def _volumes(runs: Sequence[RunFile], notes: list[str]) -> dict[Path, int]:
    """Volumes of each run that can be read."""
    volumes, broken = {}, []
    for run in progress(runs, desc="runs", unit="run"):
        path = run.bold.path
        try:
            volumes[path] = inspect(path).n_volumes
        except InputError as problem:
            broken.append(f"{path}: {str(problem).removeprefix(f'{path}: ')}")
    if broken:
        notes.append(f"{len(broken)} runs cannot be read: {broken[0]}")
    return volumes


def _clips_of_film(film: Path, tr: float) -> int | None:
    """Whole clips of one TR in a film; None where its file does not say how long it is."""
    seconds = probe(film).seconds
    return int(seconds / tr + SAME) if seconds == seconds else None  # NaN: it does not say


@dataclass(frozen=True)
class _Trimming:
    """Which volumes of a segment's runs were recorded during its film."""

    recording: Recording
    raw: Path | None
    tr: float | None
    volumes: dict[Path, int]
    notes: list[str]
    without_onset: list[str] = field(default_factory=list)
    """Segments of which nothing says when their films start."""

    def of(self, segment: str, runs: Sequence[Bold]) -> dict[str, int | None]:
        """Clips of a segment, and volumes to be dropped at both ends."""
        recording = self.recording
        start = recording.drop_start
        start = recording.lag + (self._before(segment, runs) if start is None else start)
        end = recording.drop_end
        lengths = {b.path: self.volumes[b.path] for b in runs if b.path in self.volumes}
        if not lengths:
            self.notes.append(f"{segment}: no run of it can be read, so its clips are not known")
            return {"clips": None, "drop_start": start, "drop_end": end or 0}
        ((common, _),) = Counter(lengths.values()).most_common(1)
        if odd := [path for path, n in lengths.items() if n != common]:
            self.notes.append(
                f"{segment}: {len(odd)} of {len(lengths)} runs have another length than {common} "
                f"volumes: {odd[0]} has {lengths[odd[0]]}. Leave them out, by their rows or --only"
            )
        if end is None:
            film = Path((recording.film or "").format(segment=segment))
            most = _clips_of_film(film, self.tr) if self.tr and film.is_file() else None
            end = max(0, common - start - most) if most else 0
        if (clips := common - start - end) < 1:
            raise InputError(
                f"{segment}: {common} volumes, of which {start} would be dropped at the start and "
                f"{end} at the end: nothing is left. Lower --drop-start, --lag or --drop-end"
            )
        return {"clips": clips, "drop_start": start, "drop_end": end}

    def _before(self, segment: str, runs: Sequence[Bold]) -> int:
        """Volumes before the film, as the tables of events say."""
        onsets = {}
        for bold in runs:
            events = next(_inherited(self.raw, bold, "events.tsv"), None)
            if events and (onset := _onset(events)) is not None:
                onsets[events] = onset
        if self.tr is None or not onsets:
            self.without_onset.append(segment)
            return 0
        ordered = sorted(onsets.items(), key=lambda item: item[1])
        (first, least), (last, most) = ordered[0], ordered[-1]
        start = round(least / self.tr)
        if round(most / self.tr) != start or start < 0:
            raise InputError(
                f"{segment}: its film starts after {least:g} s ({first}) and after {most:g} s "
                f"({last}): not in the same volume of TR {self.tr:g} s. Say --drop-start, or "
                "leave a run out with --only"
            )
        off = max((onset - start * self.tr for onset in (least, most)), key=abs)
        if abs(off) > OFF * self.tr:
            self.notes.append(
                f"{segment}: its film starts {off:+.2g} s off the start of a volume ({first}), and "
                "so do its clips"
            )
        return start
