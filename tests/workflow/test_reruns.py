"""What an edit reruns: settings, source, weights, data, lock, each with the exact set of jobs."""

import os
import re
import shutil
from collections import Counter
from contextlib import ExitStack, contextmanager

import pandas as pd
import pytest

from mindvideo.source import ROOT
from tests.forked import forks
from tests.workflow.conftest import TINY

TARGET = "results/sub1/videos"


@contextmanager
def configured(chain, **changes):
    """With these sections of the configuration changed."""
    before = chain.config.read_text()
    try:
        chain.configure(**changes)
        yield
    finally:
        chain.config.write_text(before)


@contextmanager
def kept(path):
    """A file that is as before, afterwards."""
    before = path.read_bytes()
    try:
        yield path
    finally:
        path.write_bytes(before)


SCORED = {"score", "videos"}
RECONSTRUCTED = {"reconstruct", "reconstructions", *SCORED}
COTRAINED = {"cotraining", *RECONSTRUCTED}
WINDOWS = {"windows", "repetition_windows", "test_windows", "segment_windows", "null_window"}
CLEANED = {"select", "brain_figure", *WINDOWS, "motion", "mbm_tuning", "contrastive", *COTRAINED}
VIDEO_TUNED = {"video_tuning", "drawings"}
OF_SCENES = {"latents", "embeddings", "contrastive", *VIDEO_TUNED, *COTRAINED}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"scoring": {"seed": 1}}, SCORED),
        ({"reconstruction": {"steps": 3}}, RECONSTRUCTED),
        ({"motion": {"stretch": False}}, {"motion", *RECONSTRUCTED}),
        ({"cotraining": {"lr": 1e-5}}, COTRAINED),
        ({"cotraining": {"duration": 3, "batch_size": 3}}, COTRAINED),
        ({"cotraining": {"encoder": "ridge", "train": ["unet"]}}, COTRAINED),
        (
            {"reconstruction": {"method": "nearest"}},
            {"nearest", "reconstructions", *SCORED},
        ),
        ({"video_tuning": {"seed": 5}}, {*VIDEO_TUNED, *COTRAINED}),
        ({"contrastive": {"crop": 0.1}}, {"contrastive", *COTRAINED}),
        ({"embeddings": {"word_swap": 0.1}}, {"embeddings", "contrastive", *COTRAINED}),
        ({"scenes": {"threshold": 9}}, {"scenes", *OF_SCENES}),
        ({"scenes": {"motion": {}}}, {"scenes", *OF_SCENES}),
        ({"scoring": {"leave_out_cuts": True}}, SCORED),
        ({"mbm_tuning": {"seed": 5}}, {"mbm_tuning", "contrastive", *COTRAINED}),
        (
            {"selection": {"fraction": 0.9}},
            CLEANED,
        ),
    ],
)
def test_a_changed_setting_reruns_just_what_reads_it(chain, changes, expected):
    with configured(chain, **changes):
        assert set(chain.jobs(TARGET)) == expected


def test_settings_that_nothing_reads_or_that_change_no_result_rerun_nothing(chain):
    changes = {
        "ridge": {"stretch": False},  # only retrieval and variants read it
        "scenes": {"corrections": "mended/{segment}.tsv"},  # none are there yet
        "figures": {"every": 3},
        # How a result is computed is no part of it.
        "reconstruction": {"batch_size": 5},
        **{name: {"batch_size": 5} for name in ("captions", "latents", "embeddings")},
        "interpretation": {"batch_size": 5},
        "pretraining": {"checkpoint_minutes": 1, "compile": True},
        "video_tuning": {"drawings": {"times": 3, "captions": 2, "steps": 2}},
        "cotraining": {
            **{"gradient_checkpointing": True, "accumulate": 2},
            "weight_decay": 0.01,  # the default, said aloud
        },
    }
    with configured(chain, **changes):
        jobs = chain.jobs(TARGET)
    assert not jobs, {name: rerun(chain, **{name: of_one}) for name, of_one in changes.items()}


def rerun(chain, **changes):
    with configured(chain, **changes):
        return chain.jobs(TARGET)


NEW_FILM = {
    **{"demo_film": 1, "demo_test_runs": 1, "clips": 1, "captions": 1, "scenes": 1, "clean": 1},
    **{
        "living": 1,
        "test_windows": 1,
        "segment_windows": 1,
        "reconstruct": 1,
        "reconstructions": 1,
    },
    **{"score": 1, "videos": 1},
}


