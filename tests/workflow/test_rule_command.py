"""`mindvideo rule`: the command of one job, as Snakemake would run it."""

import subprocess
import sys

import pytest

from tests.forked import forks


@pytest.fixture
def rule(checkout):
    """Run `mindvideo rule …` in a checkout."""

    def run(*arguments):
        return forks.run("mindvideo", "rule", *arguments, folder=checkout.folder)

    return run


def test_the_command_is_that_of_snakemake(checkout, rule):
    printed = rule("clips", "shared=shared", "segment=seg2")
    assert printed.returncode == 0, printed.stderr
    target = "results/shared/clips/seg2.npy"
    dry = checkout.snakemake("--dry-run", "--printshellcmds", "--", target)
    assert printed.stdout.strip() in dry.stdout + dry.stderr
    assert f"--clips {target}" in printed.stdout
    assert '"n_clips":48' in printed.stdout


def test_a_job_is_run_alone(checkout, rule):
    done = rule("demo_film", "segment=test1", "--run")
    assert done.returncode == 0, done.stderr
    assert (checkout.folder / "data/demo/video_fmri_dataset/stimuli/test1.mp4").is_file()
    assert not (checkout.folder / "results/shared").exists()


def test_a_job_is_opened_in_a_debugger(checkout):
    command = [sys.executable, "-m", "mindvideo", "rule", "demo_film", "segment=test1", "--debug"]
    done = subprocess.run(
        command, cwd=checkout.folder, input="continue\nquit\n", capture_output=True, text=True
    )
    assert "(Pdb)" in done.stdout
    assert (checkout.folder / "data/demo/video_fmri_dataset/stimuli/test1.mp4").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("contrastiv", "model=sub1"), "there is no rule contrastiv with a command; did you mean"),
        (("contrastive",), "rule contrastive: expected the wildcards model=…; found none"),
        (("contrastive", "sub1"), "sub1: expected WILDCARD=VALUE, such as model=sub1"),
        (
            ("contrastive", "model=sub9"),
            "there is no subject sub9; the subjects are sub1, ",
        ),
        (("clips", "--config", "nothing.yaml"), "nothing.yaml"),
    ],
)
def test_what_is_wrong_is_said(rule, arguments, message):
    done = rule(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
