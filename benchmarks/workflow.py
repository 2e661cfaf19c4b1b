"""Calls of the workflow in a folder of its own, with a configuration that is written there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


def run_workflow(
    folder: Path, name: str, config: dict[str, Any], *targets: str, cores: str = "all"
) -> None:
    """Write a configuration as NAME.yaml into a folder, and compute targets there.

    Control-C reaches Snakemake, too, and is waited for: the folder can be used again afterwards.

    Raises
    ------
    subprocess.CalledProcessError
        If Snakemake fails. Its messages are on the terminal.
    """
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", file.name, "--cores", cores, "--resources", "gpu=1"]
    command += ["--", *targets]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(command, cwd=folder, env=environment) as snakemake:
        try:
            code = snakemake.wait()
        except KeyboardInterrupt:
            snakemake.wait()  # it ends its jobs, and unlocks the folder
            raise
    if code:
        raise subprocess.CalledProcessError(code, command)
