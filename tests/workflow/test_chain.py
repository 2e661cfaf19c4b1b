"""The whole chain, tiny: from nothing to mp4, once; then what an edit reruns."""

import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file

from mindvideo.contents import file_digest

TARGET = "results/sub1/videos"


def test_every_test_clip_has_its_video(chain):
    videos = chain.folder / TARGET
    manifest = pd.read_csv(chain.folder / "results/sub1/videos.tsv", sep="\t")
    assert len(list(videos.glob("*.mp4"))) == 2 * 10
    assert (videos / "index.html").is_file()
    digests = {row.file: row.sha256 for row in manifest.itertuples()}
    files = [path for path in videos.rglob("[!.]*") if path.is_file()]  # .…: Snakemake's
    assert digests == {str(path.relative_to(videos)): file_digest(path) for path in files}


def test_each_metric_stands_beside_its_chance(chain):
    metrics = pd.read_csv(chain.folder / "results/sub1/metrics.tsv", sep="\t")
    assert {"metric", "value", "chance", "p"} <= set(metrics.columns)
    identification = metrics[metrics.metric.str.contains("identification")]
    assert len(identification) == 4  # by frame and by clip, over all clips and over the unseen
    assert (identification.chance == 0.5).all()
    assert identification.value.between(0, 1).all()
    attributes = metrics[metrics.metric.str.contains("_accuracy")]
    assert len(attributes) == 6
    assert attributes.ceiling.between(0, 1).all()


def test_figures_logs_benchmarks_and_sidecars_are_there(chain):
    results = chain.folder / "results"
    for name in ("strip", "brain", "training", "rebuilt", "retrieval"):
        assert (results / f"sub1/figures/{name}.png").stat().st_size > 5000
    assert (chain.folder / "results/logs/cotraining/sub1.log").read_text().strip().endswith(" s")
    assert (results / "benchmarks/cotraining/sub1.tsv").is_file()
    assert "two consecutive volumes" in (results / "sub1/methods.html").read_text()
    sidecar = json.loads((results / "sub1/metrics.tsv.json").read_text())
    assert sidecar["stage"] == "score"
    assert sidecar["settings"]["permutations"] == 50


def test_a_film_of_a_segment_has_its_flicker_beside_it(chain):
    films = chain.folder / "results/sub1/films"
    assert (films / "test1.mp4").stat().st_size > 1000
    assert (pd.read_csv(films / "test1.tsv", sep="\t")["flicker"] > 0).all()


def test_nothing_half_written_and_no_state_is_left(chain):
    assert not list(chain.folder.rglob("*partial*"))
    assert not [p for p in (chain.folder / "results/state").rglob("*") if p.is_file()]


def test_cotraining_moves_attention_and_nothing_else_of_the_unet(chain):
    name = "diffusion_pytorch_model.safetensors"
    results = chain.folder / "results"
    before = load_file(results / "shared/video_tuning/model" / name)
    after = load_file(results / "sub1/cotraining/model/unet" / name)
    moved = {key for key in after if not np.array_equal(after[key], before[key])}
    assert moved
    assert all(any(part in key for part in ("attn1", "attn2", "attn_temp")) for key in moved)


def test_a_second_run_has_nothing_to_do(chain):
    done = chain.snakemake("--", TARGET)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


TABLE, PANELS = "results/tables/table1.html", "results/tables/variants.png"
WORST = "results/sub1/figures/worst.png"


@pytest.fixture(scope="module")
def tables(chain):
    """The chain with Table 1 of one subject and two variants, one of which skips a training."""
    before = chain.config.read_text()
    config = yaml.safe_load(before)
    names = ("without-contrastive", "without-guidance")
    config["variants"] = {name: config["variants"][name] for name in names}
    config["tables"] = {}
    config["dataset"]["subjects"] = {"sub1": "subject1"}
    try:
        chain.config.write_text(yaml.safe_dump(config))
        added = {"contrastive": 1, "cotraining": 1, "score": 2}
        added |= {"reconstruct": 2 * 2, "reconstructions": 2}
        assert chain.jobs(TABLE) == added | {"tables": 1}
        done = chain.snakemake("--", TABLE, PANELS, WORST)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
        yield chain
    finally:
        chain.config.write_text(before)


def test_table_1_is_built_with_all_its_rows(tables):
    rows = pd.read_csv(tables.folder / "results/tables/table1.tsv", sep="\t")
    assert list(rows["row"].unique()) == [
        *("Full model", "Without contrastive learning", "Without guidance"),
    ]
    assert rows[rows.row != "Full model"]["p_paired_holm"].notna().any()
    page = (tables.folder / TABLE).read_text()
    for label in ("Window size 1", "fMRI and text only", "Subject 3"):
        assert label in page  # reported as not configured, with the paper's value
    history = tables.folder / "results/sub1/variants/without-contrastive/contrastive/history.tsv"
    assert history.read_text() == "step\tloss\n"
    for name in ("variants", "subjects", "ssim"):
        assert (tables.folder / f"results/tables/{name}.png").stat().st_size > 5000


def test_the_report_holds_tables_figures_gallery_and_methods_without_a_network(tables):
    names = ("videos", "methods.html", "figures/training.png")
    targets = [f"results/sub1/{name}" for name in names]
    offline = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")  # nobody's there
    done = tables.snakemake(
        "--report", "report.zip", "--", TABLE, PANELS, WORST, *targets, environment=offline
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    with zipfile.ZipFile(tables.folder / "report.zip") as report:
        names = report.namelist()
        page = report.read("report/report.html").decode()
    for name in ("table1.html", "comparison.html", "variants.png", "worst.png", "training.png"):
        assert any(inside.endswith(name) for inside in names), name
    for name in ("methods.html", "index.html", "test1_0000.mp4", "posters/test1_0000.webp"):
        assert any(inside.endswith(f"/{name}") for inside in names), name
    for category in ("Tables", "Reconstructions", "Scores", "Training", "Methods"):
        assert f'"{category}"' in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.?https?:", page)


def test_frames_paraphrases_and_scenes_of_the_demo(chain):
    shared = chain.folder / "results/shared"
    scenes = pd.read_csv(shared / "scenes/seg1.tsv", sep="\t")
    assert len(scenes) == 10
    shots = pd.read_csv(chain.folder / "data/demo/video_fmri_dataset/stimuli/seg1.tsv", sep="\t")
    frames = scenes.filter(like="scene_").to_numpy().ravel()
    # A frame shows a new shot: here all cuts are found, though motion may add some.
    shot = np.searchsorted(shots["start"], np.arange(60) / 3 + 1e-6, side="right")
    assert (np.diff(frames)[np.diff(shot) > 0] > 0).all()
    images, texts = (np.load(shared / f"embeddings/{name}.npy") for name in ("images", "texts"))
    assert images.shape[:2] == (40, 6)
    assert texts.shape[:2] == (40, 9)
