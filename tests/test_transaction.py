"""Whatever fails in a commit, either the outputs or the state are whole, and one more try does it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commit_faults import FAULTS


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    script = Path(__file__).with_name("commit_faults.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path_factory.mktemp("faults") / "case")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_operation_of_the_commit_is_tried(faults):
    for kind in FAULTS:
        counts = [case["number"] for case in faults if case["fault"] == kind]
        assert max(counts) > 15
    at = {case["at"].split()[0] for case in faults}
    assert {"open", "os.rename", "os.remove", "os.rmdir"} <= at


@pytest.mark.parametrize("kind", FAULTS)
def test_outputs_or_state_are_whole_and_the_same_command_ends_well(faults, kind):
    for case in faults:
        if case["fault"] != kind:
            continue
        assert case["outputs"] or case["state"], case
        assert case["again"] == 0, case
        assert case["whole"], case
        assert case["debris"] == [], case
        # In a workflow nothing is computed twice, wherever the fault was.
        assert case["work"] == 1 or (case["outputs"] and not case["keep_state"]), case


def test_a_fault_after_the_outputs_are_in_place_is_no_failure(faults):
    """The state, a working folder or a lock that cannot be deleted: a warning."""
    late = [case for case in faults if case["outputs"] and case["fault"] != "kill"]
    assert late
    failed = [case for case in late if case["status"]]
    # Only the last sidecar's way into place comes after the outputs.
    assert {case["at"].split()[0] for case in failed} <= {"os.rename"}
