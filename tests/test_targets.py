"""Targets that no rule makes, and what is said of them."""

from pathlib import Path

import pytest
import yaml

from mindvideo.config import check_config
from mindvideo.targets import Targets

VARIANTS = {"faster": {"reconstruction": {"steps": 5}}}


def targets(results="results", variants=VARIANTS, exclude=(), pretraining=None):
    """A few rules' outputs, as Snakemake writes them."""
    values = yaml.safe_load(Path("config/config.yaml").read_text())
    values["dataset"] = {"like": "config/datasets/demo.yaml", "exclude": list(exclude)}
    values["pretraining_data"] |= pretraining or {}
    changes = {"results": results, "variants": variants, "tables": {}}
    config = check_config(values | changes, "test")
    samples = "[^/]+" if pretraining else "rest1|rest2|rest3"
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
        (f"{results}/{shared}/samples/{{subject,{samples}}}.npy", False),
        (f"{results}/{model}/interpretation/{{stage,mbm|cotraining}}/attention.npy", False),
        (f"{results}/tables/table1.html", False),
        (f"data/demo/{{subject,subject1|subject2}}/{segment}/{{segment}}_1.nii.gz", False),
    ]
    return Targets(config, patterns, ["all", "control", "videos"])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/sub4/videos", "no subject sub4; the subjects are sub1, sub2, sub3. Request"),
        ("results/sub4/windows", "no subject sub4; the subjects are sub1, sub2, sub3. Request"),
        ("results/sub4/videos/index.html", "no subject sub4; the subjects are sub1, sub2, sub3"),
        ("results/sub1/variants/nope/videos", "no variant nope; the variants are faster. Request"),
        ("results/sub1/variants/fastr/videos", "for example, results/sub1/variants/faster/videos"),
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
        ("results/sub1/interpretation/mbn/attention.npy", "no stage mbn; the stages are mbm, cotr"),
        ("results/shared/samples/rest9.npy", "no subject rest9; the subjects are rest1, rest2, "),
        ("data/demo/subject7/seg1/seg1_1.nii.gz", "the subjects are subject1, subject2"),
        ("results/sub1/captions/seg1.tsv", "for example, results/shared/captions/seg1.tsv"),
        ("results/shared/videos", "each subject has its own; the subjects are sub1, sub2, sub3"),
        ("results/sub1/vidoes", "Did you mean results/sub1/videos? Results are named "),
        (
            "results/sub1/vidoes",
            "WHAT: metrics.tsv, videos, clean/, films/, interpretation/, win",
        ),
        ("results/sub1/windws", "Did you mean results/sub1/windows? Results are named "),
        (
            "results/sub2/variants/faster/windws",
            "Did you mean results/sub2/variants/faster/windows?",
        ),
        ("results/sub2/windows/tain.npy", "Did you mean results/sub2/windows/train.npy?"),
        ("results/sub1/variant/faster/videos", "mean results/sub1/variants/faster/videos?"),
        ("results/tabels/table1.html", "Did you mean results/tables/table1.html?"),
        ("contrl", "Did you mean control?"),
        ("sub1/videos", "the folder of results is results. Request results/sub1/videos"),
        ("out/sub1/videos", "the folder of results is results. Request results/sub1/videos"),
        ("/home/me/results/sub1/videos", "Request results/sub1/videos"),
        ("sub4/videos", "no subject sub4; the subjects are sub1, sub2, sub3"),
        ("metrics.tsv", "not a complete path. Request results/sub1/metrics.tsv, "),
        ("results/metrics.tsv", "not a complete path. Request results/sub1/metrics.tsv, "),
        (
            "results/sub1/windows",
            "not itself a result. Request its contents: "
            "results/sub1/windows/train.npy, results/sub1/windows/test.npy",
        ),
        ("results/sub1/films", "Request its contents: results/sub1/films/test1.mp4"),
        (
            "results/sub1/variants/faster/windows",
            "contents: results/sub1/variants/faster/windows/tr",
        ),
        ("results", "not itself a result. Results are named results/SUBJECT/WHAT"),
        ("results/sub1/videos/index.html", "Request the folder: results/sub1/videos"),
        ("results/sub4", "no rule makes this. Results are named "),
        ("something/else", "Results that belong to no single subject are in results/shared and "),
    ],
)
def test_a_target_is_answered_with_what_there_is(target, said):
    answer = targets().explain(target)
    assert answer.startswith(f"{target}: ")
    assert said in answer


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("results/sub1/windows", ["sub1/windows/train.npy", "sub1/windows/test.npy"]),
        ("results/sub1/windows/", ["sub1/windows/train.npy", "sub1/windows/test.npy"]),
        ("results/sub2/films", [f"sub2/films/test{n}.mp4" for n in range(1, 6)]),
        (
            "results/sub1/variants/faster/windows",
            [f"sub1/variants/faster/windows/{split}.npy" for split in ("train", "test")],
        ),
        ("results/shared/samples", [f"shared/samples/rest{n}.npy" for n in (1, 2, 3)]),
        (
            "results/sub1/interpretation",
            [
                "sub1/interpretation/mbm/attention.npy",
                "sub1/interpretation/cotraining/attention.npy",
            ],
        ),
        ("results/sub1/interpretation/mbm", ["sub1/interpretation/mbm/attention.npy"]),
        ("results/tables", ["tables/table1.html"]),
    ],
)
def test_a_folder_stands_for_all_that_it_holds(folder, files):
    assert targets().held(folder) == [f"results/{file}" for file in files]


