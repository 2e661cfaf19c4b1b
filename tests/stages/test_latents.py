from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mindvideo.errors import InputError
from mindvideo.io.scenes import scene_table
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings.stimuli import LatentSettings
from mindvideo.stages import latents as stage


class Tokenizer:
    """Counts letters: [length, length, …], so that the text tokens are predictable."""

    model_max_length = 8

    def __call__(self, captions, padding=None, max_length=None, **_):
        rows = [[len(caption)] * (len(caption) + 2) for caption in captions]
        if padding:
            rows = torch.tensor([[len(caption)] * max_length for caption in captions])
        return SimpleNamespace(input_ids=rows)


class TextEncoder(torch.nn.Module):
    n_encoded = 0

    def forward(self, tokens):
        TextEncoder.n_encoded += len(tokens)
        return (tokens[..., None].float().expand(-1, -1, 5),)


class Vae(torch.nn.Module):
    config = SimpleNamespace(scaling_factor=0.5, block_out_channels=(8, 8, 8))
    dtype = torch.float32

    def encode(self, pixels):
        latent = torch.nn.functional.avg_pool2d(pixels, 4)
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latent))


PARTS = {"vae": Vae(), "tokenizer": Tokenizer(), "text_encoder": TextEncoder()}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "load_stable_diffusion", lambda name, part: PARTS[part])
    (tmp_path / "clips").mkdir()
    (tmp_path / "scenes").mkdir()
    paths = {"clips": [], "scenes": []}
    for segment, level in (("seg2", 0), ("seg10", 255)):
        paths["clips"].append(tmp_path / "clips" / f"{segment}.npy")
        paths["scenes"].append(tmp_path / "scenes" / f"{segment}.tsv")
        np.save(paths["clips"][-1], np.full((3, 2, 8, 8, 3), level, np.uint8))
        captions = ["dog", "dog Then cat", "cat"]
        frames = np.array([[0, 0], [0, 1], [1, 1]])
        save_table(paths["scenes"][-1], scene_table(captions, [0, 0, 1], frames))
    out = {name: tmp_path / f"{name}.npy" for name in ("latents", "text", "empty_text")}
    out["table"] = tmp_path / "table.tsv"
    (tmp_path / "state").mkdir()
    settings = LatentSettings(stable_diffusion="any", batch_size=4)
    state = tmp_path / "state"
    return paths, out, lambda: stage.main(**paths, **out, state=state, settings=settings)


def test_segments_are_concatenated_and_their_scenes_numbered_on(run, caplog):
    _, out, main = run
    TextEncoder.n_encoded = 0
    with caplog.at_level("INFO"):
        main()
    assert TextEncoder.n_encoded == 1 + 3  # the empty caption, and each other one once
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
    assert "2 of 6 captions cut to 8 tokens" in caplog.text


def test_scenes_must_be_of_the_same_segments(run):
    paths, _, main = run
    paths["scenes"].reverse()
    with pytest.raises(InputError, match="clips of seg2, seg10, but scenes of seg10, seg2"):
        main()


def test_every_clip_needs_its_caption(run):
    paths, _, main = run
    save_table(paths["scenes"][1], load_table(paths["scenes"][1]).iloc[:2])
    with pytest.raises(InputError, match=r"seg10\.tsv: 2 rows, expected 3"):
        main()


def test_an_interrupted_run_encodes_only_the_rest(run, tmp_path, interrupt):
    paths, out, main = run
    film = np.random.default_rng(0).integers(0, 256, (3, 2, 8, 8, 3), dtype=np.uint8)
    np.save(paths["clips"][0], film)
    main()
    expected = {name: path.read_bytes() for name, path in out.items()}
    for path in [*out.values(), *(tmp_path / "state").iterdir()]:
        path.unlink()

    interrupt(stage, "encode_frames", after=4)
    with pytest.raises(interrupt.error):
        main()
    clips = interrupt(stage, "encode_frames")
    interrupt(stage, "encode_captions", after=1)  # the empty one
    with pytest.raises(interrupt.error):
        main()
    assert len(clips) == 2
    clips, captions = interrupt(stage, "encode_frames"), interrupt(stage, "encode_captions")
    for path in out.values():
        path.unlink(missing_ok=True)
    main()
    assert not clips
    assert [x[2] for x in captions] == [[""], ["cat", "dog", "dog Then cat"]]
    assert {name: path.read_bytes() for name, path in out.items()} == expected
