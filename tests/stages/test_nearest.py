"""The stage that copies training clips, on windows that carry their embeddings."""

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings.evaluation import NearestSettings
from mindvideo.stages import nearest as stage
from tests.stages.linear import write_training


@pytest.fixture
def training(tmp_path):
    """Training clips that show their number, and test windows that are those of every 7th clip."""
    training = write_training(tmp_path, noise=0.01)
    table = load_table(tmp_path / "table.tsv")
    for segment, rows in table.groupby("segment"):
        numbers = rows.index.to_numpy(np.uint8).reshape(-1, 1, 1, 1, 1)
        np.save(tmp_path / f"{segment}.npy", np.broadcast_to(numbers, (len(rows), 3, 4, 4, 3)))
    np.save(tmp_path / "test.npy", training.test)
    rows = [("test1", clip) for clip in range(9)]
    rows += [("test2", clip) for clip in range(len(training.test) - 9)]
    save_table(tmp_path / "test.tsv", pd.DataFrame(rows, columns=["segment", "clip"]))
    return training


def copy(training, segment="test2"):
    folder = training.folder
    stage.main(
        windows=folder / "test.npy",
        table=folder / "test.tsv",
        encoder=training.fit()[0],
        clips=[folder / f"seg{n}.npy" for n in range(1, 5)],
        latents_table=folder / "table.tsv",
        images=folder / "images.npy",
        reconstructions=folder / "copies.npy",
        segment=segment,
        settings=NearestSettings(),
    )
    return np.load(folder / "copies.npy")


@pytest.mark.parametrize(("segment", "first", "last"), [("test1", 0, 9), ("test2", 9, 23)])
def test_each_test_clip_is_the_training_clip_of_its_embedding(training, segment, first, last):
    copies = copy(training, segment)
    assert copies.shape == (last - first, 3, 4, 4, 3)
    assert copies.dtype == np.uint8
    assert (copies == copies[:, :1, :1, :1, :1]).all()
    assert copies[:, 0, 0, 0, 0].tolist() == list(range(7 * first, 7 * last, 7))


def test_refuses_what_does_not_belong_together(training):
    images = np.load(training.folder / "images.npy")
    model, _ = training.fit()
    np.save(training.folder / "images.npy", images[..., :5])
    with pytest.raises(InputError, match=r"embeddings of 5 values, but .* decodes 8"):
        stage.main(
            windows=training.folder / "test.npy",
            table=training.folder / "test.tsv",
            encoder=model,
            clips=[],
            latents_table=training.folder / "table.tsv",
            images=training.folder / "images.npy",
            reconstructions=training.folder / "copies.npy",
            segment="test1",
            settings=NearestSettings(),
        )
    np.save(training.folder / "images.npy", images)
    with pytest.raises(InputError, match="no windows of segment test3"):
        copy(training, "test3")
