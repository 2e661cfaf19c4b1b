"""Wherever a commit fails, outputs or state are whole, and the same command ends well."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mindvideo.transaction import Transaction
from tests.commit_faults import FAULTS, debris, outputs_are_whole, run, state_is_whole

# The commit asks no error for its number: the others take their time in `make test-all`.
KINDS = [
    kind if kind in ("ENOSPC", "ENOTEMPTY", "kill") else pytest.param(kind, marks=pytest.mark.long)
    for kind in FAULTS
]


@pytest.fixture(scope="module", params=KINDS)
def faults(request, tmp_path_factory):
    """A fault of one kind at all operations."""
    script = Path(__file__).with_name("commit_faults.py")
    folder = tmp_path_factory.mktemp("faults") / "case"
    done = subprocess.run(
        [sys.executable, str(script), str(folder), request.param],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_operation_of_the_commit_is_tried(faults):
    assert max(case["number"] for case in faults) > 15
    at = {case["at"].split()[0] for case in faults}
    assert at == {"killed"} or {"open", "os.rename", "os.remove", "os.rmdir"} <= at


def test_outputs_or_state_are_whole_and_the_same_command_ends_well(faults):
    for case in faults:
        assert case["outputs"] or case["state"], case
        assert case["again"] == 0, case
        assert case["whole"], case
        assert case["debris"] == [], case
        # In a workflow nothing is computed twice, wherever the fault was.
        assert case["work"] == 1 or (case["outputs"] and not case["keep_state"]), case


def test_a_fault_after_the_outputs_are_in_place_is_no_failure(faults):
    """The state, a working folder or a lock that cannot be deleted: a warning."""
    late = [case for case in faults if case["outputs"] and case["fault"] != "kill"]
    assert late or faults[0]["fault"] == "kill"
    failed = [case for case in late if case["status"]]
    # Only the last sidecar's way into place comes after the outputs.
    assert {case["at"].split()[0] for case in failed} <= {"os.rename"}


def test_a_link_to_a_folder_is_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "model").symlink_to(tmp_path / "elsewhere")
    with Transaction([tmp_path / "model"]) as work:
        work.paths[tmp_path / "model"].mkdir()
        work.commit()
    assert not (tmp_path / "model").is_symlink()
    assert (tmp_path / "model").is_dir()


def test_a_signal_waits_until_all_outputs_are_in_place(tmp_path, monkeypatch):
    outputs = [tmp_path / "a", tmp_path / "b"]
    replace = os.replace

    def interrupted(source, target):
        replace(source, target)
        os.kill(os.getpid(), signal.SIGINT)

    def make():
        with Transaction(outputs) as work:
            for path in work.paths.values():
                path.write_text("new")
            monkeypatch.setattr(os, "replace", interrupted)
            work.commit()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here
    try:
        with pytest.raises(KeyboardInterrupt):
            make()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [path.read_text() for path in outputs] == ["new", "new"]


# --- a mount that renames what is deleted while it is open ----------------------------------------


@pytest.fixture
def silly(tmp_path):
    """A file system that keeps deleted open files under another name, as NFS does.

    FUSE's libraries do it (`.fuse_hidden…`), with the same effect: the folder cannot be deleted.
    """
    source, mount = tmp_path / "source", tmp_path / "mount"
    source.mkdir()
    mount.mkdir()
    bindfs = shutil.which("bindfs")
    if not bindfs or subprocess.run([bindfs, source, mount], check=False).returncode:
        pytest.skip("bindfs is not installed, or may not mount here")
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)


def test_such_a_mount_refuses_to_delete_a_folder_with_an_open_file(silly):
    (silly / "state").mkdir()
    with (silly / "state/lock").open("w"):
        with pytest.raises(OSError, match="not empty") as error:
            shutil.rmtree(silly / "state")
    assert error.value.errno == errno.ENOTEMPTY


@pytest.mark.parametrize("keep_state", [True, False])
def test_on_such_a_mount_a_stage_ends_well_and_leaves_nothing(silly, keep_state):
    folder = silly / "results"
    folder.mkdir()
    for _ in range(2):  # the second time there is an old folder to replace
        assert run(folder, None, keep_state) == 0
        assert outputs_are_whole(folder)
        assert state_is_whole(folder) is keep_state
        assert debris(folder) == []
        assert not list(folder.rglob(".fuse_hidden*"))
