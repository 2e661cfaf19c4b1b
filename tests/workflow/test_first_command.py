"""What a user types first: no target, a documented one, or one that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "config/README.md", *(ROOT / "docs").rglob("*.md")])
ENTRIES = [(), ("--snakefile", "workflow/Snakefile")]


@pytest.mark.parametrize("entry", ENTRIES, ids=["Snakefile", "workflow/Snakefile"])
def test_no_target_is_all(checkout, entry):
    jobs = checkout.jobs(options=entry)
    assert jobs["videos"] == jobs["figures"] == 3
    assert jobs == checkout.jobs("all")


@pytest.mark.parametrize("entry", ENTRIES, ids=["Snakefile", "workflow/Snakefile"])
def test_a_batch_of_all_is_a_part_of_it(checkout, entry):
    batch = checkout.jobs(options=(*entry, "--batch", "all=1/7"))
    alone = checkout.jobs("results/sub1/figures/interpretation.png")
    assert batch["reconstruct"] < 3 * 5  # subjects × test segments
    assert alone - batch == {}


@pytest.mark.parametrize("entry", ENTRIES, ids=["Snakefile", "workflow/Snakefile"])
def test_a_report_without_a_target_is_of_all(checkout, entry):
    done = checkout.snakemake(*entry, "--report", "report.zip")
    assert done.returncode != 0
    assert "marked for report but does not exist" in done.stdout + done.stderr


def documented():
    """Targets of the demo in the pages' commands."""
    text = "\n".join(page.read_text() for page in PAGES)
    lines = re.findall(r"^snakemake .*$", text, re.MULTILINE)
    commands = [*lines, *re.findall(r"`(snakemake [^`]*)`", text)]
    plain = [line for line in commands if "--configfile" not in line]
    words = {word for line in plain for word in line.split()}
    return sorted(w for w in words if w.startswith("results/") and not re.search("[A-Z{]", w))


def test_documented_targets_are_there(checkout):
    targets = documented()
    assert {"results/sub1/videos", "results/tables/table1.html"} < set(targets)
    assert checkout.jobs(*targets, "control")["films"] >= 1


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/sub4/videos", "there is no subject sub4; the subjects are sub1, sub2, sub3"),
        ("results/sub1/variants/nope/videos", "no variant nope; the variants are window-1, "),
        ("results/shared/captions/seg99.tsv", "no segment seg99; the segments are seg1, seg2"),
        ("results/sub1/films/seg3.mp4", "a training segment, and this is made only for test1, "),
        ("results/shared/samples/rest9.npy", "no subject rest9; the subjects are rest1, rest2"),
        ("results/sub1/vidoes", "Did you mean results/sub1/videos?"),
        (
            "results/sub1",
            "this folder is not itself a result. Results are named results/SUBJECT/WH",
        ),
        ("results/sub4/windows", "there is no subject sub4; the subjects are sub1, sub2, sub3"),
        ("results/sub1/videos/index.html", "Request the folder: results/sub1/videos"),
        ("sub1/videos", "Request results/sub1/videos"),
        ("videos", "this rule makes many files. Request one of them, such as results/sub1/vid"),
        ("data/demo/video_fmri_dataset/stimuli/seg99.mp4", "there is no segment seg99"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(checkout, target, said):
    done = checkout.snakemake("--dry-run", "--", target)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert "MissingRule" not in done.stdout + done.stderr


def test_what_rules_make_is_not_refused_however_it_is_written(checkout):
    names = ("windows/train.npy", "selection/voxels.tsv", "cotraining/model", "films/test1.tsv")
    others = ("results/shared/latents/table.tsv", "results/sub1/variants/window-1/videos")
    written = ("./results/sub3/videos", "results/sub1/videos/")
    targets = [*others, *written, *(f"results/sub2/{name}" for name in names)]
    assert checkout.jobs(*targets)["films"] == 1
    data = "data/demo/video_fmri_dataset/subject1/fmri/seg1/mni/seg1_1_mni.nii.gz"
    assert checkout.jobs(data) == {"demo_film": 1, "demo_train_runs": 1}
    logs = ("results/logs/clips/shared/seg1.log", "results/benchmarks/clips/shared/seg1.tsv")
    assert checkout.jobs(*logs) == {"demo_film": 1, "clips": 1}


def test_folders_of_results_are_made_also_once_they_are_there(checkout):
    (checkout.folder / "results/sub1/windows").mkdir(parents=True)
    for target in ("results/sub1/windows", "./results/sub1/windows/"):
        assert checkout.jobs(target)["windows"] == 1


@pytest.mark.parametrize("option", ["--unlock", "--list-rules", "--touch", "--delete-all-output"])
def test_commands_that_make_nothing_work_without_a_target(checkout, option):
    done = checkout.snakemake(option)
    assert done.returncode == 0, done.stdout + done.stderr


def test_unlocking_does_not_ask_what_is_made(checkout):
    done = checkout.snakemake("--unlock", "--", "results/sub4/videos")
    assert done.returncode == 0, done.stdout + done.stderr


def test_results_in_another_folder_are_asked_for_there(checkout):
    checkout.configure(results="out")
    assert checkout.jobs("out/shared/captions/seg1.tsv")["captions"] == 1
    done = checkout.snakemake("--dry-run", "--", "results/sub1/videos")
    assert done.returncode != 0
    assert "the folder of results is out. Request out/sub1/videos" in done.stdout + done.stderr


def test_a_setting_of_a_section_can_be_given_on_the_command_line(checkout):
    """The other keys of the section keep the configuration's values."""
    target = "results/sub1/reconstruction/reconstructions.npy"
    options = ("--dry-run", "--printshellcmds", "--config", 'reconstruction={"steps": 7}')
    done = checkout.snakemake(*options, "--", target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"steps":7' in done.stdout
    assert '"guidance":4.0' in done.stdout
    wrong = checkout.snakemake("--dry-run", "--config", 'reconstruction={"stpes": 7}', "--", target)
    assert "reconstruction.stpes: no such setting; did you mean 'steps'?" in (
        wrong.stdout + wrong.stderr
    )


def test_a_mistyped_profile_is_refused(checkout):
    done = checkout.snakemake("--dry-run", "--workflow-profile", "profiles/slrum")
    assert done.returncode != 0
    assert "--workflow-profile profiles/slrum: no such profile" in (done.stdout + done.stderr)
    assert "profiles/default, profiles/generic, profiles/slurm" in done.stdout + done.stderr


def test_jobs_in_processes_of_their_own_are_not_refused(checkout):
    done = checkout.snakemake(
        *("--mode", "subprocess", "--dry-run", "--target-jobs", "clips:shared=shared,segment=seg1")
    )
    assert done.returncode == 0, done.stdout + done.stderr
