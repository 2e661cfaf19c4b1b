"""The whole chain at full size, on synthetic data and random weights: ``make rehearsal``.

A tree with the names and exceptions of the Purdue data set and one of the HCP's, with all
grayordinates, films of 1280 × 720, and random weights in the true architectures
(`benchmarks/random_weights.py`); then `config/wen2018.yaml` runs through every rule, with other
paths, fewer steps, smaller batches and one variant. It has two parts, since without a GPU the
networks take minutes for a clip: films and runs of full length up to windows and samples, then
the whole chain on short ones, where voxels are selected less strictly. Prints the time of each
rule, and an estimate for the full data set on GPUs.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import yaml

from benchmarks.random_weights import write_models
from benchmarks.workflow import ROOT, run_workflow
from mindvideo.dataset import Dataset
from mindvideo.demo.rest import layout
from mindvideo.io.cifti import write_dtseries
from mindvideo.settings.evaluation import Reconstruction
from mindvideo.settings.interpretation import Interpretation
from mindvideo.settings.training import Contrastive, Cotraining, Mbm, MbmTuning, VideoTuning
from tests.purdue import described, noisy, write_films, write_tree

EARLY_VISUAL = ("V1", "V2", "V3", "V4")
PICTURE = "testsrc2=s=1280x720"
CUTS = "hue=h=137*floor(t/4)"  # another shot every four seconds
FULL_LENGTH = 240
HCP_SUBJECTS = ("100206", "100307")
HCP_RUNS = {"rfMRI_REST1_LR": 1200, "tfMRI_EMOTION_LR": 176}  # volumes
HCP_PATH = "HCP_1200/{subject}/MNINonLinear/Results/{run}/{run}_Atlas_MSMAll{clean}.dtseries.nii"
SAMPLES = 600_000  # of 10 volumes: the paper's pre-training
PEAK_TFLOPS = {"bf16": 312, "TF32": 156}
"""An A100's data-sheet values, without sparsity."""
SUSTAINED = 0.4
"""Fraction of the peak that a GPU is assumed to sustain."""
SINGLE = ("retrieval", "score", "attention", "attribution", "occlusion")
"""Rules that `config/wen2018.yaml` leaves in single precision; the other networks have bf16."""


ASSUMPTIONS = """

Measured: jobs, times and memory, in single precision on this machine, whose {cores} cores sustain
{here:.2f} TFLOP/s in products of matrices. Estimated: the columns "full". A GPU is assumed to
sustain {bf16:.0f} TFLOP/s in bf16 and {tf32:.0f} in TF32 ({share:.0%} of an A100's peak), so that
its time is the time here × the ratio of the speeds. The estimates use the fastest step of training
runs, and whole jobs, their start included, of other rules. Eight GPUs are assumed to process
separate jobs or batches eight times as fast; rules without a GPU run on eight times the cores."""


def configuration(
    folder: Path, subjects: list[str], n_clips: int, results: str, *, motion_modules: bool = False
) -> dict[str, Any]:
    """The paper's configuration, with the paths, steps and batches of this rehearsal.

    With `motion_modules`, they take the place of the inflated UNet's temporal attention, as in
    `config/wen2018-animatediff.yaml`.
    """
    every = described("cifti").subjects
    dataset = described(
        "cifti",
        subjects={name: every[name] for name in subjects},
        train=["seg1", "seg2", "seg3"],
        test=["test2"],
        clips_per_segment={"default": n_clips},
    )
    config = yaml.safe_load((ROOT / "config/wen2018.yaml").read_text())
    # A segment of a few volumes is too short for drifts of order 4, and no voxel is significant.
    short = {
        "clean": {"detrend_order": 1},
        "selection": {"areas": list(EARLY_VISUAL), "correction": "fdr_bh", "alpha": 0.2},
    }
    brief = {"duration": 2, "batch_size": 1, "gradient_checkpointing": True}
    models = write_models(folder / "models")
    if motion_modules:
        models |= write_models(folder / "models", ["motion_adapter"])
        config["video_model"] = {"kind": "motion-adapter"}
    return config | {
        "results": results,
        "dataset": dataset.model_dump(mode="json", exclude={"runs"}),
        "pretraining_data": str(ROOT / "config/datasets/hcp1200.yaml"),
        "pretrained": models,
        **(short if n_clips < FULL_LENGTH else {}),
        # All in single precision, in which this machine's speed is measured.
        **{name: {} for name in ("captions", "latents", "embeddings")},
        "pretraining": {"duration": 2, "unit": "steps", "warmup": 1, "batch_size": 8},
        "mbm_tuning": {"duration": 2, "unit": "steps", "warmup": 1, "batch_size": 8},
        "contrastive": brief | {"batch_size": 2},
        "video_tuning": brief | {"drawings": {"times": 2, "captions": 1, "steps": 1}},
        "cotraining": brief,
        "reconstruction": {"steps": 2, "batch_size": 2},
        "interpretation": {"path_steps": 2, "random_draws": 1},
        "variants": {name: config["variants"][name] for name in ("without-guidance",)},
        "tables": {},  # without rows of the variants that are not run
    }


