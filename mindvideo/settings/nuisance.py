"""Entries of `clean.confounds`: names, or strategies in files of the user (:mod:`.nuisance`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationError

from mindvideo import strict_yaml
from mindvideo.nuisance import STRATEGIES, Strategy
from mindvideo.paths import expand
from mindvideo.templates import did_you_mean
from mindvideo.validation import explain

ENDS = (".yaml", ".yml")


def read_strategy(given: Any) -> Any:
    """A strategy from its file, if an entry is the path of one; other entries as they are.

    The content takes the place of the path, so that a change of the file counts as a change of the
    setting.

    Raises
    ------
    ValueError
        If the file is missing, is not YAML, or has wrong keys; the message names them.
    """
    if not isinstance(given, str) or not (given.endswith(ENDS) or "/" in given):
        return given
    path = Path(expand(given))
    if not path.is_file():
        raise ValueError(
            f"no such file (relative to {Path.cwd()}){did_you_mean(path.stem, STRATEGIES)}. "
            f"Expected the path of a strategy, a column, or one of {', '.join(STRATEGIES)}"
        )
    try:
        values = strict_yaml.load(path.read_text(encoding="utf-8-sig"))
    except (strict_yaml.StrictYamlError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"it cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(
            "it should contain `key: value` pairs, such as `columns: [csf, trans_x]`; it contains "
            f"{values!r:.60}"
        )
    try:
        return Strategy.model_validate(values | {"name": given})
    except ValidationError as error:
        _, *problems = explain(error, given, Strategy).splitlines()
        wrong = ". ".join(problem.strip() for problem in problems)
        raise ValueError(f"it is not a strategy. {wrong}") from None


Confound = Annotated[str | Strategy, BeforeValidator(read_strategy)]
"""A column, a pattern of columns, the name of a strategy or the path of its file; or a strategy."""


def _without_words(entries: list[str | Strategy]) -> list[str | Strategy]:
    return [e.without_words() if isinstance(e, Strategy) else e for e in entries]


WordlessConfounds = Annotated[list[Confound], AfterValidator(_without_words)]
"""Entries without the texts of strategies, which change no result of cleaning."""
