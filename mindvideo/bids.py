"""The table of runs of a folder of BIDS derivatives, as fMRIPrep writes it.

The entities in a file's name identify the run: subject, session, task, run, space. A segment is a
task, or a task and other entities; its repetitions are numbered over sessions and runs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from nilearn.interfaces.bids import parse_bids_filename

from mindvideo.errors import InputError
from mindvideo.run import Split
from mindvideo.templates import natural

ENDS = (".dtseries.nii", ".nii.gz", ".nii")
PART = re.compile(r"[A-Za-z]+-[A-Za-z0-9+]+")
OF_SPACE = ("cohort", "res", "den")
RECORDING = ("sub", "ses", "task", "acq", "ce", "dir", "run")
"""Entities that distinguish recordings; files that differ in others are versions of one."""
INDICES = ("run", "echo")
NAMES = {"session": "ses", "subject": "sub"}
REST = "rest*"


@dataclass(frozen=True)
class Choice:
    """Which files of a folder are runs of the data set, and how to assign them to segments."""

    space: str | None = None
    """As fMRIPrep's ``--output-spaces``: MNI152NLin2009cAsym:res-2; func is native space."""
    desc: str = "preproc"
    only: Sequence[str] = ()
    """ENTITY-PATTERN: the labels that a file must have; ENTITY- requires that it lacks one."""
    segment: Sequence[str] = ("task",)
    """Entities whose labels make a segment's name."""
    train: Sequence[str] = ()
    """Patterns of the names of training segments; by default, all that are not test segments."""
    test: Sequence[str] = ()
    """Patterns of the names of test segments; by default, names that start with "test"."""


@dataclass(frozen=True)
class Bold:
    """A preprocessed run: its file, and the entities in the file's name."""

    path: Path
    entities: dict[str, str]
    """Labels, numbers without leading zeros: run-01 and run-1 are the same."""

    @property
    def is_cifti(self) -> bool:
        return self.path.name.endswith(ENDS[0])

    @property
    def space(self) -> str:
        there = [f"{e}-{self.entities[e]}" for e in OF_SPACE if e in self.entities]
        return ":".join([self.entities.get("space", "func"), *there])

    def _sibling(self, without: Sequence[str], *ends: str) -> str | None:
        """The file whose name differs only in some entities and its ending, if there is one."""
        parts = self.path.name.split("_")[:-1]
        kept = [part for part in parts if part.partition("-")[0] not in without]
        paths = [self.path.with_name("_".join([*kept, end])) for end in ends]
        return next((str(path) for path in paths if path.is_file()), None)

    @property
    def confounds(self) -> str | None:
        ends = (f"desc-confounds_{end}.tsv" for end in ("timeseries", "regressors"))
        return self._sibling(("space", *OF_SPACE, "desc", "echo", "part"), *ends)

    @property
    def mask(self) -> str | None:
        """fMRIPrep's brain mask on the run's grid; a run on grayordinates has none."""
        ends = () if self.is_cifti else ("desc-brain_mask.nii.gz", "desc-brain_mask.nii")
        return self._sibling(("desc", "echo", "part"), *ends)


@dataclass(frozen=True)
class RunFile:
    """A preprocessed run with its segment and repetition in the data set."""

    bold: Bold
    segment: str
    split: Split
    repetition: int

    @property
    def subject(self) -> str:
        return self.bold.entities["sub"]


def entities_of(path: Path) -> dict[str, str]:
    """The labels in a file's name.

    Raises
    ------
    InputError
        If the name does not consist of ``entity-label`` pairs.
    """
    wrong = [part for part in path.name.split("_")[:-1] if not PART.fullmatch(part)]
    if wrong:
        raise InputError(
            f"{path}: {wrong[0]!r} in this name is not an entity-label pair such as task-film1 "
            "(letters and digits, one hyphen). Rename the file according to BIDS, or move it out "
            "of the folder."
        )
    entities = parse_bids_filename(str(path))["entities"]
    return {e: _label(e, label) for e, label in entities.items()}


