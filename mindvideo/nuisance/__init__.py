"""Nuisance strategies: what is removed from a run, as a YAML file each beside this module.

A strategy names columns of a run's table of confounds, and which volumes are censored. A file of
the user has the same keys (:class:`Strategy`).

>>> STRATEGIES["motion12"].names[5:8]
('rot_z', 'trans_x_derivative1', 'trans_y_derivative1')
>>> resolve("motion_outlier*").patterns
('motion_outlier*',)
>>> STRATEGIES["scrubbing"].censor.fd
0.5
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from mindvideo import strict_yaml
from mindvideo.settings.sources import OFF
from mindvideo.templates import natural

FOLDER = Path(__file__).parent

Expansion = Literal["basic", "derivatives", "power2", "full"]
"""The terms that are added to each column, by nilearn's names (``load_confounds``)."""
EXPANSIONS: dict[str, tuple[str, ...]] = {
    "basic": ("",),
    "derivatives": ("", "_derivative1"),
    "power2": ("", "_power2"),
    "full": ("", "_derivative1", "_power2", "_derivative1_power2"),
}
CompCor = Literal["a_comp_cor", "t_comp_cor", "w_comp_cor", "c_comp_cor"]


class Censor(BaseModel):
    """Which volumes of a run are censored; by default none is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fd: Annotated[PositiveFloat | None, OFF] = Field(
        None, description="volumes with a framewise displacement above this [mm]"
    )
    std_dvars: Annotated[PositiveFloat | None, OFF] = Field(
        None, description="volumes with a standardised DVARS above this"
    )
    outliers: Annotated[bool, OFF] = Field(
        False,
        description="volumes that the columns `motion_outlier*` and `non_steady_state_outlier*` "
        "mark",
    )
    before: Annotated[NonNegativeInt, OFF] = Field(
        0, description="also so many volumes before each of them"
    )
    after: Annotated[NonNegativeInt, OFF] = Field(
        0, description="also so many volumes after each of them"
    )
    min_segment: Annotated[NonNegativeInt, OFF] = Field(
        0, description="also the volumes between them, where there are fewer than this in a row"
    )

    @property
    def on(self) -> bool:
        """Whether any volume could be censored."""
        return self.fd is not None or self.std_dvars is not None or self.outliers

    @model_validator(mode="after")
    def _has_a_criterion(self) -> Self:
        more = [name for name in ("before", "after", "min_segment") if getattr(self, name)]
        if more and not self.on:
            raise ValueError(
                f"{' and '.join(more)} can only add to the volumes that fd, std_dvars or outliers "
                "censor, and none of these is set: set one"
            )
        return self


class Strategy(BaseModel):
    """The columns that a strategy regresses out, and the volumes that it censors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("(a strategy without a file)", description="in messages: that of the file")
    meaning: str = Field("", description="what is removed, for messages and documentation")
    columns: list[str] = Field(
        [],
        description="names of columns, which every run must have, and patterns (`cosine*`), which "
        "may match none in a run",
    )
    expansion: Expansion = Field(
        "basic",
        description="terms of each named column, as nilearn calls them: `derivatives` adds first "
        "temporal derivatives, `power2` squares, `full` derivatives and the squares of both. A "
        "term that a table lacks is computed",
    )
    components: dict[CompCor, PositiveInt | Literal["all"]] = Field(
        {}, description="by kind, the number of the first CompCor components, or `all` of them"
    )
    censor: Censor = Field(
        Censor(), description="volumes that are censored, with the keys of clean.censor"
    )
    sentence: str = Field(
        "", description="what is removed, as the methods section puts it: `the global signal`"
    )
    reference: str | None = Field(
        None, description="publication that the methods section cites: `AUTHORS YEAR: TITLE …`"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that every table has, or that are computed; terms follow the columns."""
        named = [column for column in self.columns if not is_pattern(column)]
        return tuple(name + end for end in EXPANSIONS[self.expansion] for name in named)

    @property
    def patterns(self) -> tuple[str, ...]:
        """Patterns of columns whose number differs between runs."""
        return tuple(filter(is_pattern, self.columns))

    def without_words(self) -> Strategy:
        """The same without what does not change a result."""
        return self.model_copy(update={"meaning": "", "sentence": "", "reference": None})

    @model_validator(mode="after")
    def _removes_something(self) -> Self:
        if not (self.columns or self.components or self.censor.on):
            raise ValueError(
                "nothing is removed: name columns, such as `columns: [csf, trans_x]`, components "
                "of CompCor, or what to censor volumes by"
            )
        if self.patterns and self.expansion != "basic":
            raise ValueError(
                f"expansion: {self.expansion} adds terms to columns named in full, and "
                f"{self.patterns[0]} is a pattern: write out the names, or use two strategies"
            )
        return self


def is_pattern(column: str) -> bool:
    """Whether the name of a column has a wildcard."""
    return any(sign in column for sign in "*?[")


class _Strategies(Mapping[str, Strategy]):
    """The project's strategies by name, each read when it is first needed."""

    def __getitem__(self, name: str) -> Strategy:
        if name not in _files():
            raise KeyError(name)
        return _read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_files())

    def __len__(self) -> int:
        return len(_files())


STRATEGIES: Mapping[str, Strategy] = _Strategies()


@cache
def _files() -> dict[str, Path]:
    return {
        path.stem: path for path in sorted(FOLDER.glob("*.yaml"), key=lambda p: natural(p.stem))
    }


@cache
def _read(name: str) -> Strategy:
    values: dict[str, Any] = strict_yaml.load(_files()[name].read_text(encoding="utf-8"))
    return Strategy.model_validate({"name": name} | values)


def resolve(entry: str | Strategy) -> Strategy:
    """The strategy that an entry of `clean.confounds` stands for.

    Parameters
    ----------
    entry : str or Strategy
        One of :data:`STRATEGIES` by name, a column, a pattern of columns, or a strategy itself.
    """
    if isinstance(entry, Strategy):
        return entry
    return STRATEGIES.get(entry) or Strategy(name=entry, columns=[entry])


def names_of(entries: Iterable[str | Strategy]) -> list[str]:
    """Names of entries, for messages."""
    return [resolve(entry).name for entry in entries]
