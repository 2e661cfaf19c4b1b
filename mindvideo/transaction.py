"""Outputs that appear whole, each with its sidecar, or not at all.

Order of operations:

begin
    lock every output, and the state → delete what a process that is gone left behind → make a
    working folder beside each output
work
    the stage writes into the working folders, and keeps what it has so far in the state folder
commit
    every output is there → sidecars are written, still in the working folders (the last operation
    that needs room on the disk) → files reach the disk, where a state is about to go → for each
    output: old sidecar away, output into place, sidecar into place → the state is renamed, or
    marked as finished
clean up
    working folders are deleted → locks are released → the state that was renamed is deleted

Whatever fails, and wherever a kill falls, either the outputs are in place or the state is whole,
and the same command ends well.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from mindvideo.contents import files_of
from mindvideo.io.sidecars import sidecar_path
from mindvideo.locks import Lock, locked
from mindvideo.state import StateFolder, delete

logger = logging.getLogger(__name__)

Describe = Callable[[Path], str]
"""An output as it lies in its working folder → the text of its sidecar."""


class Transaction:
    """The making of some outputs, as a context manager.

    Attributes
    ----------
    paths : dict of Path to Path
        Where to write each output, from the beginning of the ``with`` block on.

    Parameters
    ----------
    outputs : list of Path
    state : Path, optional
        The folder of the stage's states, which is locked too.
    keep_state : bool
        After the commit, mark the state as finished instead of deleting it.

    Raises
    ------
    InputError
        If another process makes one of the outputs.
    """

    def __init__(
        self, outputs: list[Path], state: Path | None = None, *, keep_state: bool = False
    ) -> None:
        self._outputs, self._place_of_states, self._keep = outputs, state, keep_state
        self.paths: dict[Path, Path] = {}
        self._stack = contextlib.ExitStack()
        self._locks: list[Lock] = []
        self._state: StateFolder | None = None
        self._retired: Path | None = None

    def __enter__(self) -> Transaction:
        with contextlib.ExitStack() as stack:
            places = [*self._outputs, *([self._place_of_states] if self._place_of_states else [])]
            for place in places:
                place.parent.mkdir(parents=True, exist_ok=True)
            self._locks = stack.enter_context(locked(places))
            stack.callback(self._discard)
            for output in self._outputs:
                folder = _working_folder(output)
                shutil.rmtree(folder, ignore_errors=True)  # of a process that is gone
                folder.mkdir()
                self.paths[output] = folder / output.name
            self._stack = stack.pop_all()
        return self

    def open_state(self, state: StateFolder) -> Path:
        """The state folder to work with. It goes after the commit; without one it stays."""
        self._state = state
        return state.open()

    def commit(self, describe: Describe | None = None) -> None:
        """Put outputs and sidecars into place.

        Raises
        ------
        RuntimeError
            If an output is missing. Nothing has changed then.
        OSError
            Whatever the file system says. The state is as it was then.
        """
        for output, written in self.paths.items():
            if not written.exists():
                raise RuntimeError(f"ended without making {output}")
        if describe is not None:
            for written in self.paths.values():
                sidecar_path(written).write_text(describe(written))
        if self._state is not None:  # which is the only copy, until the outputs are on the disk
            for written in self.paths.values():
                _to_disk(written)
        for lock in self._locks:
            lock.check()
        with _undisturbed():
            self._move(describe is not None)
        if self._state is not None:
            with _warning_of(self._state.folder):
                if self._keep:
                    self._state.finish()
                else:
                    self._retired = self._state.retire()

    def _move(self, described: bool) -> None:
        for output, written in self.paths.items():
            sidecar_path(output).unlink(missing_ok=True)
            _replace(written, output)
            if described:
                os.replace(sidecar_path(written), sidecar_path(output))

    def _discard(self) -> None:
        for written in self.paths.values():
            shutil.rmtree(written.parent, ignore_errors=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if self._retired is not None:
            with _warning_of(self._retired):
                delete(self._retired)


@contextlib.contextmanager
def writing(output: Path) -> Iterator[Path]:
    """Where to write one output, which is put into place in the end; without a sidecar."""
    with Transaction([output]) as work:
        yield work.paths[output]
        work.commit()


class NullTransaction:
    """For the processes of a training that write nothing: paths that lead nowhere, and no lock."""

    def __init__(self, outputs: list[Path]) -> None:
        self._outputs = outputs
        self.paths: dict[Path, Path] = {}

    def __enter__(self) -> NullTransaction:
        self._folder = tempfile.TemporaryDirectory()
        for number, output in enumerate(self._outputs):
            place = Path(self._folder.name, str(number))
            place.mkdir()
            self.paths[output] = place / output.name
        return self

    def open_state(self, state: StateFolder) -> Path:
        """The first process makes it."""
        return state.folder

    def commit(self, describe: Describe | None = None) -> None:
        """Nothing is kept."""

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()


def _working_folder(output: Path) -> Path:
    return output.with_name(f".{output.name}.partial")


def _replace(written: Path, output: Path) -> None:
    """Put a file or folder into place; an old folder comes back if that fails."""
    if output.is_symlink() and written.is_dir():
        output.unlink()  # a link to a folder cannot be replaced by one
    if not output.is_dir() or output.is_symlink():
        os.replace(written, output)
        return
    old = written.with_name(f"{written.name}.old")  # deleted with the working folder
    os.replace(output, old)
    try:
        os.replace(written, output)
    except BaseException:
        os.replace(old, output)
        raise


def _to_disk(path: Path) -> None:
    """Wait until a file, or every file of a folder, is on the disk."""
    for name in files_of(path) if path.is_dir() else [""]:
        with (path / name).open("rb") as file:
            os.fsync(file.fileno())


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Put off a SIGTERM or Ctrl-C until the outputs are in place: that takes no time."""
    if threading.current_thread() is not threading.main_thread():  # elsewhere Python forbids it
        yield
        return
    received: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda n, _: received.append(n)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)
        for signal_received in received:
            os.kill(os.getpid(), signal_received)


@contextlib.contextmanager
def _warning_of(folder: Path) -> Iterator[None]:
    """Outputs are in place: a state that cannot be deleted is no failure."""
    try:
        yield
    except OSError as error:
        logger.warning(
            "%s could not be deleted (%s). It is not needed any more: delete it by hand",
            folder,
            error.strerror or error,
        )
