"""Targets that no rule makes, and what is said of them."""

from pathlib import Path

import pytest
import yaml

from mindvideo.config import check_config
from mindvideo.targets import Targets

VARIANTS = {"faster": {"reconstruction": {"steps": 5}}}


def targets(results="results", variants=VARIANTS):
    """A few rules' outputs, as Snakemake writes them."""
    values = yaml.safe_load(Path("config/config.yaml").read_text())
    config = check_config(values | {"results": results, "variants": variants}, "test")
    variant = "(/variants/(faster))?" if variants else "(/variants/((?!)))?"
    model, shared = f"{{model,(sub1|sub2|sub3){variant}}}", f"{{shared,(shared){variant}}}"
    segment = f"{{segment,{'|'.join(config.dataset.segments)}}}"
    patterns = [
        (f"{results}/{model}/metrics.tsv", False),
        (f"{results}/{model}/videos", True),
        (f"{results}/{model}/windows/train.npy", False),
        (f"{results}/{model}/windows/test.npy", False),
        (f"{results}/{model}/films/{{segment,{'|'.join(config.dataset.test)}}}.mp4", False),
        (f"{results}/{model}/clean/{segment}.npy", False),
        (f"{results}/{model}/clean/{segment}_runs.tsv", False),
        (f"{results}/{shared}/captions/{segment}.tsv", False),
        (f"{results}/{shared}/samples/{{subject,rest1|rest2|rest3}}.npy", False),
        (f"{results}/tables/table1.html", False),
        (f"data/demo/{{subject,subject1|subject2}}/{segment}/{{segment}}_1.nii.gz", False),
    ]
    return Targets(config, patterns, ["all", "control", "videos"])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/sub4/videos", "no subject sub4; the subjects are sub1, sub2, sub3. Ask for"),
        ("results/sub4/windows", "no subject sub4; the subjects are sub1, sub2, sub3. Ask for"),
        ("results/sub4/videos/index.html", "no subject sub4; the subjects are sub1, sub2, sub3"),
        ("results/sub1/variants/nope/videos", "no variant nope; the variants are faster. Ask for"),
        ("results/sub1/variants/fastr/videos", "Ask for results/sub1/variants/faster/videos"),
        (
            "results/sub9/variants/nope/videos",
            "no subject sub9; the subjects are sub1, sub2, sub3; ",
        ),
        ("results/shared/captions/seg99.tsv", "no segment seg99; the segments are seg1, seg2, "),
        ("results/sub1/clean/seg99_runs.tsv", "no segment seg99; the segments are seg1, seg2, "),
        (
            "results/sub1/films/seg3.mp4",
            "seg3 is a training segment, and this is made only for test1, test2, test3, test4, ",
        ),
        ("results/shared/samples/rest9.npy", "no subject rest9; the subjects are rest1, rest2, "),
        ("data/demo/subject7/seg1/seg1_1.nii.gz", "the subjects are subject1, subject2"),
        ("results/sub1/captions/seg1.tsv", "Ask for results/shared/captions/seg1.tsv"),
        ("results/shared/videos", "each subject has its own; the subjects are sub1, sub2, sub3"),
        ("results/sub1/vidoes", "Did you mean results/sub1/videos? Results are named "),
        ("results/sub1/vidoes", "WHAT: metrics.tsv, videos, clean/, films/, windows/"),
        ("results/sub2/windows/tain.npy", "Did you mean results/sub2/windows/train.npy?"),
        ("results/sub1/variant/faster/videos", "mean results/sub1/variants/faster/videos?"),
        ("results/tabels/table1.html", "Did you mean results/tables/table1.html?"),
        ("contrl", "Did you mean control?"),
        ("sub1/videos", "the folder of results is results. Ask for results/sub1/videos"),
        ("out/sub1/videos", "the folder of results is results. Ask for results/sub1/videos"),
        ("/home/me/results/sub1/videos", "Ask for results/sub1/videos"),
        ("sub4/videos", "no subject sub4; the subjects are sub1, sub2, sub3"),
        ("metrics.tsv", "not a whole path. Ask for results/sub1/metrics.tsv, "),
        ("results/metrics.tsv", "not a whole path. Ask for results/sub1/metrics.tsv, "),
        (
            "results/sub1/windows",
            "no result by itself. Ask for what it holds: "
            "results/sub1/windows/train.npy, results/sub1/windows/test.npy",
        ),
        ("results/sub1/films", "Ask for what it holds: results/sub1/films/test1.mp4"),
        ("results/sub1/variants/faster/windows", "holds: results/sub1/variants/faster/windows/tr"),
        ("results", "no result by itself. Results are named results/SUBJECT/WHAT"),
        ("results/sub1/videos/index.html", "Ask for the folder: results/sub1/videos"),
        ("results/sub4", "no rule makes this. Results are named "),
        ("something/else", "What belongs to no single subject lies in results/shared and "),
    ],
)
def test_a_target_is_answered_with_what_there_is(target, said):
    answer = targets().explain(target)
    assert answer.startswith(f"{target}: ")
    assert said in answer


def test_without_variants_none_is_proposed():
    answer = targets(variants={}).explain("results/sub1/variants/nope/videos")
    assert answer.endswith("there is no variant nope; no variant is configured")
    assert "variants/" not in targets(variants={}).explain("metrics.tsv")


@pytest.mark.parametrize("results", ["out", "a/b/c/d", "/scratch/me/results"])
def test_results_are_where_the_configuration_says(results):
    made = targets(results)
    assert f"results is {results}. Ask for {results}/sub1/videos" in made.explain(
        "results/sub1/videos"
    )
    assert "no subject sub4" in made.explain(f"{results}/sub4/videos")
    assert f"Results are named {results}/SUBJECT/WHAT" in made.explain(f"{results}/nothing")


def test_a_rule_of_many_files_is_answered_with_its_files():
    pattern = "results/{model,(sub1|sub2|sub3)(/variants/(faster))?}/videos"
    assert targets().explain_rule("videos", [pattern]).endswith("example results/sub1/videos")
