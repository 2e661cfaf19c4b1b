"""Dry runs: which jobs a target needs."""

import re
from pathlib import Path

import pytest
import yaml

from mindvideo import descriptions
from mindvideo.dataset import Dataset
from tests.workflow.counts import CHAIN, EARLY, OWN, SEGMENTS, SHARED

WEN2018 = "config/wen2018.yaml"
OF_RUNS = {"demo_film": SEGMENTS} | {
    name: OWN[name]
    for name in ("demo_train_runs", "demo_test_runs", "regions", "clean", "living", "select")
}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("results/sub1/videos", CHAIN | EARLY),
        ("results/shared/captions/seg10.tsv", {"demo_film": 1, "clips": 1, "captions": 1}),
        (
            "results/shared/scenes/seg10.tsv",
            {"demo_film": 1, "clips": 1, "captions": 1, "scenes": 1},
        ),
        ("results/shared/pretraining/model", {"demo_rest": 6, "samples": 3, "pretraining": 1}),
        (
            "results/sub2/selection/voxels.tsv",
            OF_RUNS,
        ),
        (
            "all",
            SHARED
            | {rule: 3 * n for rule, n in OWN.items()}
            | dict.fromkeys(
                (
                    *EARLY,
                    "figures",
                    "methods",
                    "score_figures",
                    "ridge",
                    "retrieval",
                    "training_figures",
                    "interpret",
                    "interpretation_figure",
                    "surfaces",
                    "interpretation_surfaces",
                ),
                3,
            )
            | {"attention": 9, "attribution": 6, "occlusion": 6, "demo_truth": 1},
        ),
    ],
)
def test_a_target_needs_just_these_jobs(checkout, target, expected):
    assert checkout.jobs(target) == expected


def test_the_quick_version_needs_few_jobs(checkout):
    options = ("--configfile", "config/config.yaml", "config/quick.yaml")
    alone = CHAIN | EARLY
    for rule in ("demo_rest", "samples", "pretraining"):
        del alone[rule]
    few = {"demo_train_runs": 6, "demo_test_runs": 1, "segment_windows": 1, "reconstruct": 1}
    assert checkout.jobs("results-quick/sub1/videos", options=options) == {
        rule: few.get(rule, 7 if n == SEGMENTS else n) for rule, n in alone.items()
    }


def test_a_folder_of_results_is_made_whole(checkout):
    windows, selection = "results/sub1/windows", "results/sub1/selection/"
    names = ("train.npy", "train_repetitions.npy", "test.tsv", "null.npy")
    files = [f"{windows}/{name}" for name in names]
    files += [f"{windows}/test/test{n}.npy" for n in range(1, 6)]
    expected = checkout.jobs(*files, f"{selection}voxels.tsv")
    assert checkout.jobs(windows, selection) - expected == {windows: 1, selection: 1}
    assert expected <= checkout.jobs(windows, selection)
    assert checkout.jobs("results/sub2/films")["films"] == 5
    done = checkout.snakemake("-n", "-R", windows, "--", windows)
    assert done.returncode != 0
    assert (done.stdout + done.stderr).count("Request its contents: results/sub1/windows/") == 1


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/sub3/videos", "there is no subject sub3; the subjects are sub1, sub2"),
        ("results/sub3/windows", "there is no subject sub3; the subjects are sub1, sub2"),
        ("training", "training: no rule makes this"),
        ("control", "control: this needs results/sub1/variants/shuffled/metrics.tsv, and there is"),
    ],
)
def test_what_is_not_configured_is_said_with_what_is(checkout, target, said):
    dataset = {"like": "config/datasets/demo.yaml", "subjects": {"sub1": "a", "sub2": "b"}}
    config = yaml.safe_load(checkout.config.read_text())
    del config["variants"]["shuffled"]
    checkout.config.write_text(yaml.safe_dump(config | {"dataset": dataset}))
    done = checkout.snakemake("--dry-run", "--", target)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize("file", ["config/config.yaml", "mine.yaml", "mine.json"])
def test_a_configuration_with_a_key_twice_is_refused(checkout, file):
    text, path = checkout.config.read_text(), checkout.folder / file
    twice = {".yaml": f"{text}\nclean: {{ high_pass: 128 }}\n", ".json": '{"a": 1, "a": 2}'}
    path.write_text(twice[path.suffix])
    options = () if file == "config/config.yaml" else ("--configfile", file)
    done = checkout.snakemake("--dry-run", *options, "--", "results/sub1/videos")
    assert done.returncode != 0
    assert f"configuration: {file} cannot be read: " in (said := done.stdout + done.stderr)
    assert "the key 'clean' is already in line" in said or "duplicate key 'a'" in said


