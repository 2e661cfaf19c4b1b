"""Outputs appear whole or not at all; states outlive failures; errors are reported plainly."""

import dataclasses
import json
import os
import subprocess
import sys
import types

import pytest
import torch

from mindvideo import runner
from mindvideo.errors import InputError
from mindvideo.models import precision
from mindvideo.models.hub import parse
from mindvideo.registry import Parameter, Stage
from mindvideo.settings.fmri import Windows
from mindvideo.settings.stimuli import Captions, CaptionSettings
from mindvideo.state import clear_finished
from tests.hub_cache import add_revision

STAGE = Stage(
    name="fake",
    summary="",
    parameters=(
        Parameter("source", "Input", False),
        Parameter("result", "Output", False),
        Parameter("state", "State", False),
        Parameter("settings", "settings", False),
    ),
    settings="Windows",
    settings_module="mindvideo.settings.fmri",
    chapter="",
    makes=(),
)


def provenance(code, digest, monkeypatch):
    """Let the code of the stage be this, in one module."""

    def result(module, stands_for, output):
        modules = {"mindvideo.a": digest}
        return {"stands_for": stands_for or code, "code": code, "modules": modules, "libraries": {}}

    monkeypatch.setattr(runner, "provenance", result)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a function as a stage, in `tmp_path`; returns the folder."""
    provenance("code", "1", monkeypatch)
    (tmp_path / "source").write_text("in")

    def run_main(main, section=None, *, code="", keep_state=False, **settings):
        module = types.ModuleType(STAGE.module)
        module.main = main
        monkeypatch.setitem(sys.modules, STAGE.module, module)
        places = {n: tmp_path / n for n in ("source", "result", "state")}
        section = section or Windows(**settings)
        runner.run_stage(STAGE, places, section, code=code, keep_state=keep_state)
        return tmp_path

    return run_main


def write(*, source, result, state, settings):
    result.write_text(source.read_text() + "!")


def test_sidecars_record_device_and_precision_of_networks(run, monkeypatch):
    """Of `auto` what it was; the setting itself is what decides."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    monkeypatch.setattr(precision, "instructions", lambda: {"avx512_bf16"})
    allowed = []

    def compute(*, settings, **paths):
        allowed.append(torch.backends.cuda.matmul.allow_tf32)
        precision.put(torch.nn.Linear(1, 1), settings.precision)
        write(settings=settings, **paths)

    try:
        section = CaptionSettings(captioner="any", precision="auto", tf32=False)
        record = json.loads((run(compute, section) / "result.json").read_text())
        run(compute, section.model_copy(update={"tf32": True}))
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
    assert allowed == [False, True]
    assert record["settings"]["precision"] == "auto"
    assert record["settings"]["tf32"] is False
    assert record["computed"]["precision"] == "bf16"
    assert record["computed"]["device"].startswith("CPU (")
    assert "tf32" not in section.deciding()
    assert json.loads((run(write) / "result.json").read_text())["computed"] == {}


def test_outputs_are_moved_into_place_with_their_sidecar(run):
    folder = run(write)
    assert (folder / "result").read_text() == "in!"
    sidecar = json.loads((folder / "result.json").read_text())
    assert sidecar["settings"]["size"] == 2
    assert sidecar["code"] == "code"
    assert list(sidecar["inputs"]) == [str(folder / "source")]
    assert sorted(os.listdir(folder)) == ["result", "result.json", "source"]


