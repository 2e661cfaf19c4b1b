"""The pages of commands and of results name all that there is, and nothing else."""

import re
from pathlib import Path

import pytest

from mindvideo.commands import COMMANDS
from mindvideo.registry import stage_names

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"
FILLED = {
    "{RESULTS}/": "",
    "{OF_ENCODER}": "SUBJECT/interpretation/STAGE",
    "{{model}}": "SUBJECT",
    "{{subject}}": "SUBJECT",
    "{{shared}}": "shared",
    "{{segment}}": "SEGMENT",
    "{{split}}": "SPLIT",
    "{MAP}": ".nii.gz",
    "{LABELS}": ".nii.gz",
    "{EVALUATE}": "test",
}
"""Wildcards of the rules as the page writes them."""


def rows(page, heading):
    """First cells of the table below a heading, without backticks."""
    section = (REFERENCE / page).read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([^`]*)` \|", section, re.MULTILINE)


def outputs():
    """All outputs of rules under the folder of results, as the page writes them."""
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for _, block in re.findall(
            r"^( +)output:\n(.*?)(?=^\1\w|^\S|\Z)", path.read_text(), re.M | re.S
        ):
            for pattern in re.findall(r'f"(\{(?:RESULTS|OF_ENCODER)\}/[^"]*)"', block):
                for wildcard, name in FILLED.items():
                    pattern = pattern.replace(wildcard, name)
                yield pattern
            # The rules' helper for figures adds a PDF, which the page mentions once for all.
            for pattern in re.findall(r'figure\("([^"]*)"', block):
                yield pattern.replace("{model}", "SUBJECT") + ".png"


def test_the_page_of_commands_has_all_commands_and_stages():
    assert set(rows("commands.md", "Commands")) == {f"mindvideo {name}" for name in COMMANDS}
    assert set(rows("commands.md", "Stages")) == {n.replace("_", "-") for n in stage_names()}


def test_targets_on_the_page_are_outputs_or_rules():
    known = {f"results/{path}" for path in outputs()} | {"results/SUBJECT", "control"}
    targets = rows("commands.md", "Targets of Snakemake")
    assert len(targets) > 10
    assert not {target.replace("/variants/VARIANT", "") for target in targets} - known


@pytest.mark.parametrize("path", sorted(set(outputs())))
def test_the_page_of_results_has_every_output(path):
    assert f"`{path}`" in (REFERENCE / "results.md").read_text()


def test_the_page_of_results_has_the_figures():
    figures = [path for path in outputs() if path.endswith(".png")]
    assert len(figures) > 12
    assert "`.pdf`" in (REFERENCE / "results.md").read_text()


def test_the_page_of_results_has_no_other_output():
    listed = re.findall(
        r"`((?:SUBJECT|shared|tables)/[\w./]+)`", (REFERENCE / "results.md").read_text()
    )
    assert len(listed) > 80
    assert not set(listed) - set(outputs()) - {"SUBJECT/variants/VARIANT"}
