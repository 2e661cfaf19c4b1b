"""Dry runs: which jobs a target needs."""

import pytest
import yaml

SEGMENTS = 18 + 5
SHARED = {
    "demo_film": SEGMENTS,
    "clips": SEGMENTS,
    "captions": SEGMENTS,
    "scenes": SEGMENTS,
    "latents": 1,
    "embeddings": 1,
    "demo_rest": 6,
    "samples": 3,
    "pretraining": 1,
    "video_tuning": 1,
}
OWN = {
    "demo_train_runs": 18,
    "demo_test_runs": 5,
    "regions": 1,
    "clean": SEGMENTS,
    "select": 1,
    "windows": 1,
    "mbm_tuning": 1,
    "contrastive": 1,
    "cotraining": 1,
    "reconstruct": 1,
    "score": 1,
    "videos": 1,
}
CHAIN = SHARED | OWN


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("results/sub1/videos", CHAIN),
        ("results/shared/captions/seg10.tsv", {"demo_film": 1, "clips": 1, "captions": 1}),
        (
            "results/shared/scenes/seg10.tsv",
            {"demo_film": 1, "clips": 1, "captions": 1, "scenes": 1},
        ),
        ("results/shared/pretraining/model", {"demo_rest": 6, "samples": 3, "pretraining": 1}),
        (
            "results/sub2/selection/voxels.tsv",
            {"demo_film": 18, "demo_train_runs": 18, "regions": 1, "clean": 18, "select": 1},
        ),
        ("all", SHARED | {rule: 3 * n for rule, n in OWN.items()} | {"figures": 3}),
    ],
)
def test_a_target_needs_just_these_jobs(checkout, target, expected):
    assert checkout.jobs(target) == expected


def test_a_variant_adds_only_what_it_changes(checkout):
    checkout.configure(variants={"faster": {"reconstruction": {"steps": 5}}})
    both = checkout.jobs("results/sub1/metrics.tsv", "results/sub1/variants/faster/metrics.tsv")
    alone = checkout.jobs("results/sub1/metrics.tsv")
    assert both - alone == {"reconstruct": 1, "score": 1}


def test_the_control_shares_the_films_and_the_selection(checkout):
    added = checkout.jobs("control") - checkout.jobs("results/sub1/metrics.tsv")
    trained = ("windows", "mbm_tuning", "contrastive", "cotraining", "reconstruct", "score")
    assert added == dict.fromkeys(trained, 1)


def test_scores_ask_for_scenes_only_to_leave_out_cuts(checkout):
    metrics = "results/sub1/metrics.tsv"
    assert checkout.jobs(metrics)["scenes"] == 18
    checkout.configure(variants={"whole": {"scoring": {"leave_out_cuts": True}}})
    assert checkout.jobs("results/sub1/variants/whole/metrics.tsv")["scenes"] == SEGMENTS


def test_corrections_of_no_segment_are_named(checkout):
    checkout.configure(scenes={"corrections": "mended/{segment}.tsv"})
    touch(checkout.folder / "mended" / "sge10.tsv")
    done = checkout.snakemake("--dry-run", "--", "results/sub1/videos")
    assert done.returncode != 0
    assert "mended/{segment}.tsv is there for sge10" in done.stdout + done.stderr


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_the_purdue_data_set_goes_from_its_files_to_the_videos(checkout):
    data = checkout.folder / "video_fmri_dataset"
    dataset = yaml.safe_load((checkout.folder / "config/datasets/wen2018.yaml").read_text())
    for segment in [*dataset["train"], *dataset["test"]]:
        touch(data / "stimuli" / f"{segment}.mp4")
        for subject in dataset["subjects"].values():
            for repeat in range(1, 3 if segment in dataset["train"] else 11):
                name = f"{segment}_{repeat}"
                name += ".mni" if (subject, name) == ("subject1", "test1_9") else "_mni"
                touch(data / subject / "fmri" / segment / "mni" / f"{name}.nii.gz")
    (data / "subject3/fmri/test2/mni/test2_9_mni.nii.gz").unlink()
    for run in ("REST1_LR", "REST1_RL", "REST2_LR", "REST2_RL"):
        name = f"rfMRI_{run}/rfMRI_{run}_Atlas_MSMAll_hp2000_clean.dtseries.nii"
        touch(checkout.folder / "HCP_1200/100307/MNINonLinear/Results" / name)
    options = ("--configfile", "config/wen2018.yaml")
    jobs = checkout.jobs("results/sub1/videos", "results/sub3/videos", options=options)
    assert jobs["clean"] == 2 * SEGMENTS
    assert not [rule for rule in jobs if rule.startswith("demo")]


def test_a_typo_in_the_configuration_is_told_before_anything_runs(checkout):
    checkout.configure(contrastive={"bacth_size": 3})
    done = checkout.snakemake("--dry-run", "--", "results/sub1/videos")
    assert done.returncode != 0
    assert "did you mean 'batch_size'?" in done.stdout + done.stderr


def test_an_absent_run_is_named(checkout):
    dataset = yaml.safe_load((checkout.folder / "config/datasets/demo.yaml").read_text())
    dataset["run"] = "mine/{subject}/{segment}_{repeat}.nii.gz"
    checkout.configure(dataset=dataset)
    done = checkout.snakemake("--dry-run", "--", "results/sub1/videos")
    assert done.returncode != 0
    assert "mine/subject1/seg1_1.nii.gz" in done.stdout + done.stderr


def test_lint_finds_nothing(checkout):
    done = checkout.snakemake("--lint")
    assert done.returncode == 0, done.stdout + done.stderr