def _label(entity: str, label: str) -> str:
    return str(int(label)) if entity in INDICES and label.isdigit() else label


# --- which files ----------------------------------------------------------------------------------


def find_runs(folder: Path, choice: Choice) -> tuple[list[RunFile], list[str]]:
    """The runs of a folder by subject, segment and repetition; notes on guesses and omissions.

    Only nilearn's parser of file names is used: ``get_bids_files`` omits subjects without sessions
    if other subjects have them.

    Raises
    ------
    InputError
        If there is no run, or several spaces, versions or splits are possible. The message lists
        what was found.
    """
    runs = _of_desc(folder, _bold_files(folder), choice.desc)
    runs = _in_space(_only(runs, choice.only), choice.space)
    _each_once(runs)
    by_segment: dict[str, list[Bold]] = defaultdict(list)
    for bold in runs:
        by_segment[_segment(bold, choice.segment)].append(bold)
    splits, notes = _splits(sorted(by_segment, key=natural), choice)
    files = []
    for segment, split in splits.items():
        repetitions: Counter[str] = Counter()
        for bold in sorted(by_segment[segment], key=_order):
            repetitions[bold.entities["sub"]] += 1
            files.append(RunFile(bold, segment, split, repetitions[bold.entities["sub"]]))
    files.sort(
        key=lambda s: (natural(s.subject), s.split == "test", natural(s.segment), s.repetition)
    )
    return files, notes


def _order(bold: Bold) -> list[list[tuple[str, int]]]:
    """Sessions first, then runs."""
    return [natural(bold.entities.get(e, "")) for e in ("ses", "run", "acq", "ce", "dir")]


def _bold_files(folder: Path) -> list[Bold]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder (relative to {Path.cwd()})")
    inside = [p for level in ("", "ses-*/") for p in folder.glob(f"sub-*/{level}func/sub-*_bold.*")]
    paths = [p for p in sorted(inside) if p.name.endswith(tuple(f"_bold{end}" for end in ENDS))]
    if not paths:
        surfaces = any(p.name.endswith(".func.gii") for p in inside)
        hint = (
            ". For surfaces (.func.gii), use --cifti-output 91k, or write a template with {hemi} "
            "and dataset.space: gifti (docs/how-to/own-data.md)"
            if surfaces
            else ""
        )
        raise InputError(
            f"{folder}: no runs found ({', '.join(f'sub-*/[ses-*/]func/*_bold{e}' for e in ENDS)})"
            f"{hint}{_elsewhere(folder)}"
        )
    return [Bold(path, entities_of(path)) for path in paths]


def _elsewhere(folder: Path) -> str:
    near = [p.parent for level in ("", "derivatives/") for p in folder.glob(f"{level}*/sub-*")]
    named = ", ".join(dict.fromkeys(map(str, sorted(near))))
    return f". Did you mean {named}?" if named else ""


def _of_desc(folder: Path, runs: list[Bold], desc: str) -> list[Bold]:
    """Runs with this ``desc-``; fMRIPrep's CIFTI files have none, volumes without one are raw."""
    fitting = (desc, None)
    kept = [b for b in runs if b.entities.get("desc") in fitting[: 1 + b.is_cifti]]
    if not kept:
        versions = sorted({f"desc-{d}" if (d := b.entities.get("desc")) else "raw" for b in runs})
        raise InputError(
            f"{folder}: no preprocessed runs (desc-{desc}); found: {', '.join(versions)}. Choose "
            "another description with --desc; fMRIPrep writes its runs to its own output folder"
            f"{_elsewhere(folder)}"
        )
    return kept


