"""The fMRI front end on a full-size subject, compared with reading its files and a voxel loop.

``python -m benchmarks.fmri_front_end FOLDER`` writes 36 training and 50 test runs (18 segments
twice, 5 segments ten times) of 245 volumes × 91,282 grayordinates to FOLDER, 7.7 GB, and processes
them to windows as the workflow does, checksums and sidecars included, in one process. With
``--segments 4`` it does less. Values are random; the same signal in all repetitions makes the
visual areas reproducible, or no voxel would be selected. Before each measurement the files are
dropped from the page cache as far as the system allows. Both wall-clock and CPU seconds are
reported: the latter hardly depend on other work on the machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis
from scipy import stats

from mindvideo.demo.rest import layout
from mindvideo.fmri.atlas import N_LEFT, N_RIGHT, VISUAL_AREAS, grayordinates
from mindvideo.io.cifti import write_dtseries
from mindvideo.registry import read_stage
from mindvideo.runner import run_stage
from mindvideo.settings.base import RunTiming
from mindvideo.settings.fmri import (
    CleanSettings,
    LivingSettings,
    RegionSettings,
    SelectionSettings,
    WindowSettings,
)

N_VOLUMES, DROP_START, DROP_END, TR = 240, 1, 4, 2.0
PAPERS = SelectionSettings()
LOOPED = 500  # voxels that the loop goes over; its time is scaled up to all


def write(path: Path, signal: np.ndarray, seed: int, models: BrainModelAxis) -> None:
    n = N_VOLUMES + DROP_START + DROP_END
    run = np.random.default_rng(seed).standard_normal((len(models), n), dtype=np.float32)
    run[grayordinates(VISUAL_AREAS)] += signal
    run *= 100
    run += 10_000
    write_dtseries(path, run.T, models, TR)


def subject(folder: Path, n_segments: int) -> dict[str, list[Path]]:
    """Write the missing runs; the files of each segment."""
    names = [f"seg{i + 1}" for i in range(n_segments)]
    names += [f"test{i + 1}" for i in range(max(1, round(5 * n_segments / 18)))]
    models, paths = layout(), {}
    n = N_VOLUMES + DROP_START + DROP_END
    for number, name in enumerate(names):
        signal = np.random.default_rng(number).standard_normal(n, dtype=np.float32)
        repetitions = range(1, 11 if name.startswith("test") else 3)
        paths[name] = [folder / f"{name}_{r}_Atlas.dtseries.nii" for r in repetitions]
        for repetition, path in enumerate(paths[name]):
            if not path.exists():
                write(path, signal, 100 * number + repetition, models)
    return paths


def forget(paths: list[Path]) -> None:
    """Ask the system to drop files from its page cache."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(paths: list[Path]) -> None:
    """All values of each file, once, as float32."""
    for path in paths:
        np.array(nib.load(path).dataobj, dtype=np.float32)


def clocks() -> np.ndarray:
    """Wall-clock and CPU time [s]."""
    return np.array([time.perf_counter(), time.process_time()])


def stage(name: str, settings: object, **arguments: object) -> np.ndarray:
    """Run a stage; its seconds."""
    start = clocks()
    run_stage(read_stage(name), arguments, settings)  # type: ignore[arg-type]
    return clocks() - start


