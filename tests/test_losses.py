"""The benchmark of faults, on smaller inputs than in docs/explanation/robustness.md."""

import re

import pytest

from benchmarks import losses
from benchmarks.losses_kinds import KINDS, write_inputs

STAGES = {kind.stage: kind for kind in KINDS}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("losses") / "inputs"
    return write_inputs(folder, n_clips=12, n_voxels=4000)


def test_a_stage_without_a_state_loses_all_or_nothing(inputs, tmp_path):
    faults = ["full disk in the commit", "second process"]
    line, wrong = losses.row(STAGES["windows"], faults, inputs, tmp_path)
    assert wrong == []
    assert re.fullmatch(
        r"\| no state: `windows`, 1 stage in [\d.]+ s \| the stage, [\d.]+ s \| nothing \|", line
    )


def test_a_killed_reconstruction_loses_the_clips_since_the_last_write(inputs, tmp_path):
    kind = STAGES["reconstruct"]
    whole = losses.undisturbed(kind, inputs, tmp_path / "whole", interval=0.1)
    assert len(whole.times()) == 12
    loss = losses.measure(kind, "kill -9", inputs, tmp_path / "killed", whole)
    assert loss.units < 6  # the kill comes with the seventh clip
    assert losses.described(loss, whole) == (
        f"{loss.units} of 12 clips, {loss.seconds:.1f} s" if loss.units else "nothing"
    )


def test_other_outputs_than_without_a_fault_are_an_error(inputs, tmp_path):
    kind = STAGES["windows"]
    whole = losses.undisturbed(kind, inputs, tmp_path / "whole")
    (whole.results / "table.tsv").write_text("another")
    with pytest.raises(losses.UnexpectedError, match="not those of a stage without a fault"):
        losses.measure(kind, "no flock", inputs, tmp_path / "case", whole)
