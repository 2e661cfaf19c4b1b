"""Changes to Snakemake: what has changed is decided by content, and for each job by itself.

**Content.** Snakemake compares inputs that are newer than outputs by content, but only files. It
reads each input once for each output of a job, in the main process, which on a cluster runs on the
login node. It compares a folder (such as a trained model) by time alone, so that copying or
restoring one reruns every rule that reads it. There is no hook for either, so two methods of its
class for files are replaced: they use :class:`mindvideo.contents.Digests`, which rarely has to read
a file. A third method, which touches the outputs of each job, is replaced so that their digests
remain valid.

**Jobs beyond an `ancient` input.** Snakemake expects that all jobs downstream of a job that runs
will run, and looks for no other reason to run them. An `ancient` input ends this chain. Jobs
beyond it then do not run, even if their own settings changed (its issue 4166).
:func:`check_beyond_ancient` lets it look at them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mindvideo import forkserver
from mindvideo.contents import FOLDER, Digests, touch_recorded
from mindvideo.devices import has_gpus
from mindvideo.state import clear_finished


def compare_by_content(folder: Path) -> None:
    """Let Snakemake compare files and folders by the digests in `folder` and in sidecars.

    This is permanent for this process, for files of any size; an environment variable passes the
    folder to its jobs. Files in a remote storage are still compared by Snakemake.

    Raises
    ------
    RuntimeError
        If this version of Snakemake compares files in another way.
    """
    from snakemake.io import _IOFile

    os.environ[FOLDER] = str(folder)
    digests = Digests(folder, "snakemake")
    _check_methods(_IOFile, ("checksum", "is_checksum_eligible", "touch"), "compares files")
    by_snakemake = getattr(_IOFile.checksum, "by_snakemake", _IOFile.checksum)  # replaced before

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


def check_beyond_ancient() -> None:
    """Let Snakemake find the reasons to run of jobs that only an `ancient` input connects.

    This is permanent for this process.

    Raises
    ------
    RuntimeError
        If this version of Snakemake decides in another way.
    """
    from snakemake.dag import DAG

    _check_methods(DAG, ("update_needrun", "bfs"), "decides which jobs run")
    by_snakemake = getattr(DAG.update_needrun, "by_snakemake", DAG.update_needrun)

    async def update_needrun(self: Any, *args: Any, **options: Any) -> None:
        def connected(direction: Any, *jobs: Any) -> Iterator[Any]:
            """Jobs that run if these do. Snakemake looks for no other reason to run them."""
            found, waiting = set(jobs), list(jobs)
            while waiting:
                job = waiting.pop()
                yield job
                for other, files in direction[job].items():
                    if other not in found and not all(file.is_ancient for file in files):
                        found.add(other)
                        waiting.append(other)

        self.bfs = connected
        try:
            await by_snakemake(self, *args, **options)
        finally:
            del self.bfs

    update_needrun.by_snakemake = by_snakemake  # type: ignore[attr-defined]
    DAG.update_needrun = update_needrun


def _check_methods(changed: type, names: tuple[str, ...], what: str) -> None:
    """Raise an error if one of Snakemake's classes lacks a method; `what` says what it is for."""
    if not all(hasattr(changed, name) for name in names):
        raise RuntimeError(
            f"this version of Snakemake {what} in a way that mindvideo does not support; use the "
            "version in envs/requirements.lock"
        )


def clear_finished_states(results: str) -> None:
    """Delete the states of finished stages, at the end of a workflow that succeeded.

    Snakemake has recorded all jobs of this workflow by now. Jobs of an earlier workflow that was
    killed may have ended since; Snakemake marks them as incomplete. If there are any, no state is
    deleted.
    """
    incomplete = Path(".snakemake", "incomplete")
    if incomplete.is_dir() and not any(path.is_file() for path in incomplete.rglob("*")):
        clear_finished(Path(results, "state"))


MANY = 4
"""Jobs with networks from which on it pays to import their libraries once for all."""


def share_start_up(workflow: Any) -> None:
    """Start the server of :mod:`mindvideo.forkserver`, if many jobs with networks will run here.

    Parameters
    ----------
    workflow
        Snakemake's, about to run its jobs.
    """
    if not workflow.local_exec or forkserver.ADDRESS in os.environ or has_gpus():
        return
    if sum("gpu" in job.rule.resources for job in workflow.dag.needrun_jobs()) >= MANY:
        forkserver.start()


def place_logs(workflow: Any, logs: str, benchmarks: str) -> None:
    """Set the log and benchmark of each rule that runs a stage, named by rule and wildcards.

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
