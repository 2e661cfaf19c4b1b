"""Resources that each rule requests, from one table to the profiles and docs/reference/cost.md.

``make resources`` rewrites them from workflow/resources.tsv, whose columns are

- rule, gpu (number), mem_mb [MB] and runtime, the time limit of a job [min];
- resumes: "yes" if its stage keeps a state, as training does, so that it resumes in the next job;
- jobs at full size, of three subjects without variants; "-" where the rule is not used there;
- estimate [min] of a job at full size on one GPU, and peak [GiB] as measured; "-" if unknown;
- demo and demo_quick [s]: one job of the data set of that name, on two idle cores; "-" if it was
  not run. ``python -m benchmarks.resources --seconds demo --benchmarks results/benchmarks`` fills
  the column from a finished run; mindvideo.outlook adds them up at the start of a run;
- source of the estimate: "rehearsal" (the table in docs/reference/cost.md, divided by the number of
  jobs, or the time of one job where that table has no estimate), "scaled" (from a single run that
  the page names), "bound" (a part of a rule that the rehearsal measures whole).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml

from benchmarks.rehearsal import PEAK_TFLOPS, SUSTAINED, days, gpu_tflops

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "workflow" / "resources.tsv"
GPU_TABLE = ROOT / "workflow" / "gpu.tsv"
"""What ``python -m benchmarks.gpu`` has measured on a GPU, if it has been run on one."""

MEASURED = {
    "captions": "captions",
    "latents": "encoding by the VAE",
    "embeddings": "CLIP, frames",
    "pretraining": "masked brain modelling",
    "mbm_tuning": "masked brain modelling",
    "contrastive": "contrastive",
    "video_tuning": "video tuning",
    "cotraining": "co-training",
    "reconstruct": "reconstruction, 200 steps of ddim",
    "score": "classification of clips",
}
"""By rule: the row of that table which is most of its work."""

PAGE = ROOT / "docs/reference/cost.md"
PROFILES = ("slurm", "generic")
BASES = {
    "rehearsal": "rehearsal",
    "scaled": "one run, scaled",
    "bound": "rehearsal, upper limit",
}
"""What the page says of each source of an estimate."""


class Need(NamedTuple):
    """A rule's row of the table."""

    rule: str
    gpu: int
    mem_mb: int
    runtime: int
    resumes: str
    jobs: int | None
    estimate: float | None
    peak: float | None
    source: str | None
    demo: float | None
    demo_quick: float | None


SECONDS = ("demo", "demo_quick")
"""Columns of seconds."""


def needs() -> list[Need]:
    table = pd.read_csv(TABLE, sep="\t", na_values="-").astype(object)
    table = table.where(table.notna(), None)
    return [Need(**row) for row in table.to_dict("records")]


def of_profile(rows: list[Need]) -> str:
    """The profiles' section of resources; the number of GPUs is in the rules."""
    sections = {row.rule: {"mem_mb": row.mem_mb, "runtime": row.runtime} for row in rows}
    return yaml.safe_dump({"set-resources": sections}, sort_keys=False)


def of_gpu(path: Path = GPU_TABLE) -> tuple[dict[str, str], str]:
    """By rule its fastest measured speed on a GPU, and what was measured where and when."""
    if not path.is_file():
        return dict.fromkeys(MEASURED, "not measured"), (
            "No GPU has been measured: `python -m benchmarks.gpu` does it in at most 8 minutes, "
            "and `make resources` then fills in the last column."
        )
    table = pd.read_csv(path, sep="\t", na_values="n/a")
    speeds = dict.fromkeys(MEASURED, "not measured")
    for rule, what in MEASURED.items():
        rows = table[table["what"] == what]
        if len(rows):
            fastest = rows.loc[rows["a_second"].idxmax()]
            how = [fastest["precision"], *(["compiled"] if fastest["compiled"] else [])]
            if pd.notna(fastest["share_of_peak"]):
                how.append(f"{fastest['share_of_peak']:.0%} of the peak")
            speed = f"{fastest['a_second']:.3g} {fastest['unit']}/s"
            speeds[rule] = f"{speed} ({', '.join(how)})"
    last = table.iloc[-1]
    return speeds, (
        f"Measured on one {last['device']} with torch {last['torch']} ({last['date']}) and random "
        "weights: the fastest row of `workflow/gpu.tsv`, which `python -m benchmarks.gpu` has "
        "written, for the part that is most of a rule's work. The other columns are not from a GPU."
    )