def _only(runs: list[Bold], conditions: Sequence[str]) -> list[Bold]:
    patterns: dict[str, list[str]] = defaultdict(list)
    for word in conditions:
        entity, hyphen, label = word.partition("-")
        if not hyphen:
            raise InputError(f"--only {word}: expected ENTITY-LABEL, such as ses-02 or acq-mb*")
        entity = NAMES.get(entity, entity)
        patterns[entity].append(_label(entity, label))
    for entity, labels in patterns.items():
        there = sorted({b.entities.get(entity, "") for b in runs}, key=natural)
        runs = [b for b in runs if _fits(b.entities.get(entity, ""), labels)]
        if not runs:
            existing = ", ".join(f"{entity}-{label}" if label else "none" for label in there)
            requested = ", ".join(f"{entity}-{label}" for label in labels)
            raise InputError(f"no run has {requested}; found: {existing}")
    return runs


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _in_space(runs: list[Bold], space: str | None) -> list[Bold]:
    counts = Counter((b.space, "CIFTI" if b.is_cifti else "NIfTI") for b in runs)
    there = [s for s, _ in counts]
    fitting = [s for s in there if s == space] or [
        s for s in there if space is None or s.startswith(f"{space}:")
    ]
    if len(fitting) != 1:
        listed = ", ".join(f"{s} ({kind}, {n} runs)" for (s, kind), n in sorted(counts.items()))
        what = f"no runs in the space {space}" if not fitting else "runs in several spaces"
        raise InputError(f"{what}; found: {listed}. Choose one: --space {there[0]}")
    return [b for b in runs if b.space == fitting[0]]


def _each_once(runs: list[Bold]) -> None:
    """Raise an error if there are two versions of one recording."""
    recordings: dict[tuple[str | None, ...], Bold] = {}
    for bold in runs:
        other = recordings.setdefault(tuple(bold.entities.get(e) for e in RECORDING), bold)
        if other is not bold:
            differ = sorted(
                f"{e}-{b.entities.get(e, '')}"
                for e in {*bold.entities, *other.entities} - {"desc"}
                for b in (other, bold)
                if bold.entities.get(e) != other.entities.get(e)
            )
            ask = f"Choose: --only {' or '.join(differ)}" if differ else "Remove one of them"
            raise InputError(f"{other.path} and {bold.path} are the same recording. {ask}")


# --- what they are --------------------------------------------------------------------------------


def _segment(bold: Bold, entities: Sequence[str]) -> str:
    names = [NAMES.get(e, e) for e in entities]
    if missing := [e for e in names if e not in bold.entities]:
        raise InputError(
            f"{bold.path}: --segment {'+'.join(entities)} needs {missing[0]}- in each name; this "
            f"name has {', '.join(bold.entities)}"
        )
    return "-".join(bold.entities[e] for e in names).replace("+", "-")


def _splits(segments: list[str], choice: Choice) -> tuple[dict[str, Split], list[str]]:
    """Split of each segment that is used; notes on guesses and omissions."""
    listed, notes = ", ".join(segments), []
    for option, patterns in (("train", choice.train), ("test", choice.test)):
        if unused := [p for p in patterns if not any(fnmatchcase(s, p) for s in segments)]:
            raise InputError(f"--{option} {unused[0]} matches no segment; found: {listed}")
    test = [s for s in segments if _fits(s, choice.test)]
    train = [s for s in segments if _fits(s, choice.train)]
    if both := [s for s in train if s in test]:
        raise InputError(f"--train and --test both match {', '.join(both)}")
    others = [s for s in segments if s not in (*train, *test) and not _fits(s.lower(), [REST])]
    if not choice.test and not choice.train:
        test = [s for s in others if s.lower().startswith("test")]
        others = [s for s in others if s not in test]
        notes.append("guessed: segments whose names start with test are for the test (--test)")
    if not choice.train:
        train = others
    elif not choice.test:
        test = others
    if not test or not train:
        raise InputError(
            f"no training or no test segments; found: {listed}. Name the test segments with --test "
            "(names or patterns; all others are then for training), and those for training with "
            "--train if some are neither. If a task has several films, use --segment task+run"
        )
    if left_out := [s for s in segments if s not in (*train, *test)]:
        notes.append(f"left out: {', '.join(left_out)}")
    splits: dict[str, Split] = {}
    splits |= dict.fromkeys(train, "train")
    splits |= dict.fromkeys(test, "test")
    return splits, notes