def test_motion_is_measured_and_decoded_where_noise_moves_with_it(checkout):
    still, target = {"moving_noise": False}, "results/sub1/metrics.tsv"
    alone = checkout.jobs(target)
    checkout.configure(reconstruction=still)
    assert alone - checkout.jobs(target) == {"motion": 1}
    checkout.configure(reconstruction=still, video_tuning=still, cotraining=still)
    assert alone - checkout.jobs(target) == {"motion": 1, "clip_motion": 1}
    checkout.configure(reconstruction={"moving_noise": True})
    assert checkout.jobs(target) == alone


def test_a_film_needs_the_reconstructions_but_no_scores(checkout):
    film = "results/sub1/films/test3.mp4"
    clips = "results/sub1/reconstruction/reconstructions.npy"
    assert checkout.jobs(film) - checkout.jobs(clips) == {"films": 1}
    both = checkout.jobs(film, "results/sub1/films/test1.mp4", clips)
    assert both - checkout.jobs(clips) == {"films": 2}
    checkout.configure(variants={"smooth": {"films": {"fps": 12}}})
    smooth = "results/sub1/variants/smooth/films/test3.mp4"
    assert checkout.jobs(smooth, film) - checkout.jobs(film) == {"films": 1}


def test_what_the_encoder_learned_needs_no_reconstructions(checkout):
    figure = "results/sub1/figures/interpretation.png"
    model = "results/sub1/cotraining/model"
    expected = {"attention": 3, "attribution": 2, "occlusion": 2}
    expected |= {"demo_truth": 1, "interpret": 1, "interpretation_figure": 1}
    expected |= {"test_windows": 1, "null_window": 1}
    tests = {"demo_film", "clips", "demo_test_runs", "clean"}
    added = checkout.jobs(figure, model) - checkout.jobs(model)
    assert {rule: n for rule, n in added.items() if rule not in tests} == expected
    checkout.configure(interpretation={"truth": None})
    assert "demo_truth" not in checkout.jobs(figure)


def test_one_job_writes_a_figure_as_png_and_as_pdf(checkout):
    png, pdf = (f"results/sub1/figures/strip.{ending}" for ending in ("png", "pdf"))
    jobs = checkout.jobs(png)
    assert jobs["figures"] == 1
    assert checkout.jobs(pdf) == checkout.jobs(png, pdf) == jobs


def test_every_figure_has_a_caption():
    root = Path(__file__).parents[2]
    rules = "".join(path.read_text() for path in (root / "rules").glob("*.smk"))
    figures = re.findall(r'=figure\("([^"]+)"', rules)
    assert len(figures) == 13
    for figure in figures:
        caption = root / "workflow/report" / f"{Path(figure).name}.rst"
        assert len(caption.read_text()) > 80, caption


def test_surface_maps_of_the_recorded_brain_need_no_model(checkout):
    page = "results/sub1/surfaces"
    assert checkout.jobs(f"{page}/index.html") == OF_RUNS | {"surfaces": 1}
    of_encoder = checkout.jobs("results/sub1/interpretation/surfaces.html")
    maps = checkout.jobs("results/sub1/interpretation/networks.tsv")
    assert of_encoder - maps == {"interpretation_surfaces": 1}


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
    assert "mended/{segment}.tsv exists for sge10" in done.stdout + done.stderr


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def purdue(checkout, like: str) -> Dataset:
    """The Purdue data set's description, and an empty file under each name in it."""
    values = descriptions.read_dataset(f"config/datasets/{like}.yaml", like)
    dataset = Dataset.model_validate(values)
    for segment in dataset.segments:
        touch(checkout.folder / dataset.film_path(segment))
    for run in dataset.rows:
        touch(checkout.folder / run.path)
    return dataset


def rest(checkout, subject: str, *runs: str) -> None:
    """Empty files of an HCP subject's runs."""
    for run in runs:
        name = f"{run}_Atlas_MSMAll{'_hp2000_clean' if run[0] == 'r' else ''}.dtseries.nii"
        touch(checkout.folder / "HCP_1200" / subject / "MNINonLinear/Results" / run / name)


