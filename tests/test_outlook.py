"""What a run says at its start and its end, from known costs and tables."""

import math

import pytest

from mindvideo import outlook
from mindvideo.outlook import Costs, Limits, Task, duration, first_words, last_seconds, last_words

TABLE = """rule\tgpu\testimate\tdemo
draw\t0\t-\t10
train\t1\t3\t100
page\t0\t0.5\t2
unknown\t1\t-\t-
"""


@pytest.fixture
def costs(tmp_path):
    path = tmp_path / "resources.tsv"
    path.write_text(TABLE)
    return lambda dataset: Costs(path, dataset)


def test_seconds_are_those_of_the_data_set_or_estimates(costs):
    assert costs("demo").seconds == {"draw": 10, "train": 100, "page": 2}
    assert costs("demo-once").seconds == costs("demo").seconds
    assert costs("demonstration").seconds == costs("wen2018").seconds == {"train": 180, "page": 30}
    assert costs("demo").measured
    assert not costs("wen2018").measured


DRAWN = [Task("draw")] * 6


@pytest.mark.parametrize(
    ("tasks", "limits", "seconds"),
    [
        (DRAWN, Limits(cores=1), 60),
        (DRAWN, Limits(cores=2), 30),
        (DRAWN, Limits(cores=100), 10),  # the longest of them
        (DRAWN, Limits(jobs=3), 20),
        (DRAWN, Limits(), 10),
        # Each waits for the one before it, however many cores there are.
        (
            [Task("draw"), Task("train", threads=2, after=(0,)), Task("page", after=(1,))],
            Limits(8),
            112,
        ),
        # Two trainings on as many cores as each of them has threads, or on one GPU.
        ([Task("train", threads=2), Task("train", threads=8)], Limits(cores=2), 200),
        ([Task("train", gpus=1)] * 3, Limits(cores=9, gpus=1), 300),
        # What a job took the last time goes before the table.
        ([Task("train", seconds=7.0), Task("unknown", seconds=1.0, after=(0,))], Limits(), 8),
    ],
)
def test_jobs_take_what_chains_and_limits_allow(costs, tasks, limits, seconds):
    assert duration(tasks, costs("demo"), limits) == (seconds, False)


def test_without_a_figure_of_what_matters_there_is_none(costs):
    demo = costs("demo")
    assert duration([*DRAWN, Task("unknown", gpus=1)], demo, Limits()) is None
    assert duration([Task("other")], demo, Limits()) is None
    assert duration([], demo, Limits()) is None
    assert duration([Task("draw"), Task("other")], demo, Limits()) == (10, False)


def test_estimates_are_of_another_machine(costs):
    real = costs("wen2018")
    assert duration([Task("train", gpus=1)], real, Limits()) == (180, True)
    assert duration([Task("train", seconds=5.0, gpus=1)], real, Limits()) == (5, False)


def test_a_benchmark_has_the_last_seconds(tmp_path):
    path = tmp_path / "b.tsv"
    assert last_seconds(path) is None
    path.write_text("s\th:m:s\n12.5\t0:00:12\n")
    assert last_seconds(path) == 12.5
    path.write_text("s\th:m:s\nNA\t0:00:12\n")
    assert last_seconds(path) is None


def test_the_first_line_says_where_to_look():
    outputs = {
        "videos": ["results/sub1/videos", "results/sub2/videos"],
        "demo_film": ["data/stimuli/seg1.mp4", "data/stimuli/seg2.mp4"],
        "brain_figure": ["results/sub1/figures/brain.png"],
    }
    said = first_words(outputs, (530, False))
    assert said.startswith("This takes about 9 minutes. ")
    assert "films in data/stimuli;" in said
    assert "maps of the brain in results/sub1/figures/brain.png" in said
    assert said.endswith("page of reconstructions in results/sub1/videos/index.html and 1 more")
    assert "9 minutes (estimated for one A100)." in first_words(outputs, (530, True))
    assert first_words(outputs, None).startswith("To look at")
    assert not first_words({"demo_film": ["data/seg1.mp4"]}, (30, False))
    assert not first_words({}, (30, False))


def test_the_last_lines_have_the_main_scores(tmp_path):
    metrics = tmp_path / "metrics.tsv"
    metrics.write_text(
        "metric\tvalue\tchance\tnull_mean\tp\n"
        "ssim\t0.281\tn/a\t0.154\t0.0002\n"
        "kind_accuracy\t0.65\t0.0455\t0.05\t0.0123\n"
        "kind_accuracy_unseen\t0.6\t0.0455\t0.05\t0.01\n"
        "identification_frame\t0.944\t0.5\t0.51\t0.0002\n"
        "scene_accuracy\tn/a\t0.125\tn/a\tn/a\n"
        "psnr\t12\tn/a\t11\t0.1\n"
    )
    lines = last_words([("results/sub1/videos", str(metrics))]).splitlines()
    assert lines[0] == "results/sub1/videos/index.html"
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "identification (image classifier) 0.94 chance 0.50 p = 0.0002",
        "kind (accuracy) 0.65 chance 0.05 p = 0.012",
        "SSIM 0.28 null 0.15 p = 0.0002",
    ]
    assert max(map(len, lines)) <= 80
    assert last_words([("a/videos", str(tmp_path / "none"))]) == "a/videos/index.html"
    assert last_words([]) == ""


def test_a_missing_number_is_no_number():
    assert math.isnan(outlook._number("n/a"))
    assert math.isnan(outlook._number(None))