def chain(
    segments: dict[str, list[Path]], out: Path, selection: SelectionSettings = PAPERS
) -> dict[str, np.ndarray]:
    """Files → windows; seconds by stage."""
    first = next(iter(segments.values()))[0]
    labels = {k: out / f"{k}.dlabel.nii" for k in ("regions", "networks")}
    seconds = {"regions": stage("regions", RegionSettings(space="cifti"), run=first, **labels)}
    cleaned: dict[str, dict[str, Path]] = {}
    for name, runs in segments.items():
        cleaned[name] = {
            "cleaned": out / f"{name}.npy",
            "tsnr": out / f"{name}_tsnr.dscalar.nii",
            "alive": out / f"{name}_alive.npy",
            "table": out / f"{name}_runs.tsv",
        }
        settings = CleanSettings(
            tr=TR,
            timing=[RunTiming(drop_start=DROP_START, drop_end=DROP_END) for _ in runs],
            n_volumes=N_VOLUMES,
            average=name.startswith("test"),
        )
        seconds["clean"] = seconds.get("clean", 0) + stage(
            "clean", settings, runs=runs, regions=labels["regions"], **cleaned[name]
        )
    split = {s: [n for n in segments if n.startswith(s)] for s in ("seg", "test")}
    alive = out / "alive.npy"
    counts = [paths["alive"] for paths in cleaned.values()]
    seconds["living"] = stage("living", LivingSettings(), repetitions=counts, alive=alive)
    maps = {k: out / f"{k}.dscalar.nii" for k in ("r", "z", "t", "p", "mask")}
    seconds["select"] = stage(
        "select",
        selection,
        cleaned=[cleaned[n]["cleaned"] for n in split["seg"]],
        tables=[cleaned[n]["table"] for n in split["seg"]],
        alive=alive,
        voxels=out / "voxels.tsv",
        **labels,
        **maps,
    )
    seconds["windows"] = sum(
        stage(
            "windows",
            WindowSettings(tr=TR, seconds=TR, patch_size=16),
            cleaned=[cleaned[n]["cleaned"] for n in segments],
            voxels=out / "voxels.tsv",
            windows=out / f"{name}.npy",
            table=out / f"{name}.tsv",
        )
        for name, segments in split.items()
    )
    return seconds


def loop(segments: dict[str, list[Path]]) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of cleaning and of selection by numpy's and scipy's functions, voxel by voxel.

    Measured on some voxels of one run of one segment, and scaled up to all.
    """
    training = [paths for name, paths in segments.items() if name.startswith("seg")]
    n_runs = sum(map(len, segments.values()))
    first, second = (
        np.asarray(nib.load(path).dataobj[:, :LOOPED], dtype=np.float64)[1:-4]
        for path in training[0]
    )
    times, scale = np.linspace(-1, 1, N_VOLUMES), (N_LEFT + N_RIGHT) / LOOPED
    start = clocks()
    for voxel in first.T:
        stats.zscore(voxel - np.polyval(np.polyfit(times, voxel, 4), times))
    cleaning = clocks() - start
    start = clocks()
    z = [np.arctanh(stats.pearsonr(a, b).statistic) for a, b in zip(first.T, second.T)]
    correlating = clocks() - start
    start = clocks()
    for value in z:
        stats.ttest_1samp(value + np.arange(len(training)), 0)
    testing = clocks() - start
    return cleaning * scale * n_runs, (correlating * len(training) + testing) * scale


def apart(work: Callable, *arguments: object) -> tuple[object, np.ndarray, float]:
    """Run in a separate process: its result, seconds and peak memory [GiB]."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, arguments))


def _measured(work: Callable, arguments: tuple) -> tuple[object, np.ndarray, float]:
    start = clocks()
    result = work(*arguments)
    seconds = clocks() - start
    return result, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB of memory"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="for the runs and the results")
    parser.add_argument("--segments", type=int, default=18, help="training segments [18]")
    options = parser.parse_args()
    out = options.folder / "results"
    out.mkdir(parents=True, exist_ok=True)
    segments = subject(options.folder, options.segments)
    paths = [path for runs in segments.values() for path in runs]
    os.sync()
    forget(paths)
    _, reading, read_peak = apart(read, paths)
    forget(paths)
    by_stage, seconds, peak = apart(chain, segments, out)
    looped_clean, looped_select = loop(segments)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"{machine()}; {len(paths)} runs; threads of BLAS: {threads}\n")
    print("| | seconds | against reading | CPU seconds | against reading | peak memory [GiB] |")
    print("|---|---|---|---|---|---|")
    rows = {
        "reading the files once with nibabel": (reading, f"{read_peak:.2f}"),
        "files → windows": (seconds, f"{peak:.2f}"),
        **{f"… `{name}`": (took, "") for name, took in by_stage.items()},  # type: ignore[attr-defined]
        "a loop over voxels: cleaning": (looped_clean, ""),
        "a loop over voxels: selection": (looped_select, ""),
    }
    for name, (took, memory) in rows.items():
        cells = " | ".join(f"{t:.0f} | {t / r:.2f}" for t, r in zip(took, reading))
        print(f"| {name} | {cells} | {memory} |")


if __name__ == "__main__":
    main()