@pytest.mark.parametrize("like", ["wen2018", "wen2018-cifti"])
def test_the_purdue_data_set_goes_from_its_files_to_the_videos(checkout, like):
    dataset = purdue(checkout, like)
    assert len(dataset.rows) == 3 * (18 * 2 + 5 * 10) - 1
    rest(checkout, "100307", "rfMRI_REST1_LR", "tfMRI_WM_RL")
    rest(checkout, "100408", "rfMRI_REST1_LR")
    config = checkout.folder / "config/wen2018.yaml"
    config.write_text(config.read_text().replace("datasets/wen2018.yaml", f"datasets/{like}.yaml"))
    options, results = ("--configfile", WEN2018), "results-wen2018"
    jobs = checkout.jobs(*(f"{results}/{s}/videos" for s in ("sub1", "sub3")), options=options)
    assert jobs["clean"] == 2 * SEGMENTS
    assert jobs["samples"] == 2
    assert not [rule for rule in jobs if rule.startswith("demo")]


def test_more_pretraining_subjects_only_add_jobs(checkout):
    target, options = "results-wen2018/shared/pretraining/model", ("--configfile", WEN2018)
    for subject in ("100307", "100408"):
        rest(checkout, subject, "rfMRI_REST1_LR", "rfMRI_REST2_RL", "tfMRI_MOTOR_LR")
    assert checkout.jobs(target, options=options) == {"samples": 2, "pretraining": 1}
    for subject in ("100307", "100408"):
        for suffix in ("npy", "tsv"):
            touch(checkout.folder / f"results-wen2018/shared/samples/{subject}.{suffix}")
    assert checkout.jobs(target, options=options) == {"pretraining": 1}
    rest(checkout, "99", "tfMRI_WM_RL")
    assert checkout.jobs(target, options=options) == {"samples": 1, "pretraining": 1}


def test_without_any_pretraining_run_the_windows_can_still_be_made(checkout):
    purdue(checkout, "wen2018")
    options = ("--configfile", WEN2018)
    assert checkout.jobs("results-wen2018/sub1/windows/train.npy", options=options)["windows"] == 1
    done = checkout.snakemake(
        "--dry-run", *options, "--", "results-wen2018/shared/pretraining/model"
    )
    assert done.returncode != 0
    assert (
        "no subject has any of the 18 pre-training runs (rfMRI_REST1_LR, "
        in done.stdout + done.stderr
    )


def test_a_segment_whose_runs_are_all_left_out_is_left_out(checkout):
    dataset = yaml.safe_load((checkout.folder / "config/datasets/demo.yaml").read_text())
    dataset |= {"exclude": ["subject1 seg1_1", "subject1 seg1_2"], "expect": None}
    checkout.configure(dataset=dataset)
    splits = ("train", "test")
    windows = [f"results/{s}/windows/{split}.npy" for s in ("sub1", "sub2") for split in splits]
    assert checkout.jobs(*windows)["clean"] == 2 * SEGMENTS - 1


def test_a_typo_in_the_configuration_is_reported_before_anything_runs(checkout):
    checkout.configure(contrastive={"bacth_size": 3})
    done = checkout.snakemake("--dry-run", "--", "results/sub1/videos")
    assert done.returncode != 0
    assert "did you mean 'batch_size'?" in done.stdout + done.stderr


def test_an_absent_run_is_named(checkout):
    dataset = yaml.safe_load((checkout.folder / "config/datasets/demo.yaml").read_text())
    dataset["run"] = "mine/{subject}/{segment}_{repetition}.nii.gz"
    checkout.configure(dataset=dataset)
    done = checkout.snakemake("--dry-run", "--", "results/sub1/videos")
    assert done.returncode != 0
    assert "mine/subject1/seg1_1.nii.gz" in done.stdout + done.stderr


def test_lint_finds_nothing(checkout):
    done = checkout.snakemake("--lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_more_processes_than_examples_are_refused_before_any_job(checkout):
    """The paper's batches need not divide by the number of GPUs, but each GPU needs an example."""
    target = "results/shared/pretraining/model"
    for gpus, refused in ((7, False), (999, True)):
        options = ("-n", "--resources", f"gpu={gpus}", "--set-resources", f"pretraining:gpu={gpus}")
        done = checkout.snakemake(*options, "--", target)
        assert (done.returncode != 0) == refused
        assert ("pretraining on gpu=999: batch_size" in done.stdout + done.stderr) == refused


def test_nodes_that_slurm_would_not_give_are_refused_before_any_job(checkout):
    target = "results/shared/pretraining/model"
    options = ("-n", "--set-resources", "pretraining:nodes=2")
    mpi = ("pretraining:mpi=srun", "pretraining:tasks_per_node=2")
    done = checkout.snakemake(*options, "--", target)
    assert done.returncode != 0
    assert "pretraining on nodes=2: set `mpi: srun` and" in done.stdout + done.stderr
    done = checkout.snakemake(*options, *mpi, "--printshellcmds", "--", target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"--processes \d+ --nodes 2", done.stdout + done.stderr)
