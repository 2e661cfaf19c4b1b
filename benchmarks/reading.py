"""How much of a data set's runs is read, from their files to the encoder's windows.

``python -m benchmarks.reading FOLDER`` runs the workflow on a tree that ``tests/purdue.py`` wrote,
up to the windows; then it runs two dry runs, the first after touching every run. It prints the
bytes that all processes together read by system calls, Snakemake included, the size of the runs,
and the wall-clock time. The runs are read at least twice: once to record their content, once by
the stage itself. ``--checkout`` uses the workflow and the package of another checkout, for
comparison.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

TARGET = "results/sub1/windows/train.npy"
TOUCHED = "a dry run, with every run touched"


def bytes_read() -> int:
    """Bytes that this process and its finished children have read by system calls."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def measure(folder: Path, checkout: Path, *options: str) -> tuple[float, float]:
    """Run the workflow: gigabytes read, and seconds."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(checkout / "Snakefile")]
    command += ["--configfile", "config.yaml"]
    command += ["--workflow-profile", str(checkout / "profiles/default")]
    command += ["--cores", "2", *options, "--", TARGET]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    before, start = bytes_read(), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return (bytes_read() - before) / 1e9, time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="with a tree and its config.yaml")
    parser.add_argument("--checkout", type=Path, default=Path(__file__).parents[1])
    arguments = parser.parse_args()
    folder, checkout = arguments.folder, arguments.checkout.resolve()
    runs = sorted((folder / "video_fmri_dataset").rglob("*.nii*"))
    size = sum(path.stat().st_size for path in runs) / 1e9
    for name in ("results", ".snakemake", "logs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    print(f"{len(runs)} runs, {size:.1f} GB\n")
    print("| | read [GB] | times their size | by the clock [s] |\n|---|---|---|---|")
    for what in ("from nothing to the windows", TOUCHED, "and once more"):
        if what == TOUCHED:
            for path in runs:
                path.touch()
        options = [] if "nothing" in what else ["--dry-run"]
        read, seconds = measure(folder, checkout, *options)
        print(f"| {what} | {read:.1f} | {read / size:.2f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
