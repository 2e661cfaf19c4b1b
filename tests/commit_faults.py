"""A stage whose commit fails: at one file operation after the other, by an error or by a kill.

``python tests/commit_faults.py FOLDER KIND …`` runs a stage of two outputs and a state in forks of
this process. In the n-th of them the n-th operation on files after the stage's work raises an
error, or the process dies before it. What is left is judged, and the same stage is run again.
Prints a JSON object for each case.
"""

import errno
import json
import os
import shutil
import signal
import sys
import types
from pathlib import Path

from mindvideo import runner
from mindvideo.contents import Digests
from mindvideo.io.sidecars import sidecar_path
from mindvideo.registry import Parameter, Stage
from mindvideo.settings.fmri import Windows

FAULTS = ("ENOSPC", "EDQUOT", "EIO", "ENOTEMPTY", "kill")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
STAGE = Stage(
    name="fake",
    summary="",
    parameters=(
        Parameter("table", "Output", False),
        Parameter("model", "Output", False),
        Parameter("state", "State", False),
        Parameter("settings", "settings", False),
    ),
    settings="Windows",
    settings_module="mindvideo.settings.fmri",
    chapter="",
    makes=(),
)
CONTENT = {"table": "new", "model": {"a": "new a", "b": "new b"}}


class Fault:
    """Lets one operation fail, once it is armed; an audit hook, which cannot be taken away."""

    def __init__(self) -> None:
        self.armed, self.number, self.kind, self.count, self.at = False, 0, "", 0, ""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        if not self.armed or not _changes_files(event, arguments):
            return
        self.count += 1
        if self.count == self.number:
            self.at = f"{event} {arguments[0]}"
            if self.kind == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            number = getattr(errno, self.kind)
            raise OSError(number, os.strerror(number), str(arguments[0]))


def _changes_files(event: str, arguments: tuple) -> bool:
    if event == "open":
        mode, flags = arguments[1], arguments[2]
        return bool(set(mode or "") & set("wax+")) or bool((flags or 0) & WRITING)
    return event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.utime")


def run(folder: Path, fault: Fault | None, keep_state: bool) -> int:
    """Run the stage in a fork; its exit status, negative if it was killed."""
    pid = os.fork()
    if not pid:
        os._exit(_stage(folder, fault, keep_state))
    status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status)


def _stage(folder: Path, fault: Fault | None, keep_state: bool) -> int:
    def main(*, table: Path, model: Path, state: Path, settings: Windows) -> None:
        if not (state / "weights").exists():
            with (folder.parent / "work").open("a") as log:
                log.write("work\n")
            (state / "weights").write_text("weights")
        table.write_text(CONTENT["table"])
        model.mkdir()
        for name, text in CONTENT["model"].items():
            (model / name).write_text(text)
        if fault:
            fault.armed = True

    identity = {"stands_for": "code", "code": "code", "modules": {}, "libraries": {}}
    runner.provenance = lambda module, code, output: identity
    module = types.ModuleType(STAGE.module)
    module.main = main
    sys.modules[STAGE.module] = module
    places = {name: folder / name for name in ("table", "model", "state")}
    try:
        runner.run_stage(STAGE, places, Windows(), code="code", keep_state=keep_state)
    except OSError:
        return 1
    finally:
        if fault:
            fault.armed = False
            (folder.parent / "at").write_text(fault.at)
    return 0


def outputs_are_whole(folder: Path) -> bool:
    """Whether all outputs are the new ones, and no sidecar says anything wrong."""
    table, model = folder / "table", folder / "model"
    try:
        if table.read_text() != CONTENT["table"]:
            return False
        if {path.name: path.read_text() for path in model.iterdir()} != CONTENT["model"]:
            return False
    except OSError:
        return False
    return all(
        not sidecar_path(path).exists()
        or json.loads(sidecar_path(path).read_text())["content"]["sha256"]
        == Digests(None, "").of(path)
        for path in (table, model)
    )


def state_is_whole(folder: Path) -> bool:
    return any(path.read_text() == "weights" for path in folder.glob("state/*/weights"))


def debris(folder: Path) -> list[str]:
    """What should not be there after a run that ended well."""
    expected = {"table", "table.json", "model", "model.json", "state"}
    return sorted(path.name for path in folder.iterdir() if path.name not in expected)


def case(place: Path, kind: str, number: int, *, old: bool, keep_state: bool) -> dict:
    """One fault, what it left, and the same command again."""
    shutil.rmtree(place, ignore_errors=True)
    folder = place / "results"
    folder.mkdir(parents=True)
    if old:  # outputs of an earlier run are there
        (folder / "table").write_text("old")
        (folder / "model").mkdir()
        (folder / "model" / "c").write_text("old")
    fault = Fault()
    fault.kind, fault.number = kind, number
    status = run(folder, fault, keep_state)
    at = place / "at"
    outcome = {
        "fault": kind,
        "number": number,
        "status": status,
        "at": at.read_text() if at.exists() else "killed",
        "outputs": outputs_are_whole(folder),
        "state": state_is_whole(folder),
    }
    again = run(folder, None, keep_state)
    return outcome | {
        "again": again,
        "whole": outputs_are_whole(folder),
        "debris": debris(folder),
        "work": (place / "work").read_text().count("work\n"),
    }


def cases(place: Path, kinds: list[str]) -> list[dict]:
    """Faults of these kinds at all operations."""
    outcomes = []
    (place / "first").mkdir(parents=True)
    _stage(place / "first", None, False)  # forks have at hand what it imported and read
    for kind in kinds:
        for old, keep_state in ((False, True), (True, True), (True, False)):
            for number in range(1, 1000):
                # Hooks pile up in a process: each case has a process of its own.
                reading, writing = os.pipe()
                pid = os.fork()
                if not pid:
                    result = case(place, kind, number, old=old, keep_state=keep_state)
                    os.write(writing, json.dumps(result).encode())
                    os._exit(0)
                os.close(writing)
                os.waitpid(pid, 0)
                with os.fdopen(reading) as pipe:
                    result = json.loads(pipe.read())
                if not result["at"]:  # fewer operations than that
                    break
                outcomes.append(result | {"old": old, "keep_state": keep_state})
    return outcomes


if __name__ == "__main__":
    for result in cases(Path(sys.argv[1]), sys.argv[2:]):
        print(json.dumps(result))
