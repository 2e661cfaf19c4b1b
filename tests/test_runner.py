"""Outputs appear whole or not at all; states outlive failures; errors are told plainly."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from mindvideo import runner
from mindvideo.errors import InputError
from mindvideo.registry import Parameter, Stage
from mindvideo.settings import Windows

STAGE = Stage(
    name="fake",
    summary="",
    parameters=(
        Parameter("source", "Input", False),
        Parameter("made", "Output", False),
        Parameter("state", "State", False),
        Parameter("settings", "settings", False),
    ),
    settings="Windows",
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a function as a stage, in `tmp_path`; returns the folder."""
    made_by = {"code": "code", "known_as": "code"}
    monkeypatch.setattr(runner, "identity", lambda module, code: made_by)
    (tmp_path / "source").write_text("in")

    def run_main(main, **settings):
        module = types.ModuleType(STAGE.module)
        module.main = main
        monkeypatch.setitem(sys.modules, STAGE.module, module)
        places = {n: tmp_path / n for n in ("source", "made", "state")}
        runner.run_stage(STAGE, places, Windows(**settings))
        return tmp_path

    return run_main


def write(*, source, made, state, settings):
    made.write_text(source.read_text() + "!")


def test_outputs_are_moved_into_place_with_their_sidecar(run):
    folder = run(write)
    assert (folder / "made").read_text() == "in!"
    sidecar = json.loads((folder / "made.json").read_text())
    assert sidecar["settings"]["size"] == 2
    assert sidecar["code"] == "code"
    assert list(sidecar["inputs"]) == [str(folder / "source")]
    assert sorted(os.listdir(folder)) == ["made", "made.json", "source"]


def test_a_folder_is_replaced_whole(run):
    def make(name):
        def main(*, source, made, state, settings):
            made.mkdir()
            (made / name).write_text("")

        return main

    run(make("old"))
    assert os.listdir(run(make("new")) / "made") == ["new"]


def test_a_failure_leaves_the_old_output_and_no_debris(run, tmp_path):
    run(write)

    def fail(*, source, made, state, settings):
        made.write_text("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(fail)
    assert (tmp_path / "made").read_text() == "in!"
    assert not list(tmp_path.glob(".made*"))


def test_a_stage_that_makes_nothing_is_an_error(run):
    with pytest.raises(RuntimeError, match="without making"):
        run(lambda **_: None)


def test_the_state_outlives_a_failure_and_goes_with_success(run, tmp_path):
    def halfway(*, source, made, state, settings):
        if (state / "step").exists():
            made.write_text("resumed")
        else:
            (state / "step").write_text("7")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(halfway)
    run(halfway)
    assert (tmp_path / "made").read_text() == "resumed"
    assert not (tmp_path / "state").exists()


def test_other_settings_start_afresh(run, tmp_path):
    def stop(*, source, made, state, settings):
        (state / "step").write_text("7")
        raise KeyboardInterrupt

    def look(*, source, made, state, settings):
        made.write_text(str(sorted(os.listdir(state))))

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    run(look, size=3)
    assert (tmp_path / "made").read_text() == "[]"


def test_one_state_has_one_trainer(run, tmp_path):
    def nested(*, source, made, state, settings):
        with pytest.raises(InputError, match="another process is at work"):
            runner.run_stage(STAGE, _places(tmp_path), Windows())
        made.write_text("")

    run(nested)


def _places(folder: Path) -> dict:
    return {"source": folder / "source", "made": folder / "other", "state": folder / "state"}


def test_a_missing_input_is_named(run, tmp_path):
    (tmp_path / "source").unlink()
    with pytest.raises(InputError, match=r"--source .*source: there is no such file"):
        run(write)


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "mindvideo", *words], capture_output=True, text=True, check=False
    )


def test_the_commands_errors_are_one_message_and_a_status(tmp_path):
    settings = '{"tr": 2, "n_clips": 3, "fsp": 3}'
    outputs = [f"--{name}={tmp_path / name}" for name in ("clips", "changes")]
    options = ["--film", "none.mp4", *outputs]
    wrong = command("clips", *options, "--settings", settings)
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)
    assert "fsp: no such setting; did you mean 'fps'?" in wrong.stderr
    missing = command("clips", *options, "--set", "tr=2", "--set", "n_clips=3")
    assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)
    assert "none.mp4: there is no such file" in missing.stderr
    assert not list(tmp_path.iterdir())
