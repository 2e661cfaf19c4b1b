"""Rows of the table of runs from a BIDS folder: repetition time, and the volumes to keep.

The repetition time is read from the JSON files of the preprocessed runs or, by BIDS inheritance,
from those of the raw runs. The onset of a film is read from the tables of events of the raw data.
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
"""A note reports films that start further from a volume's start than this fraction of a TR."""
SAME = 1e-3
"""Repetition times closer than this [s] are the same."""


@dataclass(frozen=True)
class Recording:
    """How the recordings are aligned with their films."""

    film: str | None = None
    """Path template with {segment}."""
    drop_start: int | None = None
    """Volumes before the film; by default from the tables of events, or none."""
    drop_end: int | None = None
    """Volumes after the film; by default from the length of the film, or none."""
    lag: int = 0
    """Haemodynamic delay in volumes; as many volumes are also dropped at the start."""
    raw: Path | None = None
    """The raw BIDS folder; by default, the one that contains the derivatives."""


@dataclass
class BidsTable:
    """Rows of the table, and notes for the user."""

    rows: list[Run]
    notes: list[str]
    space: str
    is_cifti: bool


def bids_table(folder: Path, choice: Choice, recording: Recording) -> BidsTable:
    """The table of runs of a folder of derivatives.

    Raises
    ------
    InputError
        If the choice of runs is ambiguous, or files contradict each other.
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
        notes.append("no JSON file has RepetitionTime: set `tr` [s] in the description")
    trimming = _Trimming(recording, raw, tr, _volumes(runs, notes), notes)
    kept = {
        segment: trimming.of(segment, [run.bold for run in runs if run.segment == segment])
        for segment in dict.fromkeys(run.segment for run in runs)
    }
    if trimming.without_onset:
        notes.append(
            f"the onset of films is unknown ({', '.join(trimming.without_onset)}): films are "
            "assumed to start with the recording. If volumes were recorded before the film, set "
            "their number with --drop-start"
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
            **kept[run.segment][run.bold.path],
        )
        for run in runs
    ]
    bold = runs[0].bold
    for name, what in (("confounds", "table of confounds"), ("mask", "brain mask")):
        bare = [row.path for row in rows if not getattr(row, name)]
        if bare and not (name == "mask" and bold.is_cifti):
            notes.append(f"{len(bare)} of {len(rows)} runs have no {what}: {bare[0]}, …")
    return BidsTable(rows, notes, bold.space, bold.is_cifti)


# --- raw data -------------------------------------------------------------------------------------


def _raw_folder(derivatives: Path) -> Path | None:
    """The BIDS folder that contains this folder of derivatives, if there is one."""
    parents = derivatives.resolve().parents[:3]
    return next((p for p in parents if (p / "dataset_description.json").is_file()), None)


def _inherited(raw: Path | None, bold: Bold, end: str) -> Iterator[Path]:
    """Files of the raw data that apply to a run: the nearest and most specific first."""
    if raw is None:
        return
    folders = [f"{e}-{label}" for e in ("sub", "ses") if (label := bold.entities.get(e))]
    levels = [raw.joinpath(*folders[:n]) for n in range(len(folders), -1, -1)]
    for level in (levels[0] / "func", *levels):
        names = [(entities_of(path), path) for path in sorted(level.glob(f"*{end}"))]
        fitting = [(len(e), path) for e, path in names if e.items() <= bold.entities.items()]
        yield from (path for _, path in sorted(fitting, reverse=True))


def _repetition_time(runs: Sequence[Bold], raw: Path | None) -> float | None:
    """Repetition time in the JSON files [s]; None if no file has one.

    Raises
    ------
    InputError
        If the files disagree.
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
            f"all runs need the same repetition time; found {said}. Choose runs with --task or "
            "--only"
        )
    return next(iter(times), None)


def _read_json(path: Path) -> dict:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    return values if isinstance(values, dict) else {}


def _onset(events: Path) -> float | None:
    """Onset of the film [s of the recording]: that of the only event, or only event of a film."""
    table = load_table(events, ["onset"])
    if "stim_file" in table:
        shows = table["stim_file"].astype(str).str.lower().str.endswith(FILMS)
        table = table[shows] if shows.any() else table
    onsets = pd.to_numeric(table["onset"], errors="coerce").dropna()
    return float(onsets.iloc[0]) if len(table) == len(onsets) == 1 else None


# --- which volumes stay --------------------------------------------------------------------------