def test_a_new_test_film_is_decoded_by_the_trained_model(chain):
    """No training reads it, and what was reconstructed of the other films stays."""
    more = [*TINY["dataset"]["test"], "test3"]
    with configured(chain, dataset={"test": more}):
        assert chain.jobs(TARGET) == NEW_FILM
        alone = chain.jobs("results/sub1/reconstruction/test3.npy")
        assert set(alone) == {
            *("demo_film", "demo_test_runs", "clean", "living", "segment_windows", "reconstruct")
        }


def test_a_new_test_film_before_the_others_moves_their_noise(chain):
    with configured(chain, dataset={"test": ["new1", *TINY["dataset"]["test"]]}):
        assert chain.jobs(TARGET) == NEW_FILM | {"reconstruct": 3}


def test_a_new_test_film_does_not_hide_a_changed_training(chain):
    """Of the selected voxels it changes nothing, but jobs beyond them have reasons of their own."""
    more = [*TINY["dataset"]["test"], "test3"]
    with configured(chain, dataset={"test": more}, contrastive={"crop": 0.1}):
        assert set(chain.jobs(TARGET)) == {*NEW_FILM, "contrastive", *COTRAINED}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dataset": {"exclude": ["sub1 test2_2"]}}, {"reconstruct": 1, "segment_windows": 1}),
        ({"windows": {"null": "test-mean"}}, {"reconstruct": 2, "null_window": 1}),
    ],
)
def test_changed_test_data_rerun_no_training(chain, changes, expected):
    with configured(chain, **changes):
        jobs = chain.jobs(TARGET)
    assert not {"windows", "motion", "mbm_tuning", "contrastive", "cotraining"} & set(jobs)
    assert jobs == jobs | expected


def test_a_new_training_film_retrains(chain):
    with configured(chain, dataset={"train": [*TINY["dataset"]["train"], "seg5"]}):
        assert {"pretraining"} & set(chain.jobs(TARGET)) == set()
        assert set(chain.jobs(TARGET)) >= CLEANED


def next_version(package):
    """In the lock, the next version of a package."""
    return lambda lock: re.sub(rf"^({package}==[\d.]+)", r"\g<1>.9", lock, flags=re.MULTILINE)


OF_TORCH = {"captions", "scenes", "pretraining", "mbm_tuning", *OF_SCENES}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda lock: next_version("mkdocs")(lock + "# one more\n"), set()),
        (lambda lock: lock.replace("mkdocs==", "mkdocs  =="), set()),
        (next_version("torch"), OF_TORCH),
        (next_version("statsmodels"), CLEANED),  # select and score
    ],
)
def test_a_new_lock_reruns_what_imports_what_is_new(chain, edit, expected):
    with kept(chain.folder / "envs/requirements.lock") as lock:
        lock.write_text(edit(lock.read_text()))
        assert set(chain.jobs(TARGET)) == expected


def test_a_touched_film_reruns_nothing(chain):
    (chain.folder / "data/demo/video_fmri_dataset/stimuli/seg1.mp4").touch()
    assert not chain.jobs(TARGET)


def test_a_corrected_caption_reruns_just_what_reads_it(chain):
    """Adding a table does, and editing it; touching it does not."""
    before = chain.config.read_text()
    scenes, folder = "results/shared/scenes/test1.tsv", chain.folder / "mended"
    table = chain.folder / scenes
    folder.mkdir()
    try:
        chain.configure(scenes={"corrections": "mended/{segment}.tsv"})
        (folder / "seg1.tsv").write_text("clip\tcaption\n3\ta green bear\n")
        assert set(chain.jobs(TARGET)) == {"scenes", *OF_SCENES}
        assert chain.jobs(TARGET)["scenes"] == 1
        (folder / "seg1.tsv").rename(folder / "test1.tsv")
        assert chain.jobs(TARGET) == {"scenes": 1, "videos": 1}  # of a test segment: the page only
        assert chain.snakemake("--", scenes).returncode == 0
        assert pd.read_csv(table, sep="\t")["caption"][3] == "a green bear"
        (folder / "test1.tsv").touch()
        assert not chain.jobs(scenes)
        (folder / "test1.tsv").write_text("clip\tcaption\n3\ta red bear\n")
        assert chain.jobs(scenes) == {"scenes": 1}
    finally:
        chain.config.write_text(before)
        (folder / "test1.tsv").unlink(missing_ok=True)
        (folder / "seg1.tsv").unlink(missing_ok=True)
        assert chain.snakemake("--", scenes).returncode == 0
    assert pd.read_csv(table, sep="\t")["caption"][3] != "a green bear"


