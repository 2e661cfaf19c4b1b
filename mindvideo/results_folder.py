"""Which configuration applies, and which data set a folder of results belongs to.

A folder of results has a stamp, ``dataset.json``, with the name of its data set and the split that
is scored. Without this check, results of another data set would replace its files, since the names
are the same, and scores on validation segments would stand among those on test segments.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from mindvideo.errors import InputError
from mindvideo.paths import expand
from mindvideo.run import Evaluated

VARIABLE = "MINDVIDEO_CONFIG"
"""Environment variable with the path of the configuration."""
DEMO = Path("config/config.yaml")
STAMP = "dataset.json"


def default_configuration() -> Path:
    """The configuration that `MINDVIDEO_CONFIG` names, or else the demo's.

    Raises
    ------
    InputError
        If the variable names a file that does not exist, or contains a variable that is not set.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return DEMO
    try:
        path = Path(expand(named))
    except ValueError as error:
        raise InputError(f"{VARIABLE}: {error}") from None
    if not path.is_file():
        raise InputError(
            f"{VARIABLE}={named}: no such file (relative to {Path.cwd()}). Set it to the path of a "
            f"configuration, or unset it to run the demo ({DEMO})"
        )
    return path


def check_results(
    results: str, dataset: str, configuration: str, evaluate: Evaluated = "test"
) -> None:
    """Raise an error if a folder contains results of another data set, or of another split.

    Parameters
    ----------
    results : str
        The folder, which need not exist.
    dataset : str
        Name of the data set whose results are requested.
    configuration : str
        Path of the configuration that describes it.
    evaluate : {"test", "validation"}
        The segments that are reconstructed and scored.

    Raises
    ------
    InputError
        If the folder's stamp names another data set or split, or cannot be read.
    """
    stamp = Path(results, STAMP)
    if not stamp.is_file():
        return
    try:
        stamped = json.loads(stamp.read_text())
        owner, origin, since = stamped["dataset"], stamped["configuration"], stamped["since"]
        scored = stamped.get("evaluate", "test")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{stamp} cannot be read, so the data set of these results is unknown "
            f"({type(error).__name__}: {error}). If they belong to {dataset!r}, delete this file"
        ) from error
    if owner != dataset:
        raise InputError(
            f"{results} contains results of the data set {owner!r} (configuration {origin}, since "
            f"{since}); the configuration {configuration} describes {dataset!r}, whose results "
            f"would replace them. To continue with {owner!r}, use --configfile {origin} or export "
            f"{VARIABLE}={origin}. For {dataset!r}, set another folder in {configuration}, for "
            f"example results: results-{dataset}. If the data set was only renamed, delete {stamp}"
        )

    if scored != evaluate:
        raise InputError(
            f"{results} contains results on {scored} segments (configuration {origin}, since "
            f"{since}), but {configuration} has evaluate: {evaluate}. The two must not be mixed in "
            f"one folder: set another one in {configuration}, for example results: "
            f"{results}-{evaluate}"
        )


def stamp_results(
    results: str, dataset: str, configuration: str, evaluate: Evaluated = "test"
) -> None:
    """Write the stamp of a folder of results, if it has none."""
    stamp = Path(results, STAMP)
    if stamp.is_file():
        return
    from mindvideo.transaction import writing

    stamp.parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    values = {"dataset": dataset, "configuration": configuration, "since": now}
    values |= {} if evaluate == "test" else {"evaluate": evaluate}
    with writing(stamp) as path:
        path.write_text(json.dumps(values, indent=2) + "\n")
