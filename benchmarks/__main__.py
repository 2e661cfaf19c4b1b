"""Time and memory of the steps of the chain, in one table: ``python -m benchmarks [--only NAME …]``

Each number comes from a separate process, whose peak memory is reported. Takes some fifteen minutes
on two cores, and 3 GB in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.chain import PARTS
from benchmarks.fmri_front_end import machine
from mindvideo.training.history import peak_memory


def measure(number: int, which: str, folder: Path) -> dict[str, float]:
    """Seconds of the faster of two calls, and peak memory [GiB]."""
    import torch

    from mindvideo.models.device import device

    torch.manual_seed(0)
    part = PARTS[number]
    run = (part.ours if which == "ours" else part.baseline)(folder)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        run()
        if device().type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return {"seconds": min(times), "memory": peak_memory(device()) / 1024}


def measure_apart(number: int, which: str, folder: Path) -> dict[str, Any]:
    """Measure in a separate process."""
    command = [sys.executable, "-m", "benchmarks", "--alone", f"{number}", which, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="starts of names of parts")
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        number, which, folder = arguments.alone
        print(json.dumps(measure(int(number), which, Path(folder))))
        return
    import torch

    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    today = datetime.now(UTC).date()
    print(f"{machine()}, {where}; load {os.getloadavg()[0]:.1f} before; {today}\n")
    print("| | each takes | a second | peak memory | baseline | takes | peak memory | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for number, part in enumerate(PARTS):
            if arguments.only and not part.name.startswith(tuple(arguments.only)):
                continue
            ours = measure_apart(number, "ours", Path(folder))
            baseline = measure_apart(number, "baseline", Path(folder))
            each, other = ours["seconds"] / part.count, baseline["seconds"] / part.count
            cells = [part.name, f"{each:.3g} s", f"{1 / each:.3g} {part.unit}"]
            cells += [f"{ours['memory']:.1f} GiB", part.baseline_name, f"{other:.3g} s"]
            cells += [f"{baseline['memory']:.1f} GiB", f"{each / other:.3g}"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
