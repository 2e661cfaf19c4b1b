"""docs/how-to/adding-a-stage.md, followed to the letter in a checkout of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.workflow.conftest import ROOT, Checkout

PAGE = (ROOT / "docs/how-to/adding-a-stage.md").read_text()


def block(path: str) -> str:
    """The first block of code after the line that names a file."""
    return re.search(rf"`{re.escape(path)}`:\n\n```\w+\n(.*?)```", PAGE, re.S)[1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The package and the workflow, and in them the page's module, rule and test."""
    folder = tmp_path_factory.mktemp("checkout")
    checkout = Checkout(folder)
    unwanted = shutil.ignore_patterns("__pycache__", "README.md")
    shutil.copytree(ROOT / "mindvideo", folder / "mindvideo", ignore=unwanted)
    for path in ("mindvideo/stages/brightness.py", "tests/stages/test_brightness.py"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(block(path))
    rules = folder / "rules/stimuli.smk"
    rules.write_text(f"{rules.read_text()}\n\n{block('rules/stimuli.smk')}")
    checkout.environment = os.environ | {"PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"}
    return checkout


def run(checkout: Checkout, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=checkout.folder,
        env=checkout.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_stage_is_a_command(checkout):
    assert "brightness       Measure how bright" in run(checkout, "mindvideo", "--help")
    options = run(checkout, "mindvideo", "brightness", "--help")
    assert "--clips INPUT" in options
    assert "standard             weights of red, green and blue" in options
    np.save(checkout.folder / "clips.npy", np.full((1, 6, 8, 8, 3), 255, np.uint8))
    arguments = "brightness --clips clips.npy --brightness luma.tsv --set tr=2"
    run(checkout, "mindvideo", *arguments.split())
    table = pd.read_csv(checkout.folder / "luma.tsv", sep="\t")
    assert table.to_dict("list") == {"onset": [0.0], "luma": [pytest.approx(255)]}


def test_its_section_is_a_setting_like_any_other(checkout):
    assert "## `brightness`" in run(checkout, "mindvideo", "settings")
    assert '"brightness"' in run(checkout, "mindvideo", "schema")


def test_the_test_of_the_page_passes(checkout):
    run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "tests/stages/test_brightness.py")


def test_the_workflow_runs_it_and_an_edit_of_its_setting_reruns_it_alone(checkout, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(checkout.folder))
    target = "results/shared/brightness/test1.tsv"
    dataset = {"like": "config/datasets/demo.yaml", "clips_per_segment": {"default": 4}}
    checkout.configure(dataset=dataset)
    assert checkout.jobs(target) == {"demo_film": 1, "clips": 1, "brightness": 1}
    done = checkout.snakemake("--", target)
    assert done.returncode == 0, done.stdout + done.stderr
    before = Path(checkout.folder, target).read_text()
    assert len(before.splitlines()) == 5
    assert not checkout.jobs(target)
    checkout.configure(clips={"fit": "crop"}, captions={"max_tokens": 7})
    assert not checkout.jobs(target)
    checkout.configure(brightness={"standard": "rec601"})
    assert checkout.jobs(target) == {"brightness": 1}
    assert checkout.snakemake("--", target).returncode == 0
    assert Path(checkout.folder, target).read_text() != before


def test_a_variant_has_its_own(checkout, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(checkout.folder))
    checkout.configure(variants={"old-standard": {"brightness": {"standard": "rec709"}}})
    target = "results/shared/variants/old-standard/brightness/test1.tsv"
    assert checkout.jobs(target) == {"brightness": 1}
