"""Compare the full model with its ablations, other subjects and published methods: two tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import comb

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.figures.table import Cell, Table, colour_of, table_page
from mindvideo.io.published import METRICS, number, read_published
from mindvideo.io.tables import save_table
from mindvideo.metrics.statistics import SIGNIFICANCE, holm, models_p, paired_test, two_sample_p
from mindvideo.settings.evaluation import TableSettings
from mindvideo.stages import Inputs, Output, chapter
from mindvideo.stages._rows import ALL_NUMBERS, KEYS, Scores, read_metrics, read_rows

log = logging.getLogger(__name__)

COMPARED = (*METRICS, "psnr")


@chapter("evaluation")
def main(
    *,
    metrics: Inputs,
    per_clip: Inputs,
    methods: Inputs | None,
    table1: Output,
    table1_page: Output,
    comparison: Output,
    comparison_page: Output,
    settings: TableSettings,
) -> None:
    """Write the paper's Table 1 and the comparison with other methods, as TSV and as HTML.

    `metrics` and `per_clip` are tables for the configured rows of the settings, each followed by
    those of its replicates; `methods` are the tables of metrics for the methods of the settings.
    All are in the order of the settings.
    """
    scores = read_rows(settings.rows, metrics, per_clip)
    results = compare_rows(scores, settings)
    save_table(table1, results)
    table1_page.write_text(_page1(results, settings), encoding="utf-8")

    others = methods or []
    if len(others) != len(settings.methods):
        raise InputError(
            f"{len(settings.methods)} methods ({', '.join(settings.methods)}), but {len(others)} "
            "tables of metrics: every method needs one"
        )
    ours = {r.label: scores[r.label] for r in settings.rows if r.full or r.baseline}
    named = dict(zip(settings.methods, map(read_metrics, others)))
    table = _compare_methods(ours, named, settings)
    save_table(comparison, table)
    comparison_page.write_text(_comparison_page(table), encoding="utf-8")


def compare_rows(scores: dict[str, Scores], settings: TableSettings) -> pd.DataFrame:
    """Compare every metric of every row with the first row, and with the paper's value.

    Both tests over clips use those that have a score; the paired test uses those that both rows
    have. The test over trained models needs replicates. The p values of the paired test, and those
    of the test over models, are corrected (Holm) over all rows and metrics of the table.
    """
    published = {row["row"]: row for row in read_published("table1")}
    rng = np.random.default_rng(settings.seed)
    reference = next(iter(scores.values()))
    rows = []
    for label, model in scores.items():
        paper = published.get(label, {})
        for metric, result in model.metrics.iterrows():
            name = str(metric)
            row = {
                "row": label,
                "metric": name,
                **result[[*ALL_NUMBERS]],
                "n_models": model.n_models,
                "sd": model.sd[name],
                "published": number(paper.get(name)),
                "published_se": number(paper.get(f"{name}_se")),
            }
            both = name in model.per_clip and name in reference.per_clip
            if model is not reference and both:
                row |= _tests(model.per_clip, reference.per_clip, name, settings, rng)
            if model is not reference and name in reference.values.index:
                row["p_models"] = models_p(model.of_models(name), reference.of_models(name))
            rows.append(row)
    tests = ["p_two_sample", "colour", "difference", "n_pairs", "p_paired", "p_paired_min"]
    table = pd.DataFrame(rows).reindex(columns=[*rows[0], *tests, "p_paired_holm", "p_models"])
    table["n_pairs"] = table["n_pairs"].astype("Int64")
    table["p_paired_holm"] = holm(table["p_paired"].to_numpy(float))
    table["p_models_holm"] = holm(table["p_models"].to_numpy(float))
    if why := _no_mark_possible(table):
        log.warning("%s", why)
    return table


def _no_mark_possible(table: pd.DataFrame) -> str:
    """Say why no difference can be significant after Holm's correction; "" if one can."""
    p_min, n_tests = table["p_paired_min"].min(), int(table["p_paired"].notna().sum())
    if _replicated(table) or not n_tests or p_min * n_tests < SIGNIFICANCE:
        return ""
    return (
        f"No difference can be marked: of {n_tests} paired tests the smallest possible p is "
        f"{p_min:.2g}, and {min(1, p_min * n_tests):.2g} after Holm's correction. Score more test "
        "clips, raise tables.permutations, or compare fewer rows"
    )