def write_data(folder: Path, config: dict[str, Any]) -> None:
    dataset = Dataset.model_validate(config["dataset"])
    write_tree(folder, dataset, EARLY_VISUAL)
    write_films(folder, dataset, PICTURE, CUTS)
    rng = np.random.default_rng(0)
    for subject in HCP_SUBJECTS:
        for run, n in HCP_RUNS.items():
            clean = "_hp2000_clean" if run.startswith("rf") else ""
            path = folder / HCP_PATH.format(subject=subject, run=run, clean=clean)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                course = rng.standard_normal(n, dtype=np.float32)
                partial = path.with_name(f"partial.{path.name}")
                write_dtseries(partial, noisy(rng, course, EARLY_VISUAL), layout(), 0.72)
                partial.rename(path)


def rehearse(folder: Path, config: dict[str, Any], *targets: str) -> None:
    """Write data, and run the workflow in the folder."""
    write_data(folder, config)
    run_workflow(folder, config["results"], config, *targets)


def rehearse_motion_modules(folder: Path, subjects: list[str], n_clips: int) -> None:
    """Make the clips of a subject with motion modules, and print what the rules took."""
    results = "motion-modules"
    config = configuration(folder, subjects, n_clips, results, motion_modules=True)
    (folder / "whole").mkdir(parents=True, exist_ok=True)
    rehearse(
        folder / "whole", config, f"{results}/{subjects[0]}/reconstruction/reconstructions.npy"
    )
    print(measured(folder / "whole", results).to_string())


class Work(NamedTuple):
    """Amount of work of a rule: here, and in the full data set."""

    unit: str
    here: float
    full: float
    trained: bool = False
    gpu: bool = True


def work(config: dict[str, Any], n_subjects: int, n_clips: int) -> dict[str, Work]:
    """Amount of work by rule, from the configurations of this rehearsal and of the paper."""
    subjects = len(described("cifti").subjects)
    train, test = 18 * FULL_LENGTH, 5 * FULL_LENGTH
    mbm, tuning, contrastive = Mbm(), MbmTuning(), Contrastive()
    video, cotraining = VideoTuning(), Cotraining()
    steps, path = config["reconstruction"]["steps"], config["interpretation"]["path_steps"]
    clips, draws = n_subjects * n_clips, config["interpretation"]["random_draws"]

    def training(name: str, examples: int) -> Work:
        here = config[name]
        return Work("examples", here["duration"] * here["batch_size"], examples, trained=True)

    return {
        "regions": Work("subjects", n_subjects, subjects, gpu=False),
        "clean": Work("runs", n_subjects * 16, subjects * 86, gpu=False),
        "select": Work("subjects × segments", n_subjects * 3, subjects * 18, gpu=False),
        "windows": Work("subjects × segments", n_subjects * 3, subjects * 18, gpu=False),
        "test_windows": Work("subjects × segments", n_subjects, subjects * 5, gpu=False),
        "segment_windows": Work("subjects × segments", n_subjects, subjects * 5, gpu=False),
        "samples": Work(
            "volumes", len(HCP_SUBJECTS) * sum(HCP_RUNS.values()), SAMPLES * 10, gpu=False
        ),
        "clips": Work("clips", 4 * FULL_LENGTH, train + test, gpu=False),
        "captions": Work("clips", 4 * n_clips, train + test),
        "scenes": Work("clips", 4 * n_clips, train + test, gpu=False),
        "latents": Work("clips", 3 * n_clips, train),
        "embeddings": Work("clips", 3 * n_clips, train),
        "pretraining": training("pretraining", SAMPLES * mbm.duration),
        "mbm_tuning": training("mbm_tuning", subjects * train * tuning.duration),
        "contrastive": training(
            "contrastive", subjects * contrastive.duration * contrastive.batch_size
        ),
        "video_tuning": training("video_tuning", video.duration * video.batch_size),
        "cotraining": training(
            "cotraining", subjects * cotraining.duration * cotraining.batch_size
        ),
        "retrieval": Work("clips", clips, subjects * test),
        "reconstruct": Work(  # the variant without guidance takes one pass of two
            "clips × steps", 1.5 * clips * steps, subjects * test * Reconstruction().steps
        ),
        "score": Work("clips", 2 * clips, subjects * test),
        "attention": Work("encoders × clips", 3 * clips, 3 * subjects * test),
        "attribution": Work(
            "encoders × clips × path steps",
            2 * clips * path,
            2 * subjects * test * Interpretation().path_steps,
        ),
        "occlusion": Work(  # a group, its random voxels, all others
            "encoders × clips × sets of a group",
            2 * clips * (draws + 2),
            2 * subjects * test * (Interpretation().random_draws + 2),
        ),
        "interpret": Work("clips", clips, subjects * test, gpu=False),
    }