def of_page(rows: list[Need], gpu_table: Path = GPU_TABLE) -> str:
    """The page's table of estimates, and what they assume."""
    assumed = " and ".join(f"{SUSTAINED * v:.0f} in {name}" for name, v in PEAK_TFLOPS.items())
    speeds, where = of_gpu(gpu_table)
    lines = [
        f"Estimates are for one GPU of {assumed} [TFLOP/s], {SUSTAINED:.0%} of an A100's "
        f"peaks ({' and '.join(map(str, PEAK_TFLOPS.values()))}). Peaks are measured without a GPU "
        "in single precision.",
        where,
        "",
        "| rule | jobs | estimate | estimated from | time limit | resumes | peak [GiB] "
        "| memory [GB] | GPU | measured on a GPU |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.jobs:
            estimate = "not known" if row.estimate is None else days(60 * row.estimate)
            peak = "" if row.peak is None else f"{row.peak:.1f}"
            basis = "" if row.source is None else BASES[row.source]
            if row.source and row.gpu:
                basis += f", in {gpu_tflops(row.rule)[0]}"
            cells = [row.rule, f"{row.jobs:.0f}", estimate, basis, days(60 * row.runtime)]
            cells += [row.resumes, peak, f"{row.mem_mb / 1000:.0f}"]
            cells += [str(row.gpu or ""), speeds.get(row.rule, "not measured" if row.gpu else "")]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def parts(path: Path, comment: tuple[str, str]) -> tuple[str, str, str]:
    """The text of a file before, between and after the lines that enclose the generated part."""
    begin, end = (
        f"{comment[0]}{word}{comment[1]}\n"
        for word in (
            " From workflow/resources.tsv, by make resources:",
            " End of what is generated.",
        )
    )
    before, opening, rest = path.read_text().partition(begin)
    between, closing, after = rest.partition(end)
    if not opening or not closing:
        raise ValueError(f"{path}: the lines {begin.strip()!r} and {end.strip()!r} are needed")
    return before + begin, between, end + after


def generated() -> dict[Path, tuple[str, str]]:
    """Current and generated text of each file."""
    rows = needs()
    places = {ROOT / "profiles" / name / "profile.yaml": ("#", "") for name in PROFILES}
    contents = dict.fromkeys(places, of_profile(rows))
    places[PAGE], contents[PAGE] = ("<!--", " -->"), "\n" + of_page(rows) + "\n"
    texts = {}
    for path, comment in places.items():
        before, between, after = parts(path, comment)
        texts[path] = (before + between + after, before + contents[path] + after)
    return texts


def with_seconds(table: pd.DataFrame, column: str, folder: Path) -> pd.DataFrame:
    """The table with the mean seconds of a job of each rule, from the benchmarks of a run.

    Jobs of variants are left out; so are rules without a row. A rule that did not run has "-".
    """
    files = [path for path in folder.rglob("*.tsv") if "variants" not in path.parts]
    last = {path: pd.read_csv(path, sep="\t")["s"].iloc[-1] for path in sorted(files)}
    rules = [path.relative_to(folder).parts[0].removesuffix(".tsv") for path in last]
    means = pd.Series(list(last.values()), index=rules, dtype=float).groupby(level=0).mean()
    if not set(means.index) & set(table["rule"]):
        raise SystemExit(f"{folder}: no benchmark of a rule of the table; name RESULTS/benchmarks")
    texts = table["rule"].map(means).map(lambda s: "-" if pd.isna(s) else f"{s:.3g}")
    return table.assign(**{column: texts})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", choices=SECONDS, help="column to fill from a finished run")
    parser.add_argument("--benchmarks", type=Path, help="its folder of benchmarks")
    given = parser.parse_args()
    if given.seconds:
        table = pd.read_csv(TABLE, sep="\t", dtype=str, keep_default_na=False)
        table = with_seconds(table, given.seconds, given.benchmarks)
        table.to_csv(TABLE, sep="\t", index=False)
    for path, (old, new) in generated().items():
        if old != new:
            path.write_text(new)
            print(f"{path.relative_to(ROOT)} is rewritten")


if __name__ == "__main__":
    main()
