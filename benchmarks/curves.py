"""Scores against noise and amount of fMRI: ``python -m benchmarks.curves``

Runs the chain and the variant `linear` of one subject of the embedded data set at several points:
brains of another signal-to-noise ratio, and fewer training segments of the subject. Each point is a
configuration, and all points share one folder, so that Snakemake recomputes only what a point
changes: films, captions, masked pre-training and video tuning are computed once. The scores of each
point are appended to a table; a command that was stopped continues with the next point.

- All points select the same number of voxels, those of highest correlation between repetitions:
  the significance test of the paper leaves few voxels, or none, with few segments or much noise.
- A subject with fewer segments keeps the first ones. The films of the others are still used by the
  video tuning, which needs no fMRI.
- No other setting differs between points, and none is chosen by the scores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml

from benchmarks.curves_figure import draw_curves
from benchmarks.workflow import run_workflow
from mindvideo.config import Config, check_config
from mindvideo.contents import text_digest
from mindvideo.dataset import Dataset
from mindvideo.descriptions import read_yaml
from mindvideo.errors import InputError
from mindvideo.fmri.reproducibility import Reproducibility, segment_z
from mindvideo.fmri.selection import select
from mindvideo.io.figures import save_figure
from mindvideo.io.maps import read_labels
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings.fmri import Selection
from mindvideo.stages.select import CRITERIA

RESULTS, TABLE = "results", "curves.tsv"
SNRS, SEGMENTS, VOXELS = (0.4, 0.25), (9, 4), 900
"""Defaults. At the lower ratio the median selected voxel has an r of about 0.1; 900 voxels are
about as many as the demo's own selection has."""
FULL, LINEAR = "MinD-Video", "linear"
OF_CLIPS = (
    "identification_frame",
    "identification_video",
    "kind_accuracy",
    "scene_accuracy",
    "motion_accuracy",
    "ssim",
)
"""Metrics of reconstructed clips."""
OF_FRAMES = ("top1", "top5", "identification")
"""Metrics of the decoded embedding of a clip's frame."""
DECODERS = {FULL: "fmri", LINEAR: "ridge"}
"""The encoder's embeddings and those of ridge regression, as the table of retrieval names them."""
COPIED = ("n_clips", "value", "ci_low", "ci_high", "p", "chance", "null_mean")


class Point(NamedTuple):
    """A signal-to-noise ratio of the brains, and a number of training segments of the subject."""

    snr: float
    segments: int

    def __str__(self) -> str:
        return f"SNR {self.snr:g}, {self.segments} training segments"


