"""Read descriptions of data sets: YAML files, those they build on, tables, files on the disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mindvideo import strict_yaml
from mindvideo.dataset import BY_SEGMENT, Dataset
from mindvideo.errors import InputError
from mindvideo.expectations import inherited
from mindvideo.paths import expand
from mindvideo.pretraining_data import Pretraining
from mindvideo.run import DEFAULT
from mindvideo.run_table import read_runs
from mindvideo.settings.base import Section
from mindvideo.templates import natural

CONFIGURATION = {"dataset", "pretraining_data"}
"""Keys of configurations, and of no description."""
OF_DESCRIPTIONS = {"like", "tr", "run", "runs", "subjects"}
"""Keys of descriptions, and of no configuration."""
KINDS: dict[type[Section], str] = {Dataset: "a data set", Pretraining: "pre-training data"}
HEADERS = ("subject", "subjects", "subject_id", "participant_id", "participant", "id")


def load_yaml(path: Path, where: str) -> Any:
    """The content of a YAML file (:mod:`mindvideo.strict_yaml`).

    Raises
    ------
    InputError
        If the file is missing or cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{where}: no such file: {path} (relative to {Path.cwd()})")
    try:
        return strict_yaml.load(path.read_text(encoding="utf-8-sig"))
    except (strict_yaml.StrictYamlError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: {path} cannot be read: {error}") from error


def read_yaml(path: Path, where: str) -> dict[str, Any]:
    """A mapping from a YAML file.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or does not contain a mapping.
    """
    values = load_yaml(path, where)
    if not isinstance(values, dict):
        raise InputError(f"{where}: {path} should contain `key: value` pairs; found {values!r:.60}")
    return values


def read_path(text: str, where: str) -> Path:
    """A path with ``~`` and variables expanded (:func:`mindvideo.paths.expand`).

    Raises
    ------
    InputError
        If it names a variable that is not set.
    """
    try:
        return Path(expand(text))
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def read_description(given: Any, where: str) -> dict[str, Any]:
    """Values of a description: a mapping, or the path of a YAML file with one.

    The key `like` names another description, whose values this one overrides key by key. Paths are
    relative to the working folder.

    Raises
    ------
    InputError
        If `given` is something else, or a file is missing, not YAML, or builds on itself.
    """
    return _merged(_layers(given, where))


def _with_current_names(
    layers: list[dict[str, Any]], kind: type[Section], where: str
) -> list[dict[str, Any]]:
    """Each layer with the current names of settings, so that one can override another."""
    try:
        return [kind.with_current_names(layer) for layer in layers]
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def _merged(layers: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        merged |= layer
    return merged


def _layers(given: Any, where: str, above: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """A description, the one that its `like` names, and so on, not yet merged."""
    if isinstance(given, str):
        if given in above:
            raise InputError(f"{where}: {' is like '.join([*above, given])}: remove one `like`")
        above = (*above, given)
        if given.endswith((".tsv", ".csv")):
            raise InputError(
                f"{where}: {given} is a table; expected the path of a description "
                f"(config/datasets/….yaml). Name a table of runs in a description: `runs: {given}`"
            )
        given = read_yaml(read_path(given, where), where)
    if not isinstance(given, dict):
        raise InputError(
            f"{where}: expected the path of a description (config/datasets/….yaml), or its keys "
            f"and values; found {given!r:.60}"
        )
    layer = {key: value for key, value in given.items() if key != "like"}
    if "like" not in given:
        return [layer]
    return [layer, *_layers(given["like"], f"{where}.like", above)]


def read_dataset(given: Any, where: str) -> dict[str, Any]:
    """A data set's description, with the rows of its table of runs if it names one.

    Settings by segment drop the entries of segments that are left out here.
    """
    layers = _with_current_names(_layers(given, where), Dataset, where)
    values = _merged(layers)
    _refuse_other_kinds(values, where, Dataset)
    if "expect" in values:
        values["expect"] = inherited(layers)
    table, segments = values.get("runs"), _segments(values)
    if isinstance(table, str):
        values["runs"] = read_runs(read_path(table, f"{where}.runs"))
        segments = {run.segment for run in values["runs"]}
    elif table:
        raise InputError(f"{where}.runs: expected the path of a table; found {table!r:.60}")
    below = [_tabulated(layer["runs"]) for layer in layers[1:] if "runs" in layer]
    left_out = set().union(*map(_segments, layers), *below) - segments - {DEFAULT}
    for field in BY_SEGMENT:
        if isinstance(said := values.get(field), dict):
            values[field] = {name: said[name] for name in said if name not in left_out}
    return values


def _refuse_other_kinds(values: dict[str, Any], where: str, needed: type[Section]) -> None:
    """Raise an error for a configuration, or a description of the other kind, given its keys."""
    if CONFIGURATION & values.keys():
        raise InputError(
            f"{where}: this is a configuration, with {_some(values)}; expected the description of "
            f"{KINDS[needed]} (config/datasets/….yaml), such as the one that its `dataset` names"
        )
    if (kind := kind_of(values)) and kind != needed:
        raise InputError(
            f"{where}: this describes {KINDS[kind]}, with {_some(values)}; expected a description "
            f"of {KINDS[needed]}: are `dataset` and `pretraining_data` swapped?"
        )


def kind_of(values: Mapping[str, Any]) -> type[Section] | None:
    """The kind of data that a mapping describes, judged by its keys; None if undecided."""
    n_keys = {kind: len(kind.model_fields.keys() & values.keys()) for kind in KINDS}
    most = max(n_keys.values())
    kinds = [kind for kind, n in n_keys.items() if n == most]
    if len(kinds) > 1 and "run" in values and isinstance(values.get("runs"), list):
        return Pretraining  # a data set's `runs` is a path, and excludes `run`
    return kinds[0] if len(kinds) == 1 else None


def refuse_description(values: Mapping[str, Any], where: str) -> None:
    """Raise an error if a description was given instead of a configuration.

    Raises
    ------
    InputError
        The message says how a configuration names the description.
    """
    if CONFIGURATION & values.keys() or not OF_DESCRIPTIONS & values.keys():
        return
    kind = kind_of(values) or Dataset
    key = "dataset" if kind is Dataset else "pretraining_data"
    raise InputError(
        f"{where}: this is the description of {KINDS[kind]}, with {_some(values)}; expected a "
        f"configuration that names it: `{key}: {where}`. config/wen2018.yaml is an example"
    )


def _some(values: Mapping[str, Any]) -> str:
    names = [str(name) for name in values]
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _segments(values: dict[str, Any]) -> set[str]:
    """Segments that a description names, before any check."""
    named = [values.get(split) for split in ("train", "validation", "test")]
    return {name for names in named if isinstance(names, list) for name in names if name}


def _tabulated(table: Any) -> set[str]:
    """Segments of the table of runs of a description on which another builds; it may be missing."""
    try:
        return {run.segment for run in read_runs(Path(expand(table)))}
    except (InputError, TypeError, ValueError):
        return set()


def read_pretraining(given: Any, where: str) -> dict[str, Any]:
    """The description of the pre-training runs; a list of subjects in a file is read."""
    values = _merged(_with_current_names(_layers(given, where), Pretraining, where))
    _refuse_other_kinds(values, where, Pretraining)
    subjects = values.get("subjects")
    if isinstance(subjects, str) and subjects != "*":
        return values | {"subjects": _listed(subjects, f"{where}.subjects")}
    if isinstance(subjects, list):  # YAML reads 100307 as a number
        return values | {"subjects": [str(s) if isinstance(s, int) else s for s in subjects]}
    return values


def _listed(name: str, where: str) -> list[str]:
    """First column of a table or list of subjects, without its header."""
    path = read_path(name, where)
    if not path.is_file():
        raise InputError(
            f'{where}: no such file: {path}. Expected a list ["100307", …], the path of a file '
            "with one subject per line, or '*' for all on the disk"
        )
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    names = [re.split(r"[\t,;]", line)[0].strip().strip('"') for line in lines if line[0] != "#"]
    return names[1:] if names and names[0].lower() in HEADERS else names


# --- files on the disk ----------------------------------------------------------------------------


def pretraining_subjects(data: Pretraining) -> list[str]:
    """The subjects named; if they are '*', or runs may be absent, those that have a run.

    Raises
    ------
    InputError
        If no subject has a run.
    """
    named = _candidates(data) if data.subjects == "*" else data.subjects
    if data.subjects != "*" and data.absent == "error":
        return list(named)
    with_runs = [name for name in named if any(Path(p).is_file() for p in data.run_paths(name))]
    if not with_runs:
        example = data.run_paths(data.subjects[0] if data.subjects != "*" else "SUBJECT")[0]
        runs = ", ".join(data.runs[:3]) + (", …" if len(data.runs) > 3 else "")
        raise InputError(
            f"no subject has any of the {len(data.runs)} pre-training runs ({runs}): looked for "
            f"files such as {example} in {Path.cwd()}. Check pretraining_data.run and "
            ".subjects, or leave out pretraining_data: masked brain modelling then starts from the "
            "subject's own windows"
        )
    return with_runs


def pretraining_runs(data: Pretraining, subject: str) -> list[str]:
    """Files of a subject's runs: all, or, if runs may be absent, those that exist."""
    paths = data.run_paths(subject)
    return [p for p in paths if Path(p).is_file()] if data.absent == "skip" else paths


def _candidates(data: Pretraining) -> list[str]:
    """Names of subjects, from the folders on the disk that match the templates."""
    return sorted(
        {name for t in (data.run, *data.exceptions.values()) for name in _fitting(t)}, key=natural
    )


def _fitting(template: str) -> Iterator[str]:
    parts = Path(template).parts
    place = next(i for i, part in enumerate(parts) if "{subject}" in part)
    pattern = re.escape(parts[place]).replace(re.escape("{subject}"), "(?P<subject>.+)", 1)
    pattern = re.sub(r"\\\{[a-z]+\\\}", ".+", pattern)
    folder = Path(*parts[:place])
    for entry in folder.iterdir() if folder.is_dir() else ():
        if match := re.fullmatch(pattern, entry.name):
            yield match["subject"]
