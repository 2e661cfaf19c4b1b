"""The benchmark of one GPU, on a processor with tiny networks."""

import pandas as pd
import pytest

from benchmarks import gpu, levers
from benchmarks.resources import of_gpu
from mindvideo.errors import InputError
from mindvideo.models.device import device

pytestmark = pytest.mark.skipif(device().type == "cuda", reason="small sizes are for processors")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("gpu") / "gpu.tsv"
    gpu.main(["--small", "--to", str(path)])
    return path


def test_every_training_and_stage_is_measured(table):
    rows = pd.read_csv(table, sep="\t", na_values="n/a")
    assert list(rows.columns) == gpu.COLUMNS
    assert set(gpu.TRAININGS) | {
        "reconstruction, 200 steps of ddim",
        "reconstruction, 10 steps of dpm-solver++",
        "decoding by the VAE",
        "encoding by the VAE",
        "captions",
        "CLIP, frames",
        "CLIP, texts",
        "classification of frames",
        "classification of clips",
    } == set(rows["what"])
    assert (rows[["seconds", "a_second", "memory_gib"]] > 0).all(axis=None)
    assert (rows["a_second"] * rows["seconds"]).round(6).tolist() == rows["batch"].tolist()


def test_the_page_takes_its_column_from_the_table(table, tmp_path):
    speeds, where = of_gpu(table)
    rows = pd.read_csv(table, sep="\t", na_values="n/a").set_index("what")
    a_second = rows.loc["contrastive", "a_second"]
    assert speeds["contrastive"] == f"{a_second:.3g} examples/s (fp32)"
    assert "not measured" not in speeds.values()
    assert "one CPU" in where
    speeds, where = of_gpu(tmp_path / "none.tsv")
    assert set(speeds.values()) == {"not measured"}
    assert "No GPU has been measured" in where


def test_what_does_not_fit_into_the_limit_is_named(tmp_path):
    left_out = gpu.run([0, 5], tmp_path / "gpu.tsv", limit=0, small=True)
    assert left_out == [
        "masked brain modelling, bf16: out of time",
        "models, fp32: out of time",
    ]


def test_full_size_needs_a_gpu(tmp_path):
    with pytest.raises(InputError, match="finds no GPU"):
        gpu.main(["--to", str(tmp_path / "gpu.tsv")])


def test_shares_of_a_guided_step_are_counted_without_computing_it():
    shares = levers.shares()
    # Two linear maps of 77 tokens of width 768 in each block, for both branches.
    condition = 2 * 2 * 2 * 77 * 768 * sum(levers.WIDTHS) / 1e12
    total = shares["TFLOP of a guided step"]
    assert shares["projections of the condition"] * total == pytest.approx(condition)
    assert 1 < total < 4
