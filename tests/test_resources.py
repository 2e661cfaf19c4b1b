"""The table of what rules ask for, against the rules, the profiles and docs/reference/cost.md."""

import re

import pandas as pd
import pytest
import yaml

from benchmarks.resources import PROFILES, ROOT, generated, needs, with_seconds
from mindvideo.registry import read_stage

NEEDS = {need.rule: need for need in needs()}
RULE = re.compile(
    r"^ *(?:use rule (\w+) as (\w+) with|rule (\w+)):\n((?:(?! *(?:use )?rule ).*\n)*)", re.M
)
UNITS = {"d": 1440, "h": 60, "min": 1, "s": 1 / 60}


def rules():
    """Rules that run a stage, with their text and that of the rules that they use."""
    texts = {}
    paths = sorted(
        (ROOT / "rules").glob("*.smk"), key=lambda path: (path.stem != "stage", path.name)
    )
    for path in paths:
        for base, derived, name, text in RULE.findall(path.read_text()):
            texts[derived or name] = texts.get(base, "") + text
    return {name: text for name, text in texts.items() if "params_of(" in text}


def resumes(rule):
    stage = re.search(r'params_of\(\s*"(\w+)"', rules()[rule])[1]
    return bool(read_stage(stage).of_kind("State"))


def rehearsed():
    """Table of the rehearsal in docs/reference/cost.md: rule → (one GPU [min], peak [GiB])."""
    values = {}
    text, _, _ = (ROOT / "docs/reference/cost.md").read_text().partition("## What a job asks for")
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 8 and cells[1].isdigit() and "," not in cells[0]:  # several rules
            value, _, unit = cells[5].partition(" ")
            values[cells[0]] = (float(value) * UNITS[unit] if value else None, float(cells[3]))
    return values


def test_every_rule_with_a_gpu_or_a_state_has_a_row():
    """The others can do with what the profiles give by default."""
    assert len(rules()) > 30
    assert set(NEEDS) <= set(rules())
    assert {rule for rule, text in rules().items() if "gpu=" in text or resumes(rule)} <= set(NEEDS)


@pytest.mark.parametrize("rule", sorted(NEEDS))
def test_gpus_are_those_of_the_rule(rule):
    assert NEEDS[rule].gpu == int("gpu=gpus_of_a_job" in rules()[rule])


@pytest.mark.parametrize("rule", sorted(NEEDS))
def test_rules_with_a_state_resume(rule):
    assert NEEDS[rule].resumes == ("yes" if resumes(rule) else "no")


@pytest.mark.parametrize("need", NEEDS.values(), ids=NEEDS)
def test_limits_exceed_the_estimates(need):
    assert need.runtime >= max(60, 1.5 * (need.estimate or 0))
    assert need.mem_mb >= max(8000, 2 * 1024 * (need.peak or 0))


def test_estimates_are_those_of_the_page():
    page = rehearsed()
    assert {"pretraining", "reconstruct", "score"} <= set(page)
    for rule, (total, peak) in page.items():
        assert NEEDS[rule].peak == peak, rule
        if total:
            assert NEEDS[rule].source == "rehearsal", rule
            assert NEEDS[rule].jobs * NEEDS[rule].estimate == pytest.approx(total, rel=0.1), rule


def test_estimates_that_name_the_rehearsal_are_on_the_page():
    assert {rule for rule, need in NEEDS.items() if need.source == "rehearsal"} == set(rehearsed())


def test_a_finished_run_fills_the_seconds_of_a_job(tmp_path):
    for path, seconds in {"clips/shared/seg1": 1, "clips/shared/seg2": 2, "tables": 4}.items():
        file = tmp_path / f"{path}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\th:m:s\n9\t0:00:09\n{seconds}\t0:00:01\n")  # the last row counts
    variant = tmp_path / "score/sub1/variants/fast.tsv"
    variant.parent.mkdir(parents=True)
    variant.write_text("s\n100\n")
    table = pd.DataFrame({"rule": ["clips", "score", "tables"], "demo": ["7", "7", "7"]})
    assert list(with_seconds(table, "demo", tmp_path)["demo"]) == ["1.5", "-", "4"]
    with pytest.raises(SystemExit, match="name RESULTS/benchmarks"):
        with_seconds(table, "demo", tmp_path / "score/sub1")


def test_the_demo_has_seconds_of_each_rule_of_its_videos():
    """A run says by these how long it takes."""
    for name in ("demo_film", "captions", "contrastive", "cotraining", "reconstruct", "score"):
        assert NEEDS[name].demo, f"{name}: python -m benchmarks.resources --seconds demo"
        assert NEEDS[name].demo_quick, f"{name}: the same for demo_quick"


def test_profiles_and_page_are_up_to_date():
    for path, (text, expected) in generated().items():
        assert text == expected, f"{path}: make resources"


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_name_every_rule(name):
    profile = yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text())
    assert set(profile["set-resources"]) == set(NEEDS)
    assert profile["default-resources"]["runtime"] == 60
    assert profile["set-resources"]["pretraining"] == {"mem_mb": 64000, "runtime": 7560}