def measured(folder: Path, results: str) -> pd.DataFrame:
    """Seconds, peak memory [GiB] and number of jobs of each rule."""
    rows = [
        pd.read_csv(path, sep="\t", na_values="-").assign(
            rule=path.relative_to(place).with_suffix("").parts[0]
        )
        for place in [folder / results / "benchmarks"]
        for path in sorted(place.rglob("*.tsv"))
    ]
    by_rule = pd.concat(rows).groupby("rule", sort=False)
    return by_rule.agg(
        seconds=("s", "sum"), memory=("max_rss", lambda x: x.max() / 1024), jobs=("s", "size")
    )


def step_seconds(folder: Path, results: str, rule: str, config: dict[str, Any]) -> float:
    """Seconds per example in training: the fastest step in the history."""
    histories = list((folder / results).rglob(f"{rule}/history.tsv"))
    fastest = min(pd.read_csv(path, sep="\t")["seconds"].min() for path in histories)
    return fastest / config[rule]["batch_size"]


def cpu_tflops(n: int = 3000, n_repetitions: int = 5) -> float:
    """Throughput of all cores on products of matrices in single precision [TFLOP/s]."""
    a = torch.randn(n, n)
    best = float("inf")
    for _ in range(n_repetitions):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best / 1e12


def gpu_tflops(rule: str) -> tuple[str, float]:
    """Precision of a rule's networks on a GPU, and the throughput that a GPU is assumed to have."""
    precision = "TF32" if rule in SINGLE else "bf16"
    return precision, SUSTAINED * PEAK_TFLOPS[precision]


def days(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def table(parts: list[tuple[Path, dict[str, Any]]], works: dict[str, Work]) -> str:
    """Table in Markdown: each rule, from the part in which it processed most data."""
    by_rule: dict[str, tuple[Any, Path, dict[str, Any]]] = {}
    for folder, config in reversed(parts):  # the first part's lengths are the full ones
        for row in measured(folder, config["results"]).itertuples():
            by_rule[str(row.Index)] = (row, folder, config)
    here, lines = cpu_tflops(), []
    totals = np.zeros(2)
    for rule, (row, folder, config) in by_rule.items():
        cells = [rule, str(row.jobs), days(row.seconds), f"{row.memory:.1f}"]
        if job := works.get(rule):
            each = row.seconds / job.here
            if job.trained:
                each = step_seconds(folder, config["results"], rule, config)
            precision, tflops = gpu_tflops(rule)
            whole = each * job.full * (here / tflops if job.gpu else 1)
            side_by_side = 1 if rule in ("latents", "embeddings") else 8  # one job each
            estimates = np.array([whole, whole / side_by_side])
            totals += estimates
            cells += [f"{job.here:,.0f} → {job.full:,.0f} {job.unit}", *map(days, estimates)]
            cells.append(precision if job.gpu else "no GPU")
        else:
            cells += ["", "", "", ""]
        lines.append("| " + " | ".join(cells) + " |")
    head = ("rule", "jobs", "took: measured", "peak memory [GiB]: measured", "here → full")
    head += ("full, 1 GPU: estimated", "full, 8 GPUs: estimated", "in")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines]
    lines.append("| all of these | | | | | " + " | ".join(map(days, totals)) + " | |")
    assumed = {name.lower(): SUSTAINED * peak for name, peak in PEAK_TFLOPS.items()}
    return "\n".join(lines) + ASSUMPTIONS.format(
        cores=os.cpu_count(), here=here, share=SUSTAINED, **assumed
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="takes 30 GB; may go on where it was stopped")
    parser.add_argument("--subjects", nargs="+", default=["sub1", "sub3"], metavar="NAME")
    parser.add_argument(
        "--clips", type=int, default=4, help="in a segment of the second part; 240: one part only"
    )
    parser.add_argument(
        "--motion-modules",
        action="store_true",
        help="instead, only the video model with the motion modules of AnimateDiff, to the clips",
    )
    arguments = parser.parse_args()
    if arguments.motion_modules:
        rehearse_motion_modules(arguments.folder, arguments.subjects[:1], arguments.clips)
        return
    folder, n_clips = arguments.folder, arguments.clips
    parts = []
    if n_clips < FULL_LENGTH:
        config = configuration(folder, arguments.subjects, FULL_LENGTH, "front")
        segments = (*config["dataset"]["train"], *config["dataset"]["test"])
        targets = [
            *(f"front/{subject}/windows/train.npy" for subject in arguments.subjects),
            *(f"front/shared/clips/{segment}.npy" for segment in segments),
            *(f"front/shared/samples/{subject}.npy" for subject in HCP_SUBJECTS),
        ]
        (folder / "long").mkdir(parents=True, exist_ok=True)
        rehearse(folder / "long", config, *targets)
        parts.append((folder / "long", config))
    config = configuration(folder, arguments.subjects, n_clips, "results")
    (folder / "whole").mkdir(parents=True, exist_ok=True)
    first = arguments.subjects[0]
    besides = ("tables/table1.html", "tables/subjects.png")  # made on request only
    besides += (f"{first}/films/test2.mp4", f"{first}/motion/decoder.npy")
    rehearse(folder / "whole", config, "all", *(f"results/{name}" for name in besides))
    parts.append((folder / "whole", config))
    print(table(parts, work(config, len(arguments.subjects), n_clips)))


if __name__ == "__main__":
    main()