def _volumes(runs: Sequence[RunFile], notes: list[str]) -> dict[Path, int]:
    """Number of volumes of each run that can be read."""
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
    """Number of whole clips of one TR in a film; None if its file does not state its length."""
    seconds = probe(film).seconds
    return int(seconds / tr + SAME) if seconds == seconds else None  # NaN: length unknown


@dataclass(frozen=True)
class _Trimming:
    """Which volumes of a segment's runs were recorded during its film."""

    recording: Recording
    raw: Path | None
    tr: float | None
    volumes: dict[Path, int]
    notes: list[str]
    without_onset: list[str] = field(default_factory=list)
    """Segments whose films have an unknown onset."""

    def of(self, segment: str, runs: Sequence[Bold]) -> dict[Path, dict[str, int | None]]:
        """Of each run of a segment: the clips of its film, and the volumes before and after it."""
        recording = self.recording
        if recording.drop_start is None:
            before = self._before(segment, runs)
        else:
            before = {bold.path: recording.drop_start for bold in runs}
        starts = {path: recording.lag + n for path, n in before.items()}
        lengths = {b.path: self.volumes[b.path] for b in runs if b.path in self.volumes}
        if not lengths:
            self.notes.append(f"{segment}: no run can be read: number of clips unknown")
            unknown = {"clips": None, "drop_end": recording.drop_end or 0}
            return {path: {"drop_start": start, **unknown} for path, start in starts.items()}
        film = Path((recording.film or "").format(segment=segment))
        clips = _clips_of_film(film, self.tr) if self.tr and film.is_file() else None
        rest = {path: n - starts[path] for path, n in lengths.items()}
        ((common, _),) = Counter(lengths.values()).most_common(1)
        usual = min(n for path, n in rest.items() if lengths[path] == common)
        if recording.drop_end is not None or clips is None:
            clips = usual - (recording.drop_end or 0)
        clips = min(clips, usual)
        if clips < 1:
            path = next(path for path, n in rest.items() if n == usual)
            raise InputError(
                f"{segment}: {lengths[path]} volumes, of which {starts[path]} would be dropped at "
                f"the start and {recording.drop_end or 0} at the end: nothing is left. Lower "
                "--drop-start, --lag or --drop-end"
            )
        if short := [path for path, n in rest.items() if n < clips]:
            self.notes.append(
                f"{segment}: {len(short)} of {len(lengths)} runs have too few volumes for its "
                f"{clips} clips: {short[0]} has {lengths[short[0]]}, and "
                f"{starts[short[0]] + clips} are needed. Delete their rows, exclude them with "
                "--only, or lower `clips` in all rows of the segment"
            )
        return {
            path: {
                "clips": clips,
                "drop_start": start,
                "drop_end": max(0, rest.get(path, clips) - clips),
            }
            for path, start in starts.items()
        }

    def _before(self, segment: str, runs: Sequence[Bold]) -> dict[Path, int]:
        """Number of volumes before the film of each run, from the tables of events."""
        onsets = {}
        for bold in runs:
            events = next(_inherited(self.raw, bold, "events.tsv"), None)
            if events and (onset := _onset(events)) is not None:
                onsets[bold.path] = events, onset
        if self.tr is None or not onsets:
            self.without_onset.append(segment)
            return {bold.path: 0 for bold in runs}
        if early := [(events, onset) for events, onset in onsets.values() if onset < 0]:
            events, onset = early[0]
            raise InputError(
                f"{segment}: its film starts {-onset:g} s before the run ({events}): set "
                "--drop-start, or leave out a run with --only"
            )
        starts = {path: round(onset / self.tr) for path, (_, onset) in onsets.items()}
        if bare := [bold.path for bold in runs if bold.path not in onsets]:
            if len(set(starts.values())) > 1:
                raise InputError(
                    f"{segment}: the tables of events have different onsets of its film, and there "
                    f"is none for {bare[0]}: add it, set --drop-start, or leave out the run with "
                    "--only"
                )
            starts |= dict.fromkeys(bare, next(iter(starts.values())))
        off = {path: onset - starts[path] * self.tr for path, (_, onset) in onsets.items()}
        worst = max(off, key=lambda path: abs(off[path]))
        if abs(off[worst]) > OFF * self.tr:
            self.notes.append(
                f"{segment}: its film, and so its clips, start {off[worst]:+.2g} s from the start "
                f"of a volume ({onsets[worst][0]}). To interpolate, give `events` and `event` in "
                "the description, and clean.interpolation"
            )
        return starts