class Curves:
    """The points of a configuration of the embedded data set.

    Parameters
    ----------
    values
        The configuration as read from its file.
    subject
        The only subject of all points.
    n_voxels
        Number of voxels that each point selects.

    Raises
    ------
    InputError
        If the configuration is wrong, or has no such subject or no variant `linear`.
    """

    def __init__(self, values: dict[str, Any], subject: str, n_voxels: int) -> None:
        self.values, self.subject, self.n_voxels = values, subject, n_voxels
        self.checked = check_config(values, "configuration")
        if subject not in self.checked.dataset.subjects:
            found = ", ".join(self.checked.dataset.subjects)
            raise InputError(f"no subject {subject!r}, but {found}: name one of them (--subject)")
        if LINEAR not in self.checked.variants:
            raise InputError(
                f"variants has no {LINEAR!r}, the baseline of the curves: take it from "
                "config/config.yaml"
            )

    @property
    def own(self) -> Point:
        """The point of the configuration itself."""
        segments = self.checked.dataset.segments_of(self.subject, "train")
        return Point(self.checked.demo.brain.snr, len(segments))

    def points(self, snrs: Sequence[float], segments: Sequence[int]) -> list[Point]:
        """The own point, those with fewer segments, and those of other ratios, each once.

        Points of the same brains follow each other, so that these are simulated once.
        """
        own = self.own
        few = [Point(own.snr, n) for n in segments]
        return list(dict.fromkeys([own, *few, *(Point(snr, own.segments) for snr in snrs)]))

    def configuration(self, point: Point) -> dict[str, Any]:
        """The configuration of a point.

        Raises
        ------
        InputError
            If the subject has fewer training segments.
        """
        return self.values | {
            "results": RESULTS,
            "dataset": self._dataset(point.segments),
            "pretraining_data": self.checked.pretraining_data.model_dump(mode="json"),
            "selection": self.values.get("selection", {})
            | {"criterion": "best", "n_voxels": self.n_voxels},
            "demo": _with_snr(self.values.get("demo", {}), point.snr),
        }

    def checked_at(self, point: Point) -> Config:
        return check_config(self.configuration(point), str(point))

    def _dataset(self, n_segments: int) -> dict[str, Any]:
        """The description of the subject with its first `n_segments` training segments."""
        whole = self.checked.dataset
        segments = whole.segments_of(self.subject, "train")
        if not 2 <= n_segments <= len(segments):
            raise InputError(
                f"--segments {n_segments}, but {self.subject} has {len(segments)} training "
                f"segments: choose 2 to {len(segments)}"
            )
        left_out = [
            whole.key(run)
            for run in whole.rows
            if run.subject == self.subject and run.segment in segments[n_segments:]
        ]
        return whole.model_dump(mode="json", exclude={"runs", "expect"}) | {
            "subjects": {self.subject: whole.subjects[self.subject]},
            "exclude": [*whole.exclude, *left_out],
        }

    def digest(self, point: Point) -> str:
        """Identifies the configuration of a point."""
        return text_digest(yaml.safe_dump(self.configuration(point)))

    # --- computing --------------------------------------------------------------------------------

    def targets(self) -> list[str]:
        """The tables that the rows of a point are read from."""
        place = f"{RESULTS}/{self.subject}"
        tables = ("metrics.tsv", f"variants/{LINEAR}/metrics.tsv")
        return [f"{place}/{name}" for name in (*tables, "retrieval/retrieval.tsv")]

    def compute(self, point: Point, folder: Path, cores: str) -> None:
        run_workflow(folder, "point", self.configuration(point), *self.targets(), cores=cores)

    def measured(self, table: Path, points: Sequence[Point]) -> set[Point]:
        """The points that a table has.

        Raises
        ------
        InputError
            If it has one of these points from another configuration.
        """
        if not table.exists():
            return set()
        rows = load_table(table, ["snr", "segments", "configuration"])
        rows = rows.drop_duplicates(["snr", "segments"]).set_index(["snr", "segments"])
        found = {point for point in points if point in rows.index}
        for point in found:
            if rows.loc[point, "configuration"] != self.digest(point):
                raise InputError(
                    f"{table}: {point} was measured with other settings: choose another --folder, "
                    "or delete this table to measure all points again"
                )
        return found

    # --- rows -------------------------------------------------------------------------------------

    def rows(self, point: Point, folder: Path) -> pd.DataFrame:
        """The scores of a point whose results are in a folder, one row for each model and metric.

        Raises
        ------
        InputError
            If a table lacks a metric.
        """
        place = folder / RESULTS / self.subject
        scores = pd.concat(_scores(place), ignore_index=True)
        voxels = load_table(place / "selection/voxels.tsv", ["r"])
        config = self.checked_at(point)
        segments = config.dataset.segments_of(self.subject, "train")
        z = np.stack([segment_z(np.load(place / f"clean/{name}.npy")) for name in segments])
        labels, _ = read_labels(place / "regions/regions.nii.gz")
        about = {
            **point._asdict(),
            **_amount(config.dataset, self.subject),
            "n_voxels": len(voxels),
            "median_r": voxels["r"].median(),
            "held_out_r": held_out_r(z, labels, config.selection),
            "subject": self.subject,
            "split": self.checked.evaluate,
        }
        return pd.concat([pd.DataFrame([about] * len(scores)), scores], axis="columns").assign(
            configuration=self.digest(point)
        )


def _with_snr(demo: dict[str, Any], snr: float) -> dict[str, Any]:
    return demo | {"brain": demo.get("brain", {}) | {"snr": snr}}


def _amount(dataset: Dataset, subject: str) -> dict[str, float]:
    """Training clips, and minutes of fMRI that are kept of all runs of them."""
    segments = dataset.segments_of(subject, "train")
    runs = [run for segment in segments for run in dataset.runs_of(subject, segment)]
    minutes = sum(dataset.n_clips(run.segment) for run in runs) * dataset.tr / 60
    return {"n_train_clips": sum(map(dataset.n_clips, segments)), "minutes": minutes}