def test_commits_of_the_hub_models_that_were_loaded_are_recorded(run, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    add_revision(tmp_path / "hub", "org/model", "0" * 40, tmp_path / "model", "v1")

    def load_and_write(**arguments):
        parse("org/model@v1").note_loaded("org/model@v1", "config.json")
        write(**arguments)

    def recorded(main):
        return json.loads((run(main) / "result.json").read_text())["pretrained"]

    assert recorded(load_and_write) == {"org/model@v1": "0" * 40}
    assert recorded(write) == {}  # of a stage that loads none


def test_a_folder_is_replaced_whole(run):
    def make(name):
        def main(*, source, result, state, settings):
            result.mkdir()
            (result / name).write_text("")

        return main

    run(make("old"))
    assert os.listdir(run(make("new")) / "result") == ["new"]


def test_a_failure_leaves_the_old_output_and_no_debris(run, tmp_path):
    run(write)

    def fail(*, source, result, state, settings):
        result.write_text("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(fail)
    assert (tmp_path / "result").read_text() == "in!"
    assert not list(tmp_path.glob(".result*"))


def test_a_stage_that_makes_nothing_is_an_error(run):
    with pytest.raises(RuntimeError, match="without writing"):
        run(lambda **_: None)


def test_the_state_outlives_a_failure_and_goes_with_success(run, tmp_path):
    def halfway(*, source, result, state, settings):
        if (state / "step").exists():
            result.write_text("resumed")
        else:
            (state / "step").write_text("7")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(halfway)
    run(halfway)
    assert (tmp_path / "result").read_text() == "resumed"
    assert not (tmp_path / "state").exists()


def test_other_settings_start_afresh(run, tmp_path):
    def stop(*, source, result, state, settings):
        (state / "step").write_text("7")
        raise KeyboardInterrupt

    def look(*, source, result, state, settings):
        result.write_text(str(sorted(os.listdir(state))))

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    run(look, size=3)
    assert (tmp_path / "result").read_text() == "['identity.json']"


def test_settings_of_execution_do_not_start_afresh(run, tmp_path):
    def stop(*, source, result, state, settings):
        (state / "step").write_text("7")
        raise KeyboardInterrupt

    def look(*, source, result, state, settings):
        result.write_text((state / "step").read_text() + f" {settings.batch_size}")

    with pytest.raises(KeyboardInterrupt):
        run(stop, Captions(batch_size=2))
    run(look, Captions(batch_size=3))
    assert (tmp_path / "result").read_text() == "7 3"


@pytest.mark.parametrize("same", ["result", "state"])
def test_one_output_and_one_state_have_one_process(run, tmp_path, same):
    def nested(*, source, result, state, settings):
        places = {name: tmp_path / name for name in ("source", "result", "state")}
        other = {"result": "state", "state": "result"}[same]
        places[other] = tmp_path / "other"
        with pytest.raises(InputError, match=f"{same}: another process is writing here .process"):
            runner.run_stage(STAGE, places, Windows())
        result.write_text("")

    run(nested)


def test_in_a_workflow_a_finished_state_stays_until_it_ends_well(run, tmp_path):
    """A Snakemake that is killed deletes the outputs and starts the stage again."""
    calls = []

    def train(*, source, result, state, settings):
        if not (state / "weights").exists():
            calls.append(1)
            (state / "weights").write_text("of three weeks")
        result.write_text((state / "weights").read_text())

    run(train, keep_state=True)
    (tmp_path / "result").unlink()
    run(train, keep_state=True)
    assert (tmp_path / "result").read_text() == "of three weeks"
    assert len(calls) == 1
    (tmp_path / "state/of another").mkdir()
    (tmp_path / "state/of another/step").write_text("7")
    clear_finished(tmp_path / "state")
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["of another"]
    (tmp_path / "state/of another/step").unlink()
    clear_finished(tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_another_segment_starts_afresh(run, tmp_path, monkeypatch):
    """Names are no settings, and decide the result as well."""
    interrupt(run)
    named = dataclasses.replace(
        STAGE, parameters=(*STAGE.parameters, Parameter("segment", "str", False))
    )
    module = types.ModuleType(STAGE.module)
    resumed = []

    def main(*, source, result, state, segment, settings):
        resumed.append((state / "step").exists())
        (state / "step").write_text("1")
        raise KeyboardInterrupt

    module.main = main
    monkeypatch.setitem(sys.modules, STAGE.module, module)
    for segment in ("test1", "test2", "test1"):
        places = {n: tmp_path / n for n in ("source", "result", "state")} | {"segment": segment}
        with pytest.raises(KeyboardInterrupt):
            runner.run_stage(named, places, Windows())
    assert resumed == [False, False, True]


# --- code that has changed ------------------------------------------------------------------------


def interrupt(run, **options):
    def stop(*, source, result, state, settings):
        (state / "step").write_text("7")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stop, **options)


def resume(*, source, result, state, settings):
    result.write_text(str((state / "step").exists()))


@pytest.fixture
def trains(monkeypatch):
    monkeypatch.setattr(Stage, "trains", True)


@pytest.mark.usefixtures("trains")
def test_a_training_whose_code_has_changed_stops_and_names_both_ways_on(run, tmp_path, monkeypatch):
    interrupt(run)
    provenance("new", "2", monkeypatch)
    with pytest.raises(InputError, match=r"changed since: mindvideo\.a\.") as error:
        run(resume)
    for command in ("mindvideo adopt", "mindvideo discard"):
        assert f"{command} {next((tmp_path / 'state').iterdir())}" in str(error.value)
    run(resume, code="code")  # the user has said that the new code stands for the old one
    assert (tmp_path / "result").read_text() == "True"


@pytest.mark.usefixtures("trains")
def test_another_lock_alone_is_changed_code_and_other_weights_are_not(run, tmp_path):
    interrupt(run, code="source-lock-weights")
    with pytest.raises(InputError, match="changed since: versions in the lock file"):
        run(resume, code="source-lock2-weights")
    run(resume, code="source-lock-weights2")
    assert (tmp_path / "result").read_text() == "False"


@pytest.mark.usefixtures("trains")
@pytest.mark.parametrize("codes", [("code-lock-weights", ""), ("", "code-lock-weights")])
def test_what_a_workflow_began_goes_on_by_hand_and_back(run, tmp_path, codes):
    interrupt(run, code=codes[0])
    run(resume, code=codes[1])
    assert (tmp_path / "result").read_text() == "True"


@pytest.mark.usefixtures("trains")
def test_a_training_with_other_settings_and_code_begins_anew_and_says_so(
    run, tmp_path, monkeypatch, caplog
):
    interrupt(run)
    provenance("new", "2", monkeypatch)
    with caplog.at_level("INFO"):
        run(resume, size=3)
    assert (tmp_path / "result").read_text() == "False"
    assert "which differs in settings: size was 2, is now 3; code: mindvideo.a" in caplog.text
    assert list((tmp_path / "state").glob("*/step"))  # the other one's checkpoint is there still


def test_a_stage_of_minutes_begins_anew_with_other_code(run, tmp_path, monkeypatch):
    interrupt(run)
    provenance("new", "2", monkeypatch)
    run(resume)
    assert (tmp_path / "result").read_text() == "False"


def test_a_missing_input_is_named(run, tmp_path):
    (tmp_path / "source").unlink()
    with pytest.raises(InputError, match=r"--source .*source: no such file"):
        run(write)


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "mindvideo", *words], capture_output=True, text=True, check=False
    )


def test_the_commands_errors_are_one_message_and_a_status(tmp_path):
    settings = '{"seconds": 2, "n_clips": 3, "fsp": 3}'
    outputs = [f"--{name}={tmp_path / name}" for name in ("clips", "changes")]
    options = ["--film", "none.mp4", *outputs]
    wrong = command("clips", *options, "--settings", settings)
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)
    assert "fsp: no such setting; did you mean 'fps'?" in wrong.stderr
    missing = command("clips", *options, "--set", "seconds=2", "--set", "n_clips=3")
    assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)
    assert "none.mp4: no such file" in missing.stderr
    assert not list(tmp_path.iterdir())
