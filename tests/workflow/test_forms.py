"""Runs of several files, and parts of files, as inputs of the workflow's jobs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

DATASET = {
    "name": "mine",
    "tr": 1.5,
    "lag": 0,
    "clips_per_segment": {"default": 10},
    "subjects": {"one": "01"},
    "train": ["film1", "film2"],
    "test": ["film3"],
    "repetitions": {"train": 2, "test": 2},
    "film": "{segment}.mp4",
    "timing": {"default": {"drop_start": 0, "drop_end": 0}},
}


def commands(checkout, monkeypatch, changes, **sections):
    monkeypatch.chdir(checkout.folder)
    config = {"dataset": DATASET | changes, "results": "found", "clips": {"fps": 2}} | sections
    config["pretraining_data"] = "config/datasets/hcp1200.yaml"
    Path("mine.yaml").write_text(yaml.safe_dump(config))
    options = ("--configfile", "mine.yaml", "--dry-run", "--printshellcmds")
    done = checkout.snakemake(*options, "--", "found/one/selection/voxels.tsv")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    lines = said.splitlines()
    stages = ("regions", "clean")
    return [[line for line in lines if f"mindvideo {stage} " in line] for stage in stages]


def test_both_hemispheres_are_inputs(checkout, monkeypatch):
    run = "{subject}_{segment}_{repetition}_hemi-{hemi}.func.gii"
    for segment in ("film1", "film2", "film3"):
        for repetition in (1, 2):
            for side in "LR":
                name = run.format(subject="01", segment=segment, repetition=repetition, hemi=side)
                Path(checkout.folder, name).touch()
    for side in "LR":
        Path(checkout.folder, f"01.{side}.label.gii").touch()
    labels = {"labels": "{subject}.{hemi}.label.gii"}
    regions, clean = commands(checkout, monkeypatch, {"space": "gifti", "run": run}, regions=labels)
    assert len(regions) == 1
    assert "--run 01_film1_1_hemi-L.func.gii --right 01_film1_1_hemi-R.func.gii" in regions[0]
    assert "--labels 01.L.label.gii 01.R.label.gii" in regions[0]
    assert "regions.dlabel.nii" in regions[0]
    assert len(clean) == 3
    right = "--right 01_film1_1_hemi-R.func.gii 01_film1_2_hemi-R.func.gii"
    assert sum(right in line for line in clean) == 1


def test_arrays_of_one_archive_are_told_apart_by_their_names(checkout, monkeypatch):
    np.savez(Path(checkout.folder, "01.npz"), a=np.zeros(3))
    Path(checkout.folder, "names.txt").write_text("a\n")
    changes = {"space": "array", "run": "{subject}.npz::ses-1/{segment}_{repetition}"}
    regions, clean = commands(checkout, monkeypatch, changes | {"voxels": "names.txt"})
    assert "--run 01.npz --right --masks --voxels names.txt" in regions[0]
    assert '"key":"ses-1/film1_1"' in regions[0]
    assert "regions.tsv" in regions[0]
    assert sum("--runs 01.npz 01.npz" in line for line in clean) == 3
    assert sum('"keys":["ses-1/film2_1","ses-1/film2_2"]' in line for line in clean) == 1
