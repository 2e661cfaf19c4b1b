"""Benchmarks that read a finished chain: points of `benchmarks.curves`, and samplers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks.curves import Curves, Point

OF_FILMS = {
    *("demo_film", "clips", "captions", "scenes", "latents", "embeddings", "video_tuning"),
    *("demo_rest", "samples", "pretraining"),
}


@pytest.fixture
def jobs(chain):
    """Numbers of jobs that a point adds to the finished chain."""
    curves = Curves(yaml.safe_load(chain.config.read_text()), "sub1", 300)

    def count(point):
        file = chain.folder / "point.yaml"
        file.write_text(yaml.safe_dump(curves.configuration(point)))
        try:
            return chain.jobs(*curves.targets(), options=("--configfile", file.name))
        finally:
            file.unlink()

    return count


def test_other_brains_are_simulated_and_films_are_kept(jobs):
    counts = jobs(Point(3, 4))
    assert (counts["demo_train_runs"], counts["demo_test_runs"], counts["clean"]) == (4, 2, 6)
    assert not OF_FILMS & counts.keys()


def test_fewer_segments_keep_runs_and_films(jobs):
    counts = jobs(Point(6, 2))
    assert not (OF_FILMS | {"demo_train_runs", "demo_test_runs", "clean"}) & counts.keys()
    one = {"select", "mbm_tuning", "contrastive", "ridge", "retrieval"}
    assert dict.fromkeys(one, 1).items() <= counts.items()
    assert (counts["cotraining"], counts["score"]) == (
        2,
        2,
    )  # the second of no steps
    assert counts["reconstruct"] == 2 * 2  # models and test segments


def test_samplers_are_compared_from_the_same_windows(chain):
    words = ("--samplers", "ddim:2", "dpm-solver++:2", "--every", "10")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.samplers", "--config", str(chain.config), *words],
        cwd=chain.folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "| ddim | 2 | auto | 0 |" in done.stdout
    assert "- dpm-solver++:2:0: identification_video" in done.stdout
