"""From released checkpoints and arrays, small and with random weights, to videos and tables."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.trained import noise_generator
from tests.forked import forks
from tests.released import untrained_video_unet, write_checkpoint, write_preprocessed
from tests.workflow.conftest import ONE_THREAD, Checkout

N, SIZE, VOXELS = 10, 16, 40  # 40 voxels fill their patches of 8: the released loader adds a patch
CONFIG = "config/released.yaml"
SMALL = {
    "dataset": {
        "like": "config/datasets/released.yaml",
        "subjects": {"sub1": "subject1"},
        "test": ["test1"],
        "clips_per_segment": {"default": N},
        "timing": {"default": {"drop_start": 1, "drop_end": 4}},
    },
    "encoder": {"patch_size": 8, "embed_dim": 16},
    "clips": {"size": SIZE},
    "given": {
        "clips": {"test": f"released/preprocessed/video_test_{SIZE}_3hz.npy"},
        "captions": {"test": f"released/preprocessed/text_test_{SIZE}_3hz.npy"},
    },
    "pretrained": {
        "clip": "zoo:clip",
        "image_classifier": "zoo:image-classifier",
        "video_classifier": "zoo:video-classifier",
    },
    "reconstruction": {"steps": 2},
    "scoring": {"permutations": 20, "trials": 5},
}
TARGETS = ("results-released/sub1/videos", "results-released/tables/table1.html")
OPTIONS = ("--configfile", CONFIG, "small.yaml")


@pytest.fixture(scope="module")
def tree(tmp_path_factory, layout):
    """A checkout with the released files."""
    checkout = Checkout(tmp_path_factory.mktemp("released"))
    released = checkout.folder / "released"
    write_checkpoint(released / "subject1", layout, untrained_video_unet(layout.OUT))
    voxels = {"subject1": VOXELS}
    folder = released / "preprocessed"
    write_preprocessed(folder, n_segments=1, n_clips=N, n_voxels=voxels, size=SIZE)
    (checkout.folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return checkout


@pytest.fixture(scope="module")
def scored(tree):
    done = tree.snakemake(*OPTIONS, "--", *TARGETS)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return tree


def test_nothing_is_trained(tree):
    assert tree.jobs(*TARGETS, options=OPTIONS) == {
        **dict.fromkeys(("import_windows", "import_segment_windows", "null_window"), 1),
        **dict.fromkeys(("import_clips", "import_captions", "scenes", "reconstruct"), 1),
        **dict.fromkeys(("reconstructions", "score", "videos", "tables"), 1),
    }


def test_there_are_videos_scores_and_tables(scored):
    results = scored.folder / "results-released"
    assert len(list((results / "sub1/videos").glob("*.mp4"))) == N
    metrics = pd.read_csv(results / "sub1/metrics.tsv", sep="\t").set_index("metric")
    assert metrics.loc["video_2_way", "chance"] == 0.75  # three correct classes, corrected
    assert metrics.loc["video_2_way", "n_clips"] == N
    table = (results / "tables/table1.html").read_text()
    assert "wen2018-released has 1 subject" in table
    assert "no variant window-1 is configured" in table
    assert (results / "tables/comparison.html").is_file()


def test_clips_are_those_of_the_released_pipeline_and_loader(scored, layout):
    """Windows, tokens and null window by slow references; then one pass through the pipeline."""
    arrays = np.load(scored.folder / "released/preprocessed/fmri_test_subject1.npy")[0]
    padded = np.concatenate([arrays, arrays[:, :8]], axis=1).astype(np.float32)
    windows = np.stack([padded, np.concatenate([padded[1:], padded[-1:]])], axis=1)
    pipeline = MindVideoPipeline.from_pretrained(scored.folder / "released/subject1")
    pipeline.set_progress_bar_config(disable=True)
    state = layout.released_encoder()
    tokens = torch.stack([layout.encode(torch.from_numpy(window), state) for window in windows[:4]])
    layout.assert_near(pipeline.encode(torch.from_numpy(windows[:4])), tokens.float())
    expected = pipeline(
        windows[:4],
        windows.mean(axis=0, dtype=np.float64).astype(np.float32),
        height=SIZE,
        width=SIZE,
        num_inference_steps=2,
        generator=[noise_generator(0, clip) for clip in range(4)],
    )
    reconstructed = np.load(scored.folder / "results-released/sub1/reconstruction/test1.npy")
    assert np.array_equal(reconstructed[:4], expected)


def test_provenance_names_what_was_given(scored):
    results = scored.folder / "results-released"
    sidecar = json.loads((results / "sub1/reconstruction/test1.npy.json").read_text())
    assert "released/subject1" in sidecar["inputs"]
    sidecar = json.loads((results / "sub1/windows/test.npy.json").read_text())
    assert list(sidecar["inputs"]) == ["released/preprocessed/fmri_test_subject1.npy"]


def test_decode_gives_the_same_bytes(scored, tmp_path):
    """The checkpoint is found through the sidecars, although it is not a result itself."""
    results = scored.folder / "results-released/sub1"
    words = (results, results / "windows/test/test1.npy", "--to", tmp_path / "clips")
    done = forks.run(
        *("mindvideo", "decode", *map(str, words)), folder=Path.cwd(), environment=ONE_THREAD
    )
    assert done.returncode == 0, done.stderr
    decoded, expected = tmp_path / "clips/clips.npy", results / "reconstruction/test1.npy"
    assert decoded.read_bytes() == expected.read_bytes()


def test_all_is_what_can_be_made(scored):
    jobs = scored.jobs(options=OPTIONS)
    assert jobs == {"figures": 1, "score_figures": 1}


def test_a_faster_variant_shares_all_but_the_reconstruction(scored):
    jobs = scored.jobs("results-released/sub1/variants/fast/metrics.tsv", options=OPTIONS)
    assert jobs == {"reconstruct": 1, "reconstructions": 1, "score": 1}


def test_a_missing_file_is_named_before_anything_runs(scored, tmp_path):
    changed = {"given": {"windows": {"test": "released/fmri_{subject}.npy"}}}
    (scored.folder / "wrong.yaml").write_text(yaml.safe_dump(changed))
    done = scored.snakemake("-n", *OPTIONS, "wrong.yaml", "--", TARGETS[0])
    assert done.returncode == 1
    message = done.stdout + done.stderr
    assert "given.windows.test: no such file: released/fmri_subject1.npy" in message


def test_given_networks_take_the_place_of_their_trainings(tree, layout):
    """A released autoencoder starts masked tuning; encoder and video UNet of another training."""
    layout.write_autoencoder(tree.folder / "autoencoder.pth")
    for name in ("video_unet", "encoder"):
        (tree.folder / name).mkdir()

    def jobs(**given):
        (tree.folder / "given.yaml").write_text(yaml.safe_dump({"given": given}))
        options = ("--configfile", "config/config.yaml", "given.yaml")
        return tree.jobs("results/sub1/videos", options=options)

    whole = jobs()
    start = jobs(pretraining="autoencoder.pth")
    assert whole - start == {"demo_rest": 6, "samples": 3, "pretraining": 1}
    both = jobs(pretraining="autoencoder.pth", video_tuning="video_unet")
    assert start - both == {"video_tuning": 1, "drawings": 1}
    assert "contrastive" in both
    other = {"dataset": {"like": "config/datasets/demo.yaml", "subjects": {"sub1": "subject1"}}}
    (tree.folder / "one.yaml").write_text(
        yaml.safe_dump(other | {"given": {"contrastive": "encoder"}})
    )
    options = ("--configfile", "config/config.yaml", "one.yaml")
    given = tree.jobs("results/sub1/videos", options=options)
    assert not {"pretraining", "mbm_tuning", "contrastive", "embeddings"} & given.keys()
    assert given["cotraining"] == 1


def test_what_needs_the_runs_says_so(scored):
    done = scored.snakemake("-n", *OPTIONS, "--", "results-released/sub1/surfaces/index.html")
    assert done.returncode == 1
    message = re.sub(r"\s+", " ", done.stdout + done.stderr)
    assert "this needs training segments, but dataset.train names none (given are cot" in message
