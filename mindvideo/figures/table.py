"""Tables as pages: one HTML file each, no script, no network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mindvideo.figures.style import metric_label

COLOURS = (
    (0.0001, "purple", "p < 0.0001"),
    (0.01, "pink", "p < 0.01"),
    (0.05, "yellow", "p < 0.05"),
    (math.inf, "green", "p ≥ 0.05"),
)
"""The paper's colours of two-sample t-tests against the full model (its Table 1)."""


@dataclass(frozen=True)
class Cell:
    """A number, what stands small below it, the class of its colour, and a mark after it."""

    value: float
    below: Sequence[str] = ()
    colour: str = ""
    mark: str = ""


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
    """Write the page: notes, tables one after the other, and what the colours mean."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts += [f"<p>{html.escape(note)}</p>" for note in notes]
    if legend:
        keys = "".join(f'<span class="{name}">{html.escape(t)}</span>' for _, name, t in COLOURS)
        parts.append(f'<p class="legend">Two-sample t-test against the first row: {keys}</p>')
    parts += [_table(table) for table in tables]
    return page(title, "\n".join(parts))


def page(title: str, body: str) -> str:
    """Write a page of some HTML, in the style of the tables."""
    return _PAGE.replace("{{title}}", html.escape(title)).replace("{{body}}", body)


def _table(table: Table) -> str:
    head = "".join(
        f"<th>{html.escape(metric_label(c))}<small>{html.escape(table.heads.get(c, ''))}</small>"
        "</th>"
        for c in table.columns
    )
    remark = "<th></th>" if table.remarks else ""
    lines = []
    for name, cells in table.rows.items():
        row = "".join(_cell(cells.get(column)) for column in table.columns)
        if table.remarks:
            row += f'<td class="remark">{html.escape(table.remarks.get(name, ""))}</td>'
        below = f"<small>{html.escape(table.feet[name])}</small>" if name in table.feet else ""
        label = html.escape(metric_label(name)) + below
        lines.append(f'<tr><th scope="row">{label}</th>{row}</tr>')
    return (
        f"<h2>{html.escape(table.title)}</h2>\n"
        f'<div class="wide"><table><thead><tr><th></th>{head}{remark}</tr></thead>\n<tbody>'
        + "\n".join(lines)
        + "</tbody></table></div>"
    )


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td>–</td>"
    digits = 1 if abs(cell.value) >= 10 else 3
    value = "–" if math.isnan(cell.value) else f"{cell.value:.{digits}f}{cell.mark}"
    below = "".join(f"<small>{html.escape(line)}</small>" for line in cell.below)
    return f'<td class="{cell.colour}">{value}{below}</td>'


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}</title>
<style>
body {
  margin: 0 auto; padding: 1rem clamp(12px, 3vw, 32px) 3rem; max-width: 1200px; color: #1c1e21;
  background: #fff; font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
p { color: #5f656d; max-width: 80ch; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .7rem; text-align: right; vertical-align: top; white-space: nowrap; }
th { font-weight: 600; }
th[scope=row], td.remark { text-align: left; }
td.remark { white-space: normal; color: #5f656d; font-size: .85rem; min-width: 16ch; }
thead th { border-bottom: 2px solid #1c1e21; }
tbody tr { border-bottom: 1px solid #e0e0dc; }
small { display: block; color: #5f656d; font-weight: 400; font-size: .75rem; }
.legend span { padding: .1rem .5rem; margin-right: .4rem; color: #1c1e21; }
.purple { background: #ddd0ee; } .pink { background: #f9d3de; }
.yellow { background: #fdf1b8; } .green { background: #d5ecd2; }
</style>
</head>
<body>
{{body}}
</body>
</html>
"""
