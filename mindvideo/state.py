"""State folders: what a stage keeps between two starts, for one set of settings and inputs.

``results/state/sub1/contrastive/KEY/`` contains the checkpoint of a training run. The key is a
digest of what determines the result: settings (except those that only change how it is computed,
see :class:`mindvideo.settings.base.Execution`), inputs, and code. The same folder contains
``identity.json``, which lists these in full.

A stage that has succeeded deletes its state. In a workflow it only marks the state as finished, and
the workflow deletes it at its end. If Snakemake was killed in between, it deletes the outputs and
starts the stage again, which then only has to write them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mindvideo.errors import InputError
from mindvideo.identity import IDENTITY, Identity, differ, with_current_names

logger = logging.getLogger(__name__)

FINISHED, RETIRED = "finished", ".retired"


class StateFolder:
    """The state of one stage on one set of outputs.

    Parameters
    ----------
    parent : Path
        ``results/state/sub1/contrastive``; the caller holds its lock.
    identity : Identity
    asks : bool
        Whether to stop, rather than start from scratch, if only the code has changed since a
        checkpoint was written: for stages that take days.
    """

    def __init__(self, parent: Path, identity: Identity, *, asks: bool) -> None:
        self._parent, self._identity, self._asks = parent, identity, asks
        self.folder = parent / identity.key

    def open(self) -> Path:
        """The folder of this identity, with what earlier starts saved in it.

        Raises
        ------
        InputError
            If there is a checkpoint that differs only in its code, and `asks` is set.
        """
        for leftover in self._parent.glob(f".*{RETIRED}"):
            shutil.rmtree(leftover, ignore_errors=True)
        self._find()
        if (self.folder / FINISHED).exists():
            logger.info("%s is complete: only its outputs remain to be written", self.folder)
        elif self.folder.exists():
            logger.info("resuming from %s", self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f"{IDENTITY}.part"
        temporary.write_text(json.dumps(asdict(self._identity), indent=2))
        os.replace(temporary, self.folder / IDENTITY)
        return self.folder

    def _find(self) -> None:
        """Compare the states of other starts, if there is none of this identity."""
        if self.folder.exists():
            return
        for other, identity in self._others():
            differences = list(differ(identity, asdict(self._identity)))
            if not differences:  # started by hand, or by a workflow
                self.folder = other
                return
            if self._asks and {what for what, _ in differences} == {"code"}:
                raise InputError(_changed_code(other, differences[0][1]))
            logger.info(
                "%s contains the state of another start, which differs in %s",
                other,
                "; ".join(f"{what}: {how}" for what, how in differences),
            )

    def finish(self) -> None:
        """Mark the state as finished."""
        (self.folder / FINISHED).touch()

    def retire(self) -> Path:
        """Rename the state, so that no later start finds it; :func:`delete` removes it."""
        return _retire(self.folder)

    def _others(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in sorted(self._parent.glob(f"*/{IDENTITY}")):
            try:
                yield path.parent, with_current_names(json.loads(path.read_text()))
            except (OSError, ValueError):
                continue


def clear_finished(root: Path) -> None:
    """Delete the finished states below a folder, after a workflow that has succeeded.

    A state that cannot be deleted causes a warning.
    """
    finished = [marker.parent for marker in sorted(root.rglob(FINISHED))]
    for folder in (*finished, *root.rglob(f".*{RETIRED}")):
        try:
            delete(folder if folder.name.endswith(RETIRED) else _retire(folder))
        except OSError as error:
            logger.warning("%s could not be deleted: %s", folder, error.strerror)
    for place in (*sorted(root.rglob("*"), reverse=True), root):
        with contextlib.suppress(OSError):  # not a folder, or not empty
            place.rmdir()


def delete(retired: Path) -> None:
    """Delete a retired state, and its parent if that is empty then."""
    shutil.rmtree(retired)
    if not any(retired.parent.iterdir()):
        retired.parent.rmdir()


def _retire(folder: Path) -> Path:
    retired = folder.with_name(f".{folder.name}{RETIRED}")
    shutil.rmtree(retired, ignore_errors=True)
    os.replace(folder, retired)
    return retired


def last_change(folder: Path) -> datetime:
    """When anything in a state folder was last written."""
    times = [path.stat().st_mtime for path in (folder, *folder.rglob("*"))]
    return datetime.fromtimestamp(max(times), UTC)


def _changed_code(state: Path, changes: str) -> str:
    return (
        f"{state}: contains a checkpoint of {last_change(state):%Y-%m-%d %H:%M} UTC with the same "
        f"settings and inputs, but the code has changed since: {changes}. If the change does not "
        f"affect the result, keep the checkpoint: mindvideo adopt {state}. Otherwise start from "
        f"scratch: mindvideo discard {state}."
    )
