"""Changes to Snakemake: an input has changed if its content has, be it a file or a folder.

Snakemake compares inputs that are newer than outputs by content, but only files, and it reads them
whole: each input once for each output of a job, in the main process, which on a cluster runs where
nothing is submitted. A folder (a trained model) it compares by time alone, so that a copied or
restored one reruns what reads it. There is no hook for either, so two methods of its class for
files are replaced: they ask :class:`mindvideo.contents.Digests`, which knows most contents without
reading. A third one, by which it touches the outputs of each job, takes care that these are known
afterwards as well.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mindvideo.contents import FOLDER, Digests, touch_recorded
from mindvideo.state import clear_finished


def compare_by_content(folder: Path) -> None:
    """Let Snakemake compare files and folders by what `folder` and sidecars know of them.

    In this process, for good, and however large they are; its jobs learn of the folder by the
    environment. Files in a remote storage are compared as Snakemake does.

    Raises
    ------
    RuntimeError
        If this version of Snakemake does it in another way.
    """
    from snakemake.io import _IOFile

    os.environ[FOLDER] = str(folder)
    digests = Digests(folder, "snakemake")
    by_snakemake = getattr(_IOFile, "checksum", None)
    if by_snakemake is None or not all(
        hasattr(_IOFile, name) for name in ("is_checksum_eligible", "touch")
    ):
        raise RuntimeError(
            "this version of Snakemake compares files in a way that mindvideo does not know; the "
            "versions in envs/requirements.lock are known to work"
        )
    by_snakemake = getattr(by_snakemake, "by_snakemake", by_snakemake)  # replaced before

    async def is_eligible(self: Any, threshold: int | None = None) -> bool:
        return await self.exists_local() and not self.is_fifo()

    async def checksum(
        self: Any, threshold: int | None = None, force: bool = False, algorithm: Any = None
    ) -> str | None:
        name = algorithm if isinstance(algorithm, str | None) else algorithm().name
        if self.is_storage or name not in (None, "sha256"):
            return await by_snakemake(self, threshold, force=force, algorithm=algorithm)
        return f"sha256:{digests.of(Path(self.file))}" if await is_eligible(self) else None

    touches = getattr(_IOFile.touch, "by_snakemake", _IOFile.touch)

    def touch(self: Any, times: Any = None) -> None:
        touch_recorded(Path(self.file), lambda: touches(self, times))

    checksum.by_snakemake, touch.by_snakemake = by_snakemake, touches  # type: ignore[attr-defined]
    _IOFile.checksum, _IOFile.is_checksum_eligible = checksum, is_eligible
    _IOFile.touch = touch


def clear_finished_states(results: str) -> None:
    """Delete what finished stages have kept, at the end of a workflow that went well.

    Snakemake has recorded all of its jobs by now. Jobs of an earlier workflow that was killed may
    have ended since: it marks them as incomplete, and while there are any, everything stays.
    """
    incomplete = Path(".snakemake", "incomplete")
    if incomplete.is_dir() and not any(path.is_file() for path in incomplete.rglob("*")):
        clear_finished(Path(results, "state"))


def place_logs(workflow: Any, logs: str, benchmarks: str) -> None:
    """Give each rule that runs a stage its log and its benchmark: named after it and its wildcards.

    Parameters
    ----------
    workflow
        Snakemake's, after all rules were read.
    logs, benchmarks
        Folders.
    """
    for rule in workflow.rules:
        if rule.shellcmd is None:
            continue
        names = re.findall(r"{(\w+)", " ".join(map(str, rule.output)))
        place = "/".join([rule.name, *(f"{{{name}}}" for name in dict.fromkeys(names))])
        rule.log_modifier = rule.benchmark_modifier = workflow.modifier.path_modifier
        rule.set_log(f"{logs}/{place}.log")
        rule.benchmark = f"{benchmarks}/{place}.tsv"