def held_out_r(z: np.ndarray, labels: np.ndarray, settings: Selection) -> float:
    """Median r of selected voxels, in segments that the selection did not use.

    Each segment is left out in turn: voxels are selected by the mean of the others, and the median
    of their correlation is that in the segment left out. Noise that contributed to the selection
    does not raise it.

    Parameters
    ----------
    z : (n_segments, n_voxels) float
        Fisher z of the repetitions, from :func:`mindvideo.fmri.reproducibility.segment_z`.
    labels : (n_voxels,) int
        Glasser labels.
    settings : Selection
        With a criterion that needs no test.

    Returns
    -------
    float
        The segments' medians, averaged as Fisher z.
    """
    tested = np.where(np.isfinite(z).all(axis=0), 1.0, np.nan)
    medians = []
    for segment, here in enumerate(z):
        others = np.delete(z, segment, axis=0).mean(axis=0)
        result = Reproducibility(r=np.tanh(others), z=others, t=others, p=tested)
        chosen = select(result, labels, **settings.model_dump(include=CRITERIA))
        medians.append(np.median(here[chosen.columns]))
    return float(np.tanh(np.mean(medians)))


def _scores(place: Path) -> Iterator[pd.DataFrame]:
    """Scores of the clips and of the decoded frames by each model, from the subject's folder."""
    for model, folder in ((FULL, place), (LINEAR, place / "variants" / LINEAR)):
        yield _chosen(folder / "metrics.tsv", {name: name for name in OF_CLIPS}, model)
    for model, source in DECODERS.items():
        names = {f"{source}_to_frame_{what}": f"frame_{what}" for what in OF_FRAMES}
        yield _chosen(place / "retrieval/retrieval.tsv", names, model)


def _chosen(path: Path, names: dict[str, str], model: str) -> pd.DataFrame:
    """Rows of a table of metrics, under other names."""
    table = load_table(path, ["metric", *COPIED]).set_index("metric")
    if missing := [name for name in names if name not in table.index]:
        raise InputError(
            f"{path}: no metric {', '.join(missing)}: the configuration needs the demo's "
            "scoring.attributes and all judges"
        )
    rows = table.loc[list(names), list(COPIED)].rename(index=names).rename_axis("metric")
    rows = rows.reset_index()
    rows.insert(0, "model", model)
    return rows


def append(table: Path, rows: pd.DataFrame) -> None:
    """Add rows to a table, which is complete at any time."""
    before = [load_table(table)] if table.exists() else []
    partial = table.with_suffix(".partial")
    save_table(partial, pd.concat([*before, rows], ignore_index=True))
    partial.replace(table)


def measure(curves: Curves, points: Sequence[Point], folder: Path, cores: str) -> None:
    """Compute the points that the table in the folder does not have yet."""
    for point in points:
        curves.checked_at(point)  # a mistake is found before hours of work
    folder.mkdir(parents=True, exist_ok=True)
    done = curves.measured(folder / TABLE, points)
    for point in points:
        if point not in done:
            print(f"{point}: computing", flush=True)
            curves.compute(point, folder, cores)
            append(folder / TABLE, curves.rows(point, folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--subject", default="sub1")
    parser.add_argument("--snr", type=float, nargs="*", default=SNRS, help="besides the demo's own")
    parser.add_argument(
        "--segments", type=int, nargs="*", default=SEGMENTS, help="besides all that there are"
    )
    parser.add_argument("--voxels", type=int, default=VOXELS, help="selected at every point")
    parser.add_argument("--folder", type=Path, default=Path("results-curves"))
    parser.add_argument("--figure", type=Path, default=Path("docs/images/curves.png"))
    parser.add_argument("--cores", default="all")
    parser.add_argument("--draw", action="store_true", help="only draw the table that there is")
    arguments = parser.parse_args()
    try:
        values = read_yaml(arguments.config, "configuration")
        curves = Curves(values, arguments.subject, arguments.voxels)
        if not arguments.draw:
            points = curves.points(arguments.snr, arguments.segments)
            measure(curves, points, arguments.folder, arguments.cores)
        table = load_table(arguments.folder / TABLE)
        save_figure(draw_curves(table, *curves.own), [arguments.figure])
    except InputError as error:
        sys.exit(f"{parser.prog}: {error}")
    except CalledProcessError:
        sys.exit("Snakemake failed: see its messages above, then give the same command again")


if __name__ == "__main__":
    main()