def _replicated(table: pd.DataFrame) -> bool:
    """Whether rows are of several trained models, so that marks come from the test over models."""
    return bool((table["n_models"] > 1).any())


def _tests(
    per_clip: pd.DataFrame,
    reference: pd.DataFrame,
    metric: str,
    settings: TableSettings,
    rng: np.random.Generator,
) -> dict:
    pairs = per_clip[[*KEYS, metric]].merge(
        reference[[*KEYS, metric]], on=KEYS, suffixes=("", "_full")
    )
    pairs = pairs.sort_values(KEYS)
    difference = pairs[metric] - pairs[f"{metric}_full"]
    segments = [d.to_numpy(float) for _, d in difference.groupby(pairs["segment"], sort=False)]
    p = two_sample_p(per_clip[metric].to_numpy(float), reference[metric].to_numpy(float))
    counts = {"block": settings.block, "permutations": settings.permutations}
    p_paired, p_paired_min = paired_test(segments, **counts, rng=rng)
    return {
        "p_two_sample": p,
        "colour": colour_of(p) or None,
        "difference": difference.mean(),
        "n_pairs": int(difference.notna().sum()),
        "p_paired": p_paired,
        "p_paired_min": p_paired_min,
    }


def _page1(results: pd.DataFrame, settings: TableSettings) -> str:
    others = [name for name in results["metric"].unique() if name not in METRICS]
    missing = [row.label for row in settings.rows if row.owner is None]
    reasons = "; ".join(f"{row.label}: {row.why}" for row in settings.rows if row.owner is None)
    notes = [
        f"Measured on {settings.dataset}: means over the {settings.evaluate} clips, with 95% "
        "intervals of a block bootstrap. “Paper” is what Chen, Qing & Zhou (2023) report on the "
        "films data set of Wen et al. (2018); it compares only with measures on the same data, by "
        "the same classifiers.",
        *_meaning_of_marks(results, settings),
    ]
    if why := _no_mark_possible(results):
        notes.append(f"{why}.")
    if missing:
        notes.append(f"Rows of the paper that are not here: {reasons}.")
    tables = [_table1("The paper's metrics", METRICS, results, settings)]
    if others:
        tables.append(_turned(_table1("Other metrics", others, results, settings), others))
    return table_page(f"Table 1: {settings.dataset}", notes, tables, legend=True)


def _meaning_of_marks(results: pd.DataFrame, settings: TableSettings) -> list[str]:
    colours = (
        "Colours are the paper's, of its uncorrected test, which takes neighbouring clips for "
        "independent."
    )
    if not _replicated(results):
        return [
            f"* differs from the first row by a paired test (signs of blocks of {settings.block} "
            f"neighbouring clips flipped; Holm-corrected over {results['p_paired'].notna().sum()} "
            f"tests; p < {SIGNIFICANCE}). {colours}",
            "Each row is one training run. A star means that these two trained models differ on "
            "these clips. It does not mean that the methods differ: another seed gives other "
            "scores. The setting “replicates” trains each row several times.",
        ]
    n = int(results["n_models"].max())
    return [
        f"Each row is the mean ± standard deviation over {n} training runs under different seeds "
        "(a row without ± has no randomness: it is the same in every run). Intervals and null "
        "distributions are means over the runs. Colours are the paper's, for the mean scores of "
        "each clip, of its uncorrected test, which takes neighbouring clips for independent.",
        "* differs from the first row by Welch's t-test with the trained model as its unit "
        f"(Holm-corrected over {results['p_models'].notna().sum()} tests; p < {SIGNIFICANCE}). A "
        "star means that the methods (or the subjects) differ on these clips, and not only two "
        "trained models. The test takes scores as normally distributed over training runs, and "
        f"has no smallest p; a permutation of {n} and {n} models could not give less than "
        f"{2 / comb(2 * n, n):.2g}.",
    ]


