"""Read descriptions of data sets: YAML that builds on YAML, tables, what lies on the disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mindvideo.errors import InputError
from mindvideo.pretraining_data import Pretraining
from mindvideo.run_table import read_runs
from mindvideo.templates import natural

HEADERS = ("subject", "subjects", "subject_id", "participant_id", "participant", "id")


def read_yaml(path: Path, where: str) -> dict[str, Any]:
    """A mapping from a YAML file.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or holds something else.
    """
    if not path.is_file():
        raise InputError(f"{where}: there is no file {path} (seen from {Path.cwd()})")
    try:
        values = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{where}: {path} cannot be read as YAML: {problem}") from error
    if not isinstance(values, dict):
        raise InputError(f"{where}: {path} should say `key: value`; found {values!r:.60}")
    return values


def read_description(given: Any, where: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """Values of a description: a mapping, or the path of a YAML file with one.

    The key `like` names another description: what is said goes before what that one says, key by
    key. Paths are those seen from the working folder.

    Raises
    ------
    InputError
        If it is something else, or a file is missing, no YAML, or like itself.
    """
    if isinstance(given, str):
        if given in seen:
            raise InputError(f"{where}: {' is like '.join([*seen, given])}: one has to be whole")
        seen = (*seen, given)
        given = read_yaml(Path(given), where)
    if not isinstance(given, dict):
        raise InputError(
            f"{where}: the path of a description was needed (config/datasets/….yaml), or its keys "
            f"and values; found {given!r:.60}"
        )
    if "like" not in given:
        return given
    base = read_description(str(given["like"]), f"{where}.like", seen)
    return base | {key: value for key, value in given.items() if key != "like"}


def read_dataset(given: Any, where: str) -> dict[str, Any]:
    """A data set's description, with the rows of its table of runs if it names one."""
    values = read_description(given, where)
    table = values.get("runs")
    if isinstance(table, str):
        return values | {"runs": read_runs(Path(table))}
    if table:
        raise InputError(f"{where}.runs: the path of a table was needed; found {table!r:.60}")
    return values


def read_pretraining(given: Any, where: str) -> dict[str, Any]:
    """The description of the pre-training runs, with the subjects of its list if it names one."""
    values = read_description(given, where)
    subjects = values.get("subjects")
    if isinstance(subjects, str) and subjects != "*":
        return values | {"subjects": _listed(Path(subjects), f"{where}.subjects")}
    if isinstance(subjects, list):  # YAML takes 100307 for a number
        return values | {"subjects": [str(s) if isinstance(s, int) else s for s in subjects]}
    return values


def _listed(path: Path, where: str) -> list[str]:
    """First column of a table or list of subjects, without its header."""
    if not path.is_file():
        raise InputError(
            f'{where}: there is no file {path}. Needed: a list ["100307", …], the path of a file '
            "with a subject a line, or '*' for all that are there"
        )
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    names = [re.split(r"[\t,;]", line)[0].strip().strip('"') for line in lines if line[0] != "#"]
    return names[1:] if names and names[0].lower() in HEADERS else names


# --- what lies on the disk ------------------------------------------------------------------------


def pretraining_subjects(data: Pretraining) -> list[str]:
    """The subjects named; where they are '*', or runs may be absent, those that have a run.

    Raises
    ------
    InputError
        If there is none.
    """
    named = _candidates(data) if data.subjects == "*" else data.subjects
    if data.subjects != "*" and data.absent == "error":
        return list(named)
    found = [name for name in named if any(Path(p).is_file() for p in data.run_paths(name))]
    if not found:
        example = data.run_paths(data.subjects[0] if data.subjects != "*" else "SUBJECT")[0]
        runs = ", ".join(data.runs[:3]) + (", …" if len(data.runs) > 3 else "")
        raise InputError(
            f"no subject has any of the {len(data.runs)} pre-training runs ({runs}): looked for "
            f"{example} and the like in {Path.cwd()}. Check pretraining_data.run and .subjects"
        )
    return found


def pretraining_runs(data: Pretraining, subject: str) -> list[str]:
    """Files of a subject's runs: all, or those that are there if others may be absent."""
    paths = data.run_paths(subject)
    return [p for p in paths if Path(p).is_file()] if data.absent == "skip" else paths


def _candidates(data: Pretraining) -> list[str]:
    """Names that the folders on the disk put in the place of {subject}."""
    return sorted({name for t in (data.run, *data.exceptions.values()) for name in _fitting(t)},
                  key=natural)  # fmt: skip


def _fitting(template: str) -> Iterator[str]:
    parts = Path(template).parts
    place = next(i for i, part in enumerate(parts) if "{subject}" in part)
    pattern = re.escape(parts[place]).replace(re.escape("{subject}"), "(?P<subject>.+)", 1)
    pattern = re.sub(r"\\\{[a-z]+\\\}", ".+", pattern)
    folder = Path(*parts[:place])
    for entry in folder.iterdir() if folder.is_dir() else ():
        if match := re.fullmatch(pattern, entry.name):
            yield match["subject"]