@pytest.fixture(scope="module")
def package(chain):
    """The package's source in the checkout, where Python finds it first."""
    copy = chain.folder / "mindvideo"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    yield copy
    shutil.rmtree(copy)


def add(text):
    return lambda path: path.write_text(path.read_text() + text)


def replace(before, after):
    def edit(path):
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    return edit


def to_docstring(path):
    path.write_text('"""Of another mind.\n' + path.read_text().removeprefix('"""'))


@pytest.mark.parametrize(
    ("file", "edit", "expected"),
    [
        ("fmri/cleaning.py", add("\nX = 1\n"), {"clean", "living", *CLEANED}),  # of one stage
        ("stages/select.py", add("\nX = 1\n"), CLEANED),
        ("metrics/pixel.py", add("\nX = 1\n"), SCORED),
        ("figures/gallery.py", add("\nX = 1\n"), {"videos"}),
        ("figures/pages/gallery.css", add("\nh3 {}\n"), {"videos"}),
        ("demo/zoo/blip/config.json", add(" "), {"captions", "scenes", *OF_SCENES}),
        (
            "demo/zoo/video-classifier/config.json",
            lambda path: path.write_text(path.read_text().replace('"label2id"', '"label2id" ')),
            SCORED,
        ),
    ],
)
def test_an_edit_of_the_package_reruns_just_what_runs_it(chain, package, file, edit, expected):
    with kept(package / file) as path:
        edit(path)
        assert set(chain.jobs(TARGET)) == expected


WITHOUT_EFFECT = [
    ("fmri/cleaning.py", add("\n# a remark\n")),
    ("stages/select.py", to_docstring),
    ("training/loop.py", replace("%s: stopped after", "%s: ended after")),
    ("io/tables.py", replace("not a table of tab-separated values", "no table")),
    ("metrics/pixel.py", lambda path: path.touch()),
    ("settings/fmri.py", add("\nX = 1\n")),  # values are compared, not their source
    ("commands/data_sets.py", add("\nX = 1\n")),  # no stage's
    ("demo/zoo/blip/README.md", add("More.\n")),  # a card is no weight
]


def test_edits_of_the_package_that_change_no_result_rerun_nothing(chain, package):
    def edited(*edits):
        with ExitStack() as all_kept:
            for file, edit in edits:
                edit(all_kept.enter_context(kept(package / file)))
            return chain.jobs(TARGET)

    assert not edited(*WITHOUT_EFFECT), {file: edited((file, e)) for file, e in WITHOUT_EFFECT}


