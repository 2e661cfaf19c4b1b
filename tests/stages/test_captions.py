import json

import numpy as np
import pytest
import torch

from mindvideo.io.tables import load_table
from mindvideo.settings.stimuli import CaptionSettings
from mindvideo.stages import captions as stage

LEVELS = np.arange(9, dtype=np.uint8).reshape(3, 3)


class Captioner(torch.nn.Module):
    """Reads a grey level, and stops after some batches."""

    def __init__(self, batches=99):
        super().__init__()
        self.batches, self.levels = batches, []

    def generate(self, pixel_values, **_):
        if not self.batches:
            raise KeyboardInterrupt
        self.batches -= 1
        self.levels += pixel_values[:, 0, 0, 0].tolist()
        return pixel_values.flatten(1)[:, :1].long()

    def __call__(self, images, return_tensors):
        return {"pixel_values": torch.from_numpy(np.stack(images)).float()}

    def batch_decode(self, tokens, skip_special_tokens):
        return [f"grey {int(t)}" for t in tokens]


@pytest.fixture
def run(tmp_path, monkeypatch):
    np.save(tmp_path / "seg1.npy", np.broadcast_to(LEVELS[..., None, None, None], (3, 3, 4, 4, 3)))
    (tmp_path / "state").mkdir()

    def main(model):
        monkeypatch.setattr(stage, "load_captioner", lambda name: (model, model))
        places = {"clips": tmp_path / "seg1.npy", "state": tmp_path / "state"}
        settings = CaptionSettings(captioner="any", batch_size=2)
        stage.main(**places, captions=tmp_path / "seg1.tsv", settings=settings)
        return load_table(tmp_path / "seg1.tsv")

    return main


def test_a_row_a_clip_with_the_captions_of_its_frames(run):
    table = run(Captioner())
    assert list(table) == ["clip", "frame_1", "frame_2", "frame_3"]
    assert table.iloc[1].tolist() == [1, "grey 3", "grey 4", "grey 5"]


def test_a_run_that_was_killed_goes_on_where_it_was(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(Captioner(batches=2))
    with (tmp_path / "state" / "captions.jsonl").open("a") as kept:
        kept.write(json.dumps(["grey 4", "grey 5"])[:-4])  # killed while writing
    model = Captioner()
    table = run(model)
    assert model.levels == [4, 5, 6, 7, 8]
    words = table.drop(columns="clip").to_numpy().ravel().tolist()
    assert words == [f"grey {i}" for i in range(9)]