def test_segments_that_a_subject_has_no_runs_of_are_in_no_folder_of_theirs():
    assert len(targets().held("results/sub2/clean")) == 2 * 23
    without = targets(exclude=["subject2 seg3_1", "subject2 seg3_2"])
    assert set(targets().held("results/sub2/clean")) - set(without.held("results/sub2/clean")) == {
        "results/sub2/clean/seg3.npy",
        "results/sub2/clean/seg3_runs.tsv",
    }
    assert len(without.held("results/shared/captions")) == 23


@pytest.mark.parametrize(
    "folder",
    [
        *("results", "results/sub1", "results/shared", "results/sub1/variants"),
        *("results/sub1/variants/faster", "results/sub4/windows", "results/sub1/windos"),
        *("results/sub1/variants/slower/windows", "data/demo/subject1", "results/sub1/videos"),
    ],
)
def test_a_folder_of_all_results_or_of_none_stands_for_nothing(folder):
    assert targets().held(folder) == []


def test_pretraining_subjects_that_only_the_disk_knows_are_in_no_folder():
    every = {"subjects": "*", "absent": "skip"}
    assert targets(pretraining=every).held("results/shared/samples") == []


def test_a_rule_that_needs_what_is_not_configured_says_so():
    said = targets().explain_need("control", "results/sub1/variants/shuffled/metrics.tsv")
    assert said == (
        "control: this needs results/sub1/variants/shuffled/metrics.tsv, and there is no variant "
        "shuffled; the variants are faster; add it, as config/config.yaml does"
    )


def test_without_variants_none_is_proposed():
    answer = targets(variants={}).explain("results/sub1/variants/nope/videos")
    assert answer.endswith("there is no variant nope; no variant is configured")
    assert "variants/" not in targets(variants={}).explain("metrics.tsv")


@pytest.mark.parametrize("results", ["out", "a/b/c/d", "/scratch/me/results"])
def test_results_are_where_the_configuration_says(results):
    of_folder = targets(results)
    assert f"results is {results}. Request {results}/sub1/videos" in of_folder.explain(
        "results/sub1/videos"
    )
    assert "no subject sub4" in of_folder.explain(f"{results}/sub4/videos")
    assert f"Results are named {results}/SUBJECT/WHAT" in of_folder.explain(f"{results}/nothing")


def test_a_rule_of_many_files_is_answered_with_its_files():
    pattern = "results/{model,(sub1|sub2|sub3)(/variants/(faster))?}/videos"
    assert targets().explain_rule("videos", [pattern]).endswith("such as results/sub1/videos")
