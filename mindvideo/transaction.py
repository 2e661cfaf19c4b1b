"""Complete outputs, each with its sidecar, or none.

Order of operations:

begin
    lock every output, and the state → delete what an earlier process left behind → create a
    working folder next to each output
work
    the stage writes into the working folders, and saves its progress in the state folder
commit
    check that every output exists → write sidecars, still in the working folders (the last
    operation that needs disk space) → flush files to the disk, if a state will be deleted → for
    each output: delete the old sidecar, move the output and then the sidecar into place → rename
    the state, or mark it as finished
clean up
    delete the working folders → release the locks → delete the renamed state

After any failure or kill, either the outputs are in place or the state is intact, and the same
command can be run again.
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
"""The path of an output in its working folder → the text of its sidecar."""


class Transaction:
    """Write several outputs completely or not at all; a context manager.

    Attributes
    ----------
    paths : dict of Path to Path
        Where to write each output; set when the ``with`` block is entered.

    Parameters
    ----------
    outputs : list of Path
    state : Path, optional
        The folder of the stage's states, which is also locked.
    keep_state : bool
        After the commit, mark the state as finished instead of deleting it.

    Raises
    ------
    InputError
        If another process is writing one of the outputs.
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
                shutil.rmtree(folder, ignore_errors=True)  # left by an earlier process
                folder.mkdir()
                self.paths[output] = folder / output.name
            self._stack = stack.pop_all()
        return self

    def open_state(self, state: StateFolder) -> Path:
        """The state folder to work with. It is deleted after a commit, and kept otherwise."""
        self._state = state
        return state.open()

    def commit(self, describe: Describe | None = None) -> None:
        """Put outputs and sidecars into place.

        Raises
        ------
        RuntimeError
            If an output is missing. Nothing is changed then.
        OSError
            From the file system. The state is unchanged then.
        """
        for output, written in self.paths.items():
            if not written.exists():
                raise RuntimeError(f"ended without writing {output}")
        if describe is not None:
            for written in self.paths.values():
                sidecar_path(written).write_text(describe(written))
        if self._state is not None:  # the only copy, until the outputs are on the disk
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
    """Where to write one output, which is then moved into place; without a sidecar."""
    with Transaction([output]) as work:
        yield work.paths[output]
        work.commit()


class NullTransaction:
    """For processes of a training run that write no outputs: unused paths, and no lock."""

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
        """The path of the state folder, which the first process creates."""
        return state.folder

    def commit(self, describe: Describe | None = None) -> None:
        """Do nothing."""

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()


def _working_folder(output: Path) -> Path:
    return output.with_name(f".{output.name}.partial")


def _replace(written: Path, output: Path) -> None:
    """Move a file or folder into place; restore an old folder if that fails."""
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
    """Postpone a SIGTERM or Ctrl-C until the outputs are in place, which takes no time."""
    if threading.current_thread() is not threading.main_thread():  # not allowed in others
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
    """Warn if a state cannot be deleted: the outputs are in place, so this is not a failure."""
    try:
        yield
    except OSError as error:
        logger.warning(
            "%s could not be deleted (%s). It is no longer needed: delete it by hand",
            folder,
            error.strerror or error,
        )
