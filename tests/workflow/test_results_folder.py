"""Whose results a folder holds, and which configuration a command is for."""

import json

import pytest

from mindvideo.results_folder import STAMP, VARIABLE

DEMO = "config/config.yaml"


@pytest.fixture
def other(checkout):
    """The configuration of another data set, with the demo's folder of results."""
    before = checkout.config.read_text()
    path = checkout.config.with_name("mine.yaml")
    path.write_text(before.replace("datasets/demo.yaml", "datasets/mine.yaml"))
    described = (checkout.folder / "config/datasets/demo.yaml").read_text()
    text = described.replace("name: demo", "name: mine")
    (checkout.folder / "config/datasets/mine.yaml").write_text(text)
    return "config/mine.yaml"


def test_a_run_stamps_the_results_and_a_dry_run_does_not(checkout):
    stamp = checkout.folder / "results" / STAMP
    target = "data/demo/truth.tsv"
    assert checkout.jobs(target) == {"demo_truth": 1}
    assert not stamp.exists()
    done = checkout.snakemake("--", target, anew=True)
    assert done.returncode == 0, done.stderr
    assert f"{DEMO}: data set demo, results in results" in done.stderr
    stamped = json.loads(stamp.read_text())
    assert (stamped["dataset"], stamped["configuration"]) == ("demo", DEMO)


@pytest.mark.parametrize("how", ["--configfile", VARIABLE])
def test_another_data_set_is_refused_before_any_job(checkout, other, how):
    done = checkout.snakemake("--", "data/demo/truth.tsv")
    assert done.returncode == 0, done.stderr
    options = ("--configfile", other) if how == "--configfile" else ()
    environment = {} if options else {VARIABLE: other}
    for more in (("--dry-run",), ("--unlock",), ()):
        done = checkout.snakemake(*more, *options, environment=environment)
        said = done.stdout + done.stderr
        assert done.returncode != 0
        assert "contains results of the data set 'demo' (configuration config/config.yaml" in said
        assert "config/mine.yaml describes 'mine'" in said
        assert "Traceback" not in said


def test_the_variable_is_for_all_commands(checkout, other):
    """Jobs read the workflow again, in processes of their own."""
    config = checkout.folder / other
    config.write_text(config.read_text().replace("results: results", "results: results-mine"))
    environment = {VARIABLE: other}
    done = checkout.snakemake("--", "data/demo/truth.tsv", environment=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads((checkout.folder / "results-mine" / STAMP).read_text())["dataset"] == "mine"
    assert (checkout.folder / "results-mine/logs/demo_truth.log").is_file()
    assert not (checkout.folder / "results").exists()
    done = checkout.snakemake("--configfile", DEMO, "--dry-run", "all", environment=environment)
    assert done.returncode == 0, done.stderr  # the option goes before the variable
    assert "results/sub1/videos" in done.stdout + done.stderr


def test_a_variable_that_names_no_file(checkout):
    done = checkout.snakemake("--dry-run", environment={VARIABLE: "config/mien.yaml"})
    assert done.returncode != 0
    assert f"{VARIABLE}=config/mien.yaml: no such file" in done.stdout + done.stderr