def mindvideo(chain, *words):
    done = forks.run("mindvideo", *words, folder=chain.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_results_of_other_code_can_be_adopted(chain, package):
    """A stage's own, or with all that they were made from; a later edit is noticed again."""
    model = "results/sub1/cotraining/model"
    adopted = chain.folder / "results/adopted.json"
    with kept(package / "training/loop.py") as loop, kept(package / "stages/clips.py") as clips:
        add("\nX = 1\n")(loop)
        assert "pretraining" in chain.jobs(TARGET)
        try:
            text = mindvideo(chain, "adopt", model, "--why", "a constant that nothing reads")
            assert "changed   mindvideo.training.loop" in text
            jobs = chain.jobs(TARGET)
            assert "pretraining" in jobs
            mindvideo(chain, "adopt", model, "--deep", "--why", "a constant that nothing reads")
            assert not chain.jobs(TARGET)
            text = mindvideo(chain, "explain", model)
            assert "by code that has changed since, adopted on " in text
            assert ": a constant that nothing reads" in text
            add("\nX = 1\n")(clips)
            assert "clips" in chain.jobs(TARGET)
            add("\nX = 2\n")(loop)
            assert "pretraining" in chain.jobs(TARGET)
            assert "(changed: mindvideo.training.loop)" in mindvideo(chain, "explain", model)
        finally:
            adopted.unlink()
    assert not chain.jobs(TARGET)


AGAIN = ["reconstruct", "segment_windows"]  # a second job of the rules, for the second segment
OF_A_SEGMENT = ("demo_film", "demo_train_runs", "clips", "captions", "scenes", "clean")
OF_TRAINING_FILMS = ("clip_motion", "latents", "embeddings", *VIDEO_TUNED)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dataset": {"subjects": {"sub1": "subject1", "sub3": "subject3"}}}, Counter()),
        ({"variants": {"gentle": {"reconstruction": {"guidance": 2}}}}, Counter()),
        (
            {"dataset": {"train": [f"seg{n}" for n in range(1, 6)]}},
            Counter([*OF_A_SEGMENT, "living", *CLEANED, *AGAIN, *OF_TRAINING_FILMS]),
        ),
        ({"dataset": {"exclude": ["subject2 seg1_1"]}}, Counter()),
        (
            {"dataset": {"lag": 1}},
            # Other volumes of the four training and two test segments are kept.
            Counter([*["clean"] * 6, "living", *CLEANED, *AGAIN]),
        ),
    ],
)
def test_other_data_rerun_just_what_reads_them(chain, changes, expected):
    with configured(chain, **changes):
        assert chain.jobs(TARGET) == expected


def test_a_variant_adds_its_own_jobs_only(chain):
    of_variant = "results/sub1/variants/gentle/metrics.tsv"
    with configured(chain, variants={"gentle": {"reconstruction": {"guidance": 2}}}):
        jobs = {"reconstruct": 2, "reconstructions": 1, "score": 1}
        assert chain.jobs(TARGET, of_variant) == jobs


def test_a_deleted_file_is_made_again(chain):
    """One on the way only if it is asked for: what was made from it is still right."""
    with kept(chain.folder / "results/sub1/videos.tsv") as path:
        path.unlink()
        assert set(chain.jobs(TARGET, "results/sub1/videos.tsv")) == {"videos"}
    with kept(chain.folder / "results/sub1/scoring/per_clip.tsv") as path:
        path.unlink()
        assert not chain.jobs(TARGET)
        assert "score" in chain.jobs("results/sub1/scoring/per_clip.tsv")


def test_a_clock_that_jumps_reruns_nothing(chain):
    """Inputs from tomorrow and outputs from long ago, with the content they had."""
    films = list((chain.folder / "data/demo/video_fmri_dataset/stimuli").glob("*.mp4"))
    tables = list((chain.folder / "results/sub1/scoring").glob("*.tsv"))
    before = {path: path.stat().st_mtime for path in films + tables}
    tomorrow = max(before.values()) + 86400
    try:
        for path in films:
            os.utime(path, (tomorrow, tomorrow))
        for path in tables:
            os.utime(path, (0, 0))
        assert not chain.jobs(TARGET)
    finally:
        for path, time in before.items():
            os.utime(path, (time, time))


def copied(path):
    """In the place of a folder, a copy of it whose files all are of now."""
    copy = path.with_name(f"{path.name} copied")
    shutil.copytree(path, copy, copy_function=shutil.copyfile)
    shutil.rmtree(path)
    copy.rename(path)


def test_a_copied_model_reruns_nothing(chain):
    """cp -r model copy; rm -r model; mv copy model."""
    for model in ("sub1/cotraining/model", "sub1/mbm_tuning/model", "shared/video_tuning/model"):
        copied(chain.folder / "results" / model)
    assert not chain.jobs(TARGET)


def test_a_restored_backup_reruns_nothing(chain):
    """All results and all data, in an order of their times that nobody chose."""
    for folder in ("data", "results"):
        copied(chain.folder / folder)
    files = [path for path in (chain.folder / "results").rglob("*") if path.is_file()]
    for n, path in enumerate(sorted(files, key=lambda path: path.name)):
        os.utime(path, (1e9 + n, 1e9 + n))
    assert not chain.jobs(TARGET)


def test_a_result_that_was_edited_reruns_what_reads_it(chain):
    with kept(chain.folder / "results/sub1/windows/test.tsv") as path:
        path.write_bytes(path.read_bytes() + b"\n")
        assert set(chain.jobs(TARGET)) == {"reconstructions", *SCORED}
