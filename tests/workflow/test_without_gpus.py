"""What jobs ask for on a machine without GPUs, beside one with a GPU."""

import os
import re

import pytest

from tests.test_devices import TOOL

MODELS = ("results/sub1/contrastive/model", "results/sub1/cotraining/model")


def asked(checkout, environment):
    """Of each job of a dry run on 4 cores: threads and GPUs, by rule."""
    done = checkout.snakemake(
        *("--dry-run", "--cores", "4", "--", *MODELS), environment=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = re.split(r"\n(?:local)?rule ", done.stdout + done.stderr)[1:]
    threads = {job.split(":")[0]: re.search(r"threads: (\d+)", job) for job in jobs}
    gpus = {job.split(":")[0]: re.search(r"gpu=(\d+)", job) for job in jobs}
    return {
        rule: (int(threads[rule][1]) if threads[rule] else 1, int(gpus[rule][1]))
        for rule in threads
        if gpus[rule]
    }


@pytest.mark.parametrize("has_gpu", [True, False])
def test_trainings_share_the_cores_where_there_is_no_gpu(checkout, tmp_path, has_gpu):
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "nvidia-smi").write_text(TOOL if has_gpu else "#!/bin/sh\n")
    (folder / "nvidia-smi").chmod(0o755)
    jobs = asked(checkout, {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"})
    trainings = ("pretraining", "mbm_tuning", "contrastive", "video_tuning")
    assert {rule: jobs[rule] for rule in trainings} == dict.fromkeys(
        trainings, (4, 1) if has_gpu else (2, 0)
    )
    assert jobs["cotraining"] == (4, int(has_gpu))
    assert jobs["captions"] == (1, int(has_gpu))
