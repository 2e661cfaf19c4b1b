"""Tables as pages: one HTML file each, no script, no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mindvideo.figures.pages import render

COLOURS = (
    (0.0001, "purple", "p < 0.0001"),
    (0.01, "pink", "p < 0.01"),
    (0.05, "yellow", "p < 0.05"),
    (math.inf, "green", "p ≥ 0.05"),
)
"""The paper's colours of two-sample t-tests against the full model (its Table 1)."""


@dataclass(frozen=True)
class Cell:
    """A number, what stands small below it, the class of its colour, a mark after it.

    `spread` is its standard deviation, NaN if it has none.
    """

    value: float
    below: Sequence[str] = ()
    colour: str = ""
    mark: str = ""
    spread: float = math.nan

    @property
    def text(self) -> str:
        """The number as it is printed, with its spread and mark.

        >>> Cell(0.5).text, Cell(12.34, mark="*").text, Cell(0.5, spread=0.0123).text
        ('0.500', '12.3*', '0.500 ± 0.012')
        """
        if math.isnan(self.value):
            return "–"
        digits = 1 if abs(self.value) >= 10 else 3
        spread = "" if math.isnan(self.spread) else f" ± {self.spread:.{digits}f}"
        return f"{self.value:.{digits}f}{spread}{self.mark}"


@dataclass(frozen=True)
class Table:
    """`rows` are cells by column, by the row's name.

    `heads` stands below a column's name, `feet` below a row's, `remarks` at its end.
    """

    title: str
    columns: Sequence[str]
    rows: Mapping[str, Mapping[str, Cell]]
    heads: Mapping[str, str] = field(default_factory=dict)
    feet: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)


def colour_of(p: float) -> str:
    """The paper's colour of a p value; none where there was no test."""
    return "" if math.isnan(p) else next(name for limit, name, _ in COLOURS if p < limit)


def table_page(title: str, notes: Sequence[str], tables: Sequence[Table], legend: bool) -> str:
    """Write the page: notes, what the colours mean, tables one after the other."""
    colours = [(name, meaning) for _, name, meaning in COLOURS] if legend else []
    return render("table", title=title, notes=notes, tables=tables, colours=colours)
