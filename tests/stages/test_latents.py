from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings import LatentSettings
from mindvideo.stages import latents as stage


class Tokenizer:
    """Counts letters: [length, length, …], so that text tokens are known."""

    model_max_length = 8

    def __call__(self, captions, padding=None, max_length=None, **_):
        rows = [[len(caption)] * (len(caption) + 2) for caption in captions]
        if padding:
            rows = torch.tensor([[len(caption)] * max_length for caption in captions])
        return SimpleNamespace(input_ids=rows)


class TextEncoder(torch.nn.Module):
    def forward(self, tokens):
        return (tokens[..., None].float().expand(-1, -1, 5),)


class Vae(torch.nn.Module):
    config = SimpleNamespace(scaling_factor=0.5)
    dtype = torch.float32

    def encode(self, pixels):
        latent = torch.nn.functional.avg_pool2d(pixels, 4)
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latent))


PARTS = {"vae": Vae(), "tokenizer": Tokenizer(), "text_encoder": TextEncoder()}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "load_stable_diffusion", lambda name, part: PARTS[part])
    (tmp_path / "clips").mkdir()
    (tmp_path / "captions").mkdir()
    paths = {"clips": [], "captions": []}
    for segment, level in (("seg2", 0), ("seg10", 255)):
        paths["clips"].append(tmp_path / "clips" / f"{segment}.npy")
        paths["captions"].append(tmp_path / "captions" / f"{segment}.tsv")
        np.save(paths["clips"][-1], np.full((3, 2, 8, 8, 3), level, np.uint8))
        table = {
            "clip": range(3),
            "caption": ["dog", "dog Then cat", "cat"],
            "scene_first": [0, 0, 1],
            "scene_last": [0, 1, 1],
        }
        save_table(paths["captions"][-1], pd.DataFrame(table))
    out = {name: tmp_path / f"{name}.npy" for name in ("latents", "text", "empty_text")}
    out["table"] = tmp_path / "table.tsv"
    settings = LatentSettings(stable_diffusion="any", batch_size=4)
    return paths, out, lambda: stage.main(**paths, **out, settings=settings)


def test_segments_follow_one_another_with_scenes_of_their_own(run, caplog):
    _, out, main = run
    with caplog.at_level("INFO"):
        main()
    latents, text = np.load(out["latents"]), np.load(out["text"])
    assert latents.shape == (6, 2, 3, 2, 2)
    assert latents.dtype == text.dtype == np.float32
    np.testing.assert_allclose(latents[:3], -0.5)
    np.testing.assert_allclose(latents[3:], 0.5)
    assert text.shape == (6, 8, 5)
    np.testing.assert_array_equal(text[:, 0, 0], [3, 12, 3, 3, 12, 3])
    assert np.load(out["empty_text"]).shape == (8, 5)
    assert not np.load(out["empty_text"]).any()
    table = load_table(out["table"])
    assert table["segment"].tolist() == ["seg2"] * 3 + ["seg10"] * 3
    assert table["clip"].tolist() == [0, 1, 2] * 2
    assert table["scene"].tolist() == [0, 0, 1, 2, 2, 3]
    assert "2 of 6 captions are longer than 8 tokens" in caplog.text


def test_captions_must_be_of_the_same_segments(run):
    paths, _, main = run
    paths["captions"].reverse()
    with pytest.raises(InputError, match="clips of seg2, seg10, but captions of seg10, seg2"):
        main()


def test_every_clip_needs_its_caption(run):
    paths, _, main = run
    save_table(paths["captions"][1], load_table(paths["captions"][1]).iloc[:2])
    with pytest.raises(InputError, match=r"seg10\.tsv: 2 rows, 3 were needed"):
        main()
