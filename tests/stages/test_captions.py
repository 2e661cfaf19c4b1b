import numpy as np
import torch

from mindvideo.io.tables import load_table
from mindvideo.settings import CaptionSettings
from mindvideo.stages import captions as stage

WORDS = {0: "a dog in the snow", 1: "a brown dog in the snow", 2: "a boat at sea"}


class Captioner(torch.nn.Module):
    """Looks the caption of a grey level up."""

    def generate(self, pixel_values, **_):
        return pixel_values.flatten(1)[:, :1].long()

    def __call__(self, images, return_tensors):
        return {"pixel_values": torch.from_numpy(np.stack(images)).float()}

    def batch_decode(self, tokens, skip_special_tokens):
        return [WORDS[int(t)] for t in tokens]


def test_a_row_a_clip_with_captions_and_scenes(tmp_path, monkeypatch):
    levels = np.array([[0, 1, 0], [0, 2, 2], [2, 2, 2]], np.uint8)
    clips = np.broadcast_to(levels[:, :, None, None, None], (3, 3, 4, 4, 3))
    np.save(tmp_path / "seg1.npy", clips)
    model = Captioner()
    monkeypatch.setattr(stage, "load_captioner", lambda name: (model, model))
    settings = CaptionSettings(captioner="any", batch_size=4)
    stage.main(clips=tmp_path / "seg1.npy", captions=tmp_path / "seg1.tsv", settings=settings)
    table = load_table(tmp_path / "seg1.tsv")
    assert table["caption"].tolist() == [WORDS[0], f"{WORDS[0]} Then {WORDS[2]}", WORDS[2]]
    assert table["scene_first"].tolist() == [0, 0, 1]
    assert table["scene_last"].tolist() == [0, 1, 1]
    assert table.iloc[1][["frame_1", "frame_2", "frame_3"]].tolist() == [WORDS[0], *[WORDS[2]] * 2]
