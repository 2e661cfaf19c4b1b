"""Retrieval by an encoder that was made to find every second clip."""

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.models.encoding import embed_frames, embed_texts
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.pretrained import load_clip
from mindvideo.settings.evaluation import RetrievalSettings
from mindvideo.stages import retrieval as stage


class Oracle(FmriEncoder):
    """Its embedding of a window is the window."""

    def embed(self, windows, batch_size=64):
        import torch

        return torch.tensor(np.asarray(windows)[:, 0])


@pytest.fixture
def run(test_set, monkeypatch):
    clip = load_clip("zoo:clip")
    width = embed_texts(clip, ["a"]).shape[1]
    FmriEncoder(
        num_voxels=width, patch_size=width, embed_dim=8, depth=1, num_heads=2, window_size=1
    ).save_pretrained(test_set.folder / "encoder")
    monkeypatch.setattr(FmriEncoder, "embed", Oracle.embed)

    def main(windows, **changed):
        np.save(test_set.folder / "windows.npy", windows[:, None])
        out = test_set.folder / "retrieval.tsv"
        inputs = {"table": test_set.table, "clips": test_set.clips, "scenes": test_set.scenes}
        inputs |= {"windows": test_set.folder / "windows.npy"}
        inputs |= {"encoder": test_set.folder / "encoder", **changed}
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
    assert list(table.index) == [f"fmri_to_{kind}" for kind in kinds]
    assert table.value["fmri_to_frame_top1"] == 1
    assert table.chance["fmri_to_frame_top1"] == pytest.approx(1 / 14)
    assert table.chance["fmri_to_frame_top5"] == pytest.approx(5 / 14)
    assert table.null_mean["fmri_to_frame_top1"] < 0.2


def test_who_knows_nothing_is_at_chance(run):
    main, frames, _ = run
    table = main(np.ones_like(frames))
    np.testing.assert_allclose(table.value[:2], table.null_mean[:2])


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