def _table1(
    title: str, columns: Sequence[str], results: pd.DataFrame, settings: TableSettings
) -> Table:
    rows: dict[str, dict[str, Cell]] = {row.label: {} for row in settings.rows}
    heads: dict[str, str] = {}
    p_of_mark = "p_models_holm" if _replicated(results) else "p_paired_holm"
    for row in results.to_dict("records"):
        if row["metric"] not in columns:
            continue
        against = "null" if np.isnan(row["chance"]) else "chance"
        level = row["null_mean"] if against == "null" else row["chance"]
        heads.setdefault(row["metric"], "" if np.isnan(level) else f"{against} {level:.3f}")
        below = [f"{row['ci_low']:.3f} to {row['ci_high']:.3f}"]
        if not np.isnan(row["published"]):
            below.append(f"paper {row['published']:.3f}")
        rows[row["row"]][row["metric"]] = Cell(
            row["value"],
            below,
            colour_of(row["p_two_sample"]),
            "*" if row[p_of_mark] < SIGNIFICANCE else "",
            row["sd"],
        )
    published = {row["row"]: row for row in read_published("table1")}
    for absent in settings.rows:  # rows of the paper that this configuration does not have
        if absent.owner is None:
            for name in set(columns) & set(METRICS):
                value = number(published[absent.label][name])
                rows[absent.label][name] = Cell(float("nan"), [f"paper {value:.3f}"])
    return Table(title, columns, rows, heads)


def _turned(table: Table, metrics: Sequence[str]) -> Table:
    """Transpose a table: metrics as rows, since there are more of them than models."""
    models = [name for name, cells in table.rows.items() if cells]
    rows = {
        metric: {name: table.rows[name][metric] for name in models if metric in table.rows[name]}
        for metric in metrics
    }
    return Table(table.title, models, rows, feet=table.heads)


def _compare_methods(
    ours: dict[str, Scores], named: dict[str, pd.DataFrame], settings: TableSettings
) -> pd.DataFrame:
    rows = [
        {
            "method": row["method"],
            "measured_on": "Wen et al. 2018",
            "by": "its paper, or a later one",
            **{name: number(row[name]) for name in COMPARED},
            "note": row["note"],
        }
        for row in read_published("comparison")
    ]
    for label, scores in ours.items():
        spread = {f"{name}_sd": scores.sd.get(name, np.nan) for name in COMPARED}
        row = _method(f"here: {label}", settings.dataset, scores.metrics)
        rows.append({**row, "n_models": scores.n_models, **spread})
    for label, table in named.items():
        rows.append(_method(label, settings.methods[label], table))
    table = pd.DataFrame(rows)
    table["n_models"] = table["n_models"].astype("Int64")
    return table


def _method(label: str, measured_on: str, table: pd.DataFrame) -> dict:
    values = {name: table["value"].get(name, np.nan) for name in COMPARED}
    return {"method": label, "measured_on": measured_on, "by": "mindvideo score", **values}


def _comparison_page(table: pd.DataFrame) -> str:
    rows, remarks = {}, {}
    for row in table.to_dict("records"):
        name = row["method"]
        rows[name] = {m: Cell(row[m], spread=row[f"{m}_sd"]) for m in COMPARED}
        note = "" if pd.isna(row["note"]) else f"; {row['note']}"
        remarks[name] = f"{row['measured_on']}; by {row['by']}{note}"
    notes = [
        "The same names hide different formulas, and numbers on different films do not compare: "
        "read columns only within one definition and one data set. The 2-way and 50-way figures "
        "take three ground-truth classes, so that chance is 0.750 and 0.058, not 1/2 and 1/50.",
    ]
    if (n := table["n_models"].max()) > 1:
        notes.append(f"± is the standard deviation over {n} training runs under different seeds.")
    return table_page(
        "Methods compared", notes, [Table("", COMPARED, rows, remarks=remarks)], legend=False
    )
