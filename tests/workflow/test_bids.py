"""Runs of several sessions, from a table of runs into the workflow."""

from __future__ import annotations

from pathlib import Path

import yaml

from mindvideo.cli import main

SEGMENTS = ("film1", "film2", "test1")


def test_the_workflow_takes_the_runs_and_masks_of_all_sessions(
    checkout, derivatives, monkeypatch, capsys
):
    monkeypatch.chdir(checkout.folder)
    derivatives.write_tree(Path("derivatives"), [derivatives.MNI])
    assert main(["runs", "--bids", "derivatives", "--lag", "2", "--film", "{segment}.mp4"]) == 0
    Path("runs.tsv").write_text(capsys.readouterr().out)
    for segment in SEGMENTS:
        Path(f"{segment}.mp4").touch()
    config = {"dataset": {"name": "mine", "lag": 0, "runs": "runs.tsv"}, "results": "found"}
    config["pretraining_data"] = "config/datasets/hcp1200.yaml"
    Path("mine.yaml").write_text(yaml.safe_dump(config))
    options = ("--configfile", "mine.yaml", "--dry-run", "--printshellcmds")
    done = checkout.snakemake(*options, "--", "found/02/windows")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    counts = {"clean": 3, "regions": 1, "select": 1, "windows": 1}
    assert {rule: said.count(f"rule {rule}:") for rule in counts} == counts
    commands = [line for line in said.splitlines() if "mindvideo regions" in line]
    assert len(commands) == 1
    assert commands[0].count("brain_mask.nii.gz") == 4
    assert "test1" not in commands[0]
