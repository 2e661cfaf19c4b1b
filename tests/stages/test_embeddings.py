import numpy as np
import pandas as pd
import pytest
import torch

from mindvideo.io.tables import load_table, save_table
from mindvideo.models.encoding import embed_frames, embed_texts
from mindvideo.models.pretrained import load_clip
from mindvideo.settings.stimuli import EmbeddingSettings
from mindvideo.stages import embeddings as stage

ROWS = [("seg2", 1), ("seg1", 0), ("seg1", 2), ("seg2", 0)]
CAPTIONS = ["a small dog by the road", "a red fox", "a red fox", "a small dog by the road"]


@pytest.fixture
def run(tmp_path):
    rng = np.random.default_rng(0)
    films = {s: rng.integers(0, 256, (3, 2, 16, 16, 3), dtype=np.uint8) for s in ("seg1", "seg2")}
    for segment, film in films.items():
        np.save(tmp_path / f"{segment}.npy", film)
    table = pd.DataFrame(ROWS, columns=["segment", "clip"]).assign(caption=CAPTIONS, scene=0)
    save_table(tmp_path / "table.tsv", table)
    outputs = {"images": "images.npy", "texts": "texts.npy", "paraphrases": "paraphrases.tsv"}
    outputs = {name: tmp_path / file for name, file in outputs.items()}

    def main(state=None, **settings):
        state = state or tmp_path / f"state-{len(list(tmp_path.iterdir()))}"
        state.mkdir(exist_ok=True)
        for path in outputs.values():
            path.unlink(missing_ok=True)
        stage.main(
            clips=[tmp_path / "seg1.npy", tmp_path / "seg2.npy"],
            latents_table=tmp_path / "table.tsv",
            **outputs,
            state=state,
            settings=EmbeddingSettings(clip="zoo:clip", batch_size=3, **settings),
        )
        arrays = (np.load(outputs["images"]), np.load(outputs["texts"]))
        return films, *arrays, load_table(outputs["paraphrases"])

    main.outputs = outputs
    return main


def test_rows_follow_the_table_of_latents(run):
    films, images, texts, paraphrases = run(paraphrases=5)
    clip = load_clip("zoo:clip")
    assert images.dtype == texts.dtype == np.float32
    for row, (segment, number) in enumerate(ROWS):
        expected = embed_frames(clip, films[segment][number])
        torch.testing.assert_close(torch.from_numpy(images[row]), expected)
    said = paraphrases.drop(columns=["segment", "clip"]).to_numpy()
    assert said[:, 0].tolist() == CAPTIONS
    for row in range(4):
        expected = embed_texts(clip, said[row].tolist())
        torch.testing.assert_close(torch.from_numpy(texts[row]), expected)
    assert len(set(said[0])) > 2
    assert said[0].tolist() == said[3].tolist()  # the same caption, the same paraphrases


def test_rates_and_seeds(run):
    assert run(paraphrases=0)[2].shape[1] == 1
    still = run(paraphrases=4, synonyms=0, word_swap=0)[3]
    assert (still.drop(columns=["segment", "clip"]).nunique(axis=1) == 1).all()
    (first, again, other) = [run(paraphrases=4, seed=seed)[3] for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    words = run(paraphrases=9, synonyms=1, word_swap=0)[3]
    assert set(words.iloc[0, 3:]) == {"a little domestic dog by the route"}


def test_nothing_is_embedded_twice(run, monkeypatch):
    embedded = []

    def embed(clip, texts):
        embedded.extend(texts)
        return embed_texts(clip, texts)

    monkeypatch.setattr(stage, "embed_texts", embed)
    run(paraphrases=20)
    assert len(embedded) == len(set(embedded))


def test_an_interrupted_run_embeds_only_the_rest(run, tmp_path, interrupt):
    run(paraphrases=5)
    expected = [path.read_bytes() for path in run.outputs.values()]
    frames, texts = interrupt(stage, "embed_frames", after=3), interrupt(stage, "embed_texts")
    with pytest.raises(interrupt.error):
        run(tmp_path / "state", paraphrases=5)
    assert (len(frames), len(texts)) == (3, 0)
    frames, texts = interrupt(stage, "embed_frames"), interrupt(stage, "embed_texts", after=1)
    with pytest.raises(interrupt.error):
        run(tmp_path / "state", paraphrases=5)
    assert (len(frames), len(texts)) == (1, 1)
    frames, texts = interrupt(stage, "embed_frames"), interrupt(stage, "embed_texts")
    paraphrases = run(tmp_path / "state", paraphrases=5)[3].drop(columns=["segment", "clip"])
    assert not frames
    assert [text for _, part in texts for text in part] == np.unique(paraphrases)[3:].tolist()
    assert [path.read_bytes() for path in run.outputs.values()] == expected
