"""Read descriptions of data sets: YAML that builds on YAML, tables, what lies on the disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mindvideo import strict_yaml
from mindvideo.dataset import BY_SEGMENT, Dataset
from mindvideo.errors import InputError
from mindvideo.paths import expand
from mindvideo.pretraining_data import Pretraining
from mindvideo.run import DEFAULT
from mindvideo.run_table import read_runs
from mindvideo.settings.base import Section
from mindvideo.templates import natural

CONFIGURATION = {"dataset", "pretraining_data"}
"""What every configuration says, and no description."""
OF_DESCRIPTIONS = {"like", "tr", "run", "runs", "subjects"}
"""What descriptions say, and no configuration."""
KINDS: dict[type[Section], str] = {Dataset: "a data set", Pretraining: "pre-training data"}
HEADERS = ("subject", "subjects", "subject_id", "participant_id", "participant", "id")


def load_yaml(path: Path, where: str) -> Any:
    """What a YAML file holds (:mod:`mindvideo.strict_yaml`).

    Raises
    ------
    InputError
        If the file is missing or cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{where}: there is no file {path} (seen from {Path.cwd()})")
    try:
        return strict_yaml.load(path.read_text(encoding="utf-8-sig"))
    except (strict_yaml.StrictYamlError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: {path} cannot be read: {error}") from error


def read_yaml(path: Path, where: str) -> dict[str, Any]:
    """A mapping from a YAML file.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or holds something else.
    """
    values = load_yaml(path, where)
    if not isinstance(values, dict):
        raise InputError(f"{where}: {path} should say `key: value`; found {values!r:.60}")
    return values


def read_path(text: str, where: str) -> Path:
    """A path as people write it (:func:`mindvideo.paths.expand`).

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

    The key `like` names another description: what is said goes before what that one says, key by
    key. Paths are those seen from the working folder.

    Raises
    ------
    InputError
        If it is something else, or a file is missing, no YAML, or like itself.
    """
    return _merged(_layers(given, where))


def _with_current_names(
    layers: list[dict[str, Any]], kind: type[Section], where: str
) -> list[dict[str, Any]]:
    """Each layer with the names that settings have now, so that one can replace another's."""
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
    """A description, the one that it is like, and so on, each without what the next one says."""
    if isinstance(given, str):
        if given in above:
            raise InputError(f"{where}: {' is like '.join([*above, given])}: one has to be whole")
        above = (*above, given)
        if given.endswith((".tsv", ".csv")):
            raise InputError(
                f"{where}: {given} is a table; the path of a description was needed "
                f"(config/datasets/….yaml). A table of runs stands in one, as `runs: {given}`"
            )
        given = read_yaml(read_path(given, where), where)
    if not isinstance(given, dict):
        raise InputError(
            f"{where}: the path of a description was needed (config/datasets/….yaml), or its keys "
            f"and values; found {given!r:.60}"
        )
    layer = {key: value for key, value in given.items() if key != "like"}
    if "like" not in given:
        return [layer]
    return [layer, *_layers(given["like"], f"{where}.like", above)]


def read_dataset(given: Any, where: str) -> dict[str, Any]:
    """A data set's description, with the rows of its table of runs if it names one.

    What tables by segment say of segments that are left out here is left out, too.
    """
    layers = _with_current_names(_layers(given, where), Dataset, where)
    values = _merged(layers)
    _refuse_other_kinds(values, where, Dataset)
    table, segments = values.get("runs"), _segments(values)
    if isinstance(table, str):
        values["runs"] = read_runs(read_path(table, f"{where}.runs"))
        segments = {run.segment for run in values["runs"]}
    elif table:
        raise InputError(f"{where}.runs: the path of a table was needed; found {table!r:.60}")
    left_out = set().union(*map(_segments, layers)) - segments - {DEFAULT}
    for field in BY_SEGMENT:
        if isinstance(said := values.get(field), dict):
            values[field] = {name: said[name] for name in said if name not in left_out}
    return values


def _refuse_other_kinds(values: dict[str, Any], where: str, needed: type[Section]) -> None:
    """Refuse a configuration, or a description of the other kind, by what its keys are."""
    if CONFIGURATION & values.keys():
        raise InputError(
            f"{where}: this is a configuration, with {_some(values)}; the description of "
            f"{KINDS[needed]} was needed (config/datasets/….yaml). Has it one, in its `dataset`?"
        )
    if (kind := kind_of(values)) and kind != needed:
        raise InputError(
            f"{where}: this describes {KINDS[kind]}, with {_some(values)}; a description of "
            f"{KINDS[needed]} was needed: have `dataset` and `pretraining_data` changed places?"
        )


def kind_of(values: Mapping[str, Any]) -> type[Section] | None:
    """What a mapping describes, if it describes anything, by the keys that it has."""
    n_keys = {kind: len(kind.model_fields.keys() & values.keys()) for kind in KINDS}
    most = max(n_keys.values())
    kinds = [kind for kind, n in n_keys.items() if n == most]
    if len(kinds) > 1 and "run" in values and isinstance(values.get("runs"), list):
        return Pretraining  # a data set's `runs` is the path of a table, and stands without `run`
    return kinds[0] if len(kinds) == 1 else None


def refuse_description(values: Mapping[str, Any], where: str) -> None:
    """Refuse a description that stands where a configuration was needed.

    Raises
    ------
    InputError
        Saying how a configuration names it.
    """
    if CONFIGURATION & values.keys() or not OF_DESCRIPTIONS & values.keys():
        return
    kind = kind_of(values) or Dataset
    key = "dataset" if kind is Dataset else "pretraining_data"
    raise InputError(
        f"{where}: this is the description of {KINDS[kind]}, with {_some(values)}; a configuration "
        f"was needed, which names it: `{key}: {where}`. config/wen2018.yaml is an example"
    )


def _some(values: Mapping[str, Any]) -> str:
    names = [str(name) for name in values]
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _segments(values: dict[str, Any]) -> set[str]:
    """Segments that a description names, right or wrong."""
    named = [values.get(split) for split in ("train", "test")]
    return {name for names in named if isinstance(names, list) for name in names if name}


def read_pretraining(given: Any, where: str) -> dict[str, Any]:
    """The description of the pre-training runs, with the subjects of its list if it names one."""
    values = _merged(_with_current_names(_layers(given, where), Pretraining, where))
    _refuse_other_kinds(values, where, Pretraining)
    subjects = values.get("subjects")
    if isinstance(subjects, str) and subjects != "*":
        return values | {"subjects": _listed(subjects, f"{where}.subjects")}
    if isinstance(subjects, list):  # YAML takes 100307 for a number
        return values | {"subjects": [str(s) if isinstance(s, int) else s for s in subjects]}
    return values


def _listed(name: str, where: str) -> list[str]:
    """First column of a table or list of subjects, without its header."""
    path = read_path(name, where)
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
    with_runs = [name for name in named if any(Path(p).is_file() for p in data.run_paths(name))]
    if not with_runs:
        example = data.run_paths(data.subjects[0] if data.subjects != "*" else "SUBJECT")[0]
        runs = ", ".join(data.runs[:3]) + (", …" if len(data.runs) > 3 else "")
        raise InputError(
            f"no subject has any of the {len(data.runs)} pre-training runs ({runs}): looked for "
            f"{example} and the like in {Path.cwd()}. Check pretraining_data.run and .subjects"
        )
    return with_runs


def pretraining_runs(data: Pretraining, subject: str) -> list[str]:
    """Files of a subject's runs: all, or those that are there if others may be absent."""
    paths = data.run_paths(subject)
    return [p for p in paths if Path(p).is_file()] if data.absent == "skip" else paths


def _candidates(data: Pretraining) -> list[str]:
    """Names that the folders on the disk put in the place of {subject}."""
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
