"""Retrieval by an encoder that was made to find every second clip."""

import numpy as np
import pandas as pd
import pytest
import torch

from mindvideo.errors import InputError
from mindvideo.models.encoding import embed_frames, embed_texts
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.models.pretrained import load_clip
from mindvideo.settings.evaluation import RetrievalSettings
from mindvideo.stages import retrieval as stage


class Oracle(FmriEncoder):
    """Its embedding of a window is the window."""

    def embed(self, windows, batch_size=64):
        return torch.tensor(np.asarray(windows)[:, 0])


def write_ridge(folder, weights):
    """Write a linear encoder whose embedding is the window's only volume, times the weights."""
    shape = {"window_size": 1, "n_components": 1, "out_channel": 1, "out_dim": 1}
    encoder = LinearEncoder(num_voxels=weights.shape[1], embedding_dim=weights.shape[0], **shape)
    encoder.embedding.weight.data = torch.tensor(weights, dtype=torch.float32)
    encoder.embedding.bias.data.zero_()
    encoder.save_pretrained(folder)


@pytest.fixture
def run(test_set, monkeypatch):
    clip = load_clip("zoo:clip")
    width = embed_texts(clip, ["a"]).shape[1]
    FmriEncoder(
        num_voxels=width, patch_size=width, embed_dim=8, depth=1, num_heads=2, window_size=1
    ).save_pretrained(test_set.folder / "encoder")
    monkeypatch.setattr(FmriEncoder, "embed", Oracle.embed)
    write_ridge(test_set.folder / "ridge", np.eye(width))

    def main(windows, **changed):
        np.save(test_set.folder / "windows.npy", windows[:, None])
        out = test_set.folder / "retrieval.tsv"
        inputs = {"table": test_set.table, "clips": test_set.clips, "scenes": test_set.scenes}
        inputs |= {"windows": test_set.folder / "windows.npy"}
        inputs |= {name: test_set.folder / name for name in ("encoder", "ridge")} | changed
        settings = RetrievalSettings(permutations=50, resamples=20, clip="zoo:clip")
        stage.main(**inputs, retrieval=out, settings=settings)
        return pd.read_csv(out, sep="\t").set_index("metric")

    middles = [test_set.films[segment][clip][1] for segment, clip in test_set.rows]
    captions = [f"{segment} shows clip {clip}" for segment, clip in test_set.rows]
    results = (embed_frames(clip, middles).cpu().numpy(), embed_texts(clip, captions).cpu().numpy())
    return main, *results


def test_who_knows_the_frames_finds_them(run):
    main, frames, _ = run
    table = main(frames)
    kinds = ("frame_top1", "frame_top5", "caption_top1", "caption_top5")
    sources = ("fmri", "ridge")
    assert list(table.index) == [
        *(f"{source}_to_{kind}" for source in sources for kind in kinds),
        *(f"{source}_to_frame_identification" for source in sources),
    ]
    assert table.value["fmri_to_frame_top1"] == 1
    assert table.chance["fmri_to_frame_top1"] == pytest.approx(1 / 14)
    assert table.chance["fmri_to_frame_top5"] == pytest.approx(5 / 14)
    assert table.null_mean["fmri_to_frame_top1"] < 0.2


def test_who_knows_nothing_is_at_chance(run):
    main, frames, _ = run
    table = main(np.ones_like(frames))
    np.testing.assert_allclose(table.value[:2], table.null_mean[:2])


def test_identification_is_that_of_the_cosine(run):
    main, frames, _ = run
    windows = frames + 0.2 * np.random.default_rng(0).normal(size=frames.shape).astype(np.float32)
    table = main(windows)
    similarity = windows @ frames.T / np.linalg.norm(windows, axis=1, keepdims=True)
    better = (similarity < np.diag(similarity)[:, None]).sum(axis=1) / 13
    for source in ("fmri", "ridge"):
        assert table.value[f"{source}_to_frame_identification"] == pytest.approx(better.mean())
    assert table.chance["ridge_to_frame_identification"] == 0.5


def test_ridge_has_rows_of_its_own(run, test_set):
    main, frames, _ = run
    write_ridge(test_set.folder / "blind", np.zeros((frames.shape[1],) * 2))
    table = main(frames, ridge=test_set.folder / "blind")
    assert table.value["fmri_to_frame_top1"] == 1
    assert table.value["ridge_to_frame_top1"] == pytest.approx(1 / 14)
    assert table.value["ridge_to_frame_identification"] == 0.5
    write_ridge(test_set.folder / "narrow", np.zeros((3, frames.shape[1])))
    with pytest.raises(InputError, match=r"narrow have 3: use the CLIP"):
        main(frames, ridge=test_set.folder / "narrow")


def test_frames_go_with_their_clips_whatever_the_order_of_the_table(run, test_set):
    main, frames, _ = run
    wrong = frames[::-1]
    assert main(wrong).value["fmri_to_frame_top1"] < 0.5


def test_windows_of_another_number(run):
    main, frames, _ = run
    with pytest.raises(InputError, match="13 rows, but 14"):
        main(frames[1:])


def test_a_segment_without_scenes(run, test_set):
    main, frames, _ = run
    with pytest.raises(InputError, match="tables of scenes: 6 of 14 clips are missing"):
        main(frames, scenes=test_set.scenes[:1])
