"""State folders: what a stage keeps between two starts, each for one set of settings and inputs.

``results/state/sub1/contrastive/KEY/`` holds a training's checkpoint. The key is a digest of what
decides the result: settings (those that only change how it is computed do not count, see
:class:`mindvideo.settings.base.Execution`), inputs, and code. Beside the checkpoint lies
``identity.json``, which says the same in full.

A stage that has ended well deletes its state. In a workflow it only marks it as finished, and the
workflow deletes it in the end: Snakemake may have been killed meanwhile, and then it deletes the
outputs and starts the stage again, which has nothing left to do but to write them.
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
        ``results/state/sub1/contrastive``; one process at a time uses it (its lock is held).
    identity : Identity
    asks : bool
        Whether to stop, instead of beginning anew, where nothing but the code has changed since a
        checkpoint was written: for work of days.
    """

    def __init__(self, parent: Path, identity: Identity, *, asks: bool) -> None:
        self._parent, self._identity, self._asks = parent, identity, asks
        self.folder = parent / identity.key

    def open(self) -> Path:
        """The folder of this identity; what earlier starts left in it is there.

        Raises
        ------
        InputError
            If there is a checkpoint that differs by its code alone, and the stage asks.
        """
        for leftover in self._parent.glob(f".*{RETIRED}"):
            shutil.rmtree(leftover, ignore_errors=True)
        self._find()
        if (self.folder / FINISHED).exists():
            logger.info("the work in %s is done: what is left is to write its outputs", self.folder)
        elif self.folder.exists():
            logger.info("resuming from %s", self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f"{IDENTITY}.part"
        temporary.write_text(json.dumps(asdict(self._identity), indent=2))
        os.replace(temporary, self.folder / IDENTITY)
        return self.folder

    def _find(self) -> None:
        """Look at the states of other starts, if there is none of this identity."""
        if self.folder.exists():
            return
        for other, identity in self._others():
            differences = list(differ(identity, asdict(self._identity)))
            if not differences:  # by hand, or in a workflow
                self.folder = other
                return
            if self._asks and {what for what, _ in differences} == {"code"}:
                raise InputError(_changed_code(other, differences[0][1]))
            logger.info(
                "%s holds the state of another start, which differs in %s",
                other,
                "; ".join(f"{what}: {how}" for what, how in differences),
            )

    def finish(self) -> None:
        """Mark it as finished."""
        (self.folder / FINISHED).touch()

    def retire(self) -> Path:
        """Rename it, so that no later start finds it; :func:`delete` does the rest."""
        return _retire(self.folder)

    def _others(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in sorted(self._parent.glob(f"*/{IDENTITY}")):
            try:
                yield path.parent, with_current_names(json.loads(path.read_text()))
            except (OSError, ValueError):
                continue


def clear_finished(root: Path) -> None:
    """Delete the finished states below a folder, for a workflow that has ended well.

    A state that cannot be deleted is a warning.
    """
    finished = [marker.parent for marker in sorted(root.rglob(FINISHED))]
    for folder in (*finished, *root.rglob(f".*{RETIRED}")):
        try:
            delete(folder if folder.name.endswith(RETIRED) else _retire(folder))
        except OSError as error:
            logger.warning("%s could not be deleted: %s", folder, error.strerror)
    for place in (*sorted(root.rglob("*"), reverse=True), root):
        with contextlib.suppress(OSError):  # it is no folder, or not empty
            place.rmdir()


def delete(retired: Path) -> None:
    """Delete a state that was retired, and its parent if it was the last there."""
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
        f"{state}: here is a checkpoint of {last_change(state):%Y-%m-%d %H:%M} UTC with the same "
        f"settings and inputs, but the code has changed since: {changes}. There are two ways on. "
        f"If the change leaves the result as it is, go on from the checkpoint: mindvideo adopt "
        f"{state}. If not, begin anew: mindvideo discard {state}."
    )
