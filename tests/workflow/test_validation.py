"""Validation segments in the workflow: the test segments are not read, nothing else changes."""

import re

CONFIGURATIONS = ("--configfile", "config/config.yaml", "config/validation.yaml")
EVERYTHING = (
    "all",
    "results-validation/tables",
    "results-validation/sub1/variants/shuffled/videos",
)


def test_no_job_names_a_test_segment(checkout):
    done = checkout.snakemake("--dry-run", *CONFIGURATIONS, "--", *EVERYTHING)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not re.findall(r"\btest\d|windows/test", said)
    # 2 segments of 3 subjects, 12 variants in the tables and the control; one variant copies clips.
    assert re.search(r"reconstruct +32\b", said)
    assert re.search(r"nearest +2\b", said)
    assert "results-validation/sub1/windows/validation.npy" in said


def test_a_test_segment_that_is_requested_is_refused(checkout):
    target = "results-validation/sub1/reconstruction/test1.npy"
    done = checkout.snakemake("--dry-run", *CONFIGURATIONS, "--", target)
    assert done.returncode != 0
    assert "test1 is a test segment, and this is made only for seg17, seg18" in (
        done.stdout + done.stderr
    )


def test_results_of_the_two_splits_do_not_share_a_folder(checkout):
    checkout.configure(results="results")
    (checkout.folder / "results").mkdir()
    (checkout.folder / "results/dataset.json").write_text(
        '{"dataset": "demo", "configuration": "config/config.yaml", "since": "2020-01-01"}'
    )
    done = checkout.snakemake(
        "--dry-run", *CONFIGURATIONS, "--config", "results=results", "--", "all"
    )
    assert done.returncode != 0
    assert "contains results on test segments" in done.stdout + done.stderr
