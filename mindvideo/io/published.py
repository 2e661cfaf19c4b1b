"""Published results of other work (``published/README.md`` names the sources)."""

from __future__ import annotations

import csv
from pathlib import Path

FOLDER = Path(__file__).with_name("published")
METRICS = ("video_2_way", "video_50_way", "frame_2_way", "frame_50_way", "ssim")
"""The columns of the paper's Table 1, in its order."""


def read_published(name: str) -> list[dict[str, str | None]]:
    """Rows of `table1` or `comparison`, as text; None for values that were not published.

    Without pandas, because the workflow reads them before it starts.
    """
    with (FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [{key: None if v == "n/a" else v for key, v in row.items()} for row in rows]


def number(value: str | None) -> float:
    """A published number; NaN if there is none."""
    return float("nan") if value is None else float(value)
