"""The command line and the rules are made from the stages' own signatures."""

import importlib
import inspect
from pathlib import Path

import pytest

from mindvideo.artefacts import CHAPTERS
from mindvideo.cli import _parser, _processes, main
from mindvideo.registry import command_line, read_stage, stage_names


def test_help_lists_every_stage_once(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out.partition("\nstages:")[2]
    for name in stage_names():
        assert text.count(f"    {read_stage(name).command} ") == 1
        assert read_stage(name).chapter in CHAPTERS


@pytest.mark.parametrize("name", stage_names())
def test_what_is_read_of_a_stage_is_its_signature(name):
    stage = read_stage(name)
    main = importlib.import_module(stage.module).main
    assert [p.name for p in stage.parameters] == list(inspect.signature(main).parameters)
    assert stage.summary.endswith(".")
    assert stage.of_kind("Output", "Outputs")


@pytest.mark.parametrize("name", stage_names())
def test_every_stage_lists_its_files_and_settings(name, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])
    assert exit_.value.code == 0
    assert "settings (--set NAME=VALUE" in capsys.readouterr().out


def test_an_unknown_stage_is_an_error(capsys):
    assert main(["clipz"]) == 2
    assert "no such stage or command: 'clipz'" in capsys.readouterr().err


def test_a_rules_command_names_its_files():
    outputs = {"cleaned": "c.npy", "tsnr": "t.nii.gz", "alive": "a.npy", "table": "r.tsv"}
    inputs = {"runs": ["a b.nii", "c.nii"], "regions": "r.nii"}
    words = command_line(read_stage("clean"), inputs, outputs, {"model": "sub1"})
    assert words[:6] == ["mindvideo", "clean", "--runs", "a b.nii", "c.nii", "--regions"]
    assert words[-8:-4] == ["--cleaned", "c.npy", "--tsnr", "t.nii.gz"]
    assert words[-4:] == ["--alive", "a.npy", "--table", "r.tsv"]
    assert "--confounds" not in words
    words = command_line(read_stage("clean"), inputs | {"confounds": []}, outputs, {})
    assert words[words.index("--confounds") + 1] == "--cleaned"


def test_a_rule_that_does_not_fit_its_stage_is_refused():
    stage, outputs = read_stage("clips"), {"clips": "c.npy", "changes": "c.tsv"}
    with pytest.raises(TypeError, match=r"stage clips needs film \(Input\)"):
        command_line(stage, {}, outputs, {})
    with pytest.raises(TypeError, match="stage clips has no movie"):
        command_line(stage, {"film": "f.mp4", "movie": "m.mp4"}, outputs, {})


def test_an_optional_input_can_be_named_without_a_file():
    parser = _parser(read_stage("clean"))
    needed = ["--runs", "a", "b", "--regions", "c", "--cleaned", "d", "--tsnr", "e", "--alive", "g"]
    needed += ["--table", "f"]
    assert parser.parse_args([*needed, "--confounds"]).confounds == []
    assert parser.parse_args([*needed, "--confounds", "g"]).confounds == [Path("g")]
    parser = _parser(read_stage("mbm"))
    required = [action.option_strings[0] for action in parser._actions if action.required]
    needed = [word for option in required if option != "--start" for word in (option, "a")]
    assert parser.parse_args([*needed, "--start"]).start is None


@pytest.mark.parametrize(
    ("given", "allocated", "processes"), [("0", "", 1), ("0", "4", 4), ("2", "4", 2)]
)
def test_processes_of_a_training(monkeypatch, given, allocated, processes):
    monkeypatch.delenv("SLURM_GPUS_ON_NODE", raising=False)
    if allocated:
        monkeypatch.setenv("SLURM_GPUS_ON_NODE", allocated)
    assert _processes(given) == processes


def test_a_folder_of_clips_is_scored_by_another_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(["score-folder", "--help"])
    assert end.value.code == 0
    assert "--truth-names" in capsys.readouterr().out
    assert main(["score", "clips", "--to", "scores"]) == 2
    assert "mindvideo score-folder clips --to …" in capsys.readouterr().err
