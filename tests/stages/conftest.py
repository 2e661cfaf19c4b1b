"""A tiny test set: two films of coloured clips, reconstructions of them; untrained models."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from mindvideo.io.scenes import scene_table
from mindvideo.io.tables import save_table
from tests.stages.encoders import make_case
from tests.untrained import write_untrained


class InterruptionError(Exception):
    """Stands for a kill of the process."""


@pytest.fixture
def interrupt(monkeypatch):
    """Let a function of a stage fail after some calls; return the arguments of its calls."""

    def install(stage, name, after=None):
        function = getattr(stage, name)
        function = getattr(function, "uninterrupted", function)
        calls = []

        def counted(*args, **kwargs):
            if len(calls) == after:
                raise InterruptionError
            calls.append(args)
            return function(*args, **kwargs)

        counted.uninterrupted = function
        monkeypatch.setattr(stage, name, counted)
        return calls

    install.error = InterruptionError
    return install


@pytest.fixture
def test_set(tmp_path):
    return write_test_set(tmp_path)


def write_test_set(folder):
    """Reconstructions are the clips plus noise. The table is not in the order of the films."""
    rng = np.random.default_rng(0)
    paths = SimpleNamespace(folder=folder, clips=[], scenes=[])
    films = {}
    for segment, n in (("test1", 8), ("test2", 6)):
        colours = rng.integers(0, 256, (n, 1, 1, 1, 3))
        pattern = rng.integers(-40, 40, (n, 3, 16, 16, 3))
        films[segment] = (colours + pattern).clip(0, 255).astype(np.uint8)
        (folder / "clips").mkdir(exist_ok=True)
        (folder / "scenes").mkdir(exist_ok=True)
        paths.clips.append(folder / "clips" / f"{segment}.npy")
        paths.scenes.append(folder / "scenes" / f"{segment}.tsv")
        np.save(paths.clips[-1], films[segment])
        words = [f"{segment} shows clip {i}" for i in range(n)]
        # The film is cut in the last frame of each second clip.
        scenes = np.arange(n)[:, None] + [0, 0, 1] * (np.arange(n)[:, None] % 2)
        save_table(paths.scenes[-1], scene_table(words, scenes[:, 0], scenes))
    rows = [("test2", i) for i in range(6)] + [("test1", i) for i in reversed(range(8))]
    stimuli = np.stack([films[segment][i] for segment, i in rows]).astype(int)
    paths.films, paths.rows = films, rows
    noise = rng.integers(-20, 20, stimuli.shape)
    paths.reconstructed = (stimuli + noise).clip(0, 255).astype(np.uint8)
    paths.reconstructions, paths.table = folder / "reconstructions.npy", folder / "table.tsv"
    np.save(paths.reconstructions, paths.reconstructed)
    save_table(paths.table, pd.DataFrame(rows, columns=["segment", "clip"]))
    return paths


class MeanColour(torch.nn.Module):
    """A classifier of mean colours, for frames (b, c, h, w) and clips (b, t, c, h, w)."""

    config = SimpleNamespace(num_frames=4, id2label={i: f"class {i}" for i in range(12)})

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.classifier = torch.nn.Linear(3, 12)
        self.classifier.weight.data = torch.randn(12, 3, generator=generator)

    def forward(self, pixel_values):
        colour = pixel_values.mean(dim=(-2, -1))
        if colour.ndim == 3:
            colour = colour.mean(dim=1)
        return SimpleNamespace(logits=self.classifier(colour))


def to_pixels(examples, return_tensors):
    pixels = torch.from_numpy(np.stack([np.stack(x) for x in examples])).float() / 127.5 - 1
    return {"pixel_values": pixels.movedim(-1, -3)}


@pytest.fixture
def colour_classifier():
    return to_pixels, MeanColour().eval()


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Call it with volume or cifti: a case of encoders, written once."""
    return cache(lambda kind: make_case(kind, write_test_set(tmp_path_factory.mktemp(kind))))


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Windows, and the folders of co-training and of a Stable Diffusion."""
    return write_untrained(tmp_path_factory.mktemp("inputs"))
