import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mindvideo.errors import InputError
from mindvideo.io.tables import save_table
from mindvideo.settings.evaluation import DrawingSettings, TrainingFigureSettings
from mindvideo.stages import drawings
from mindvideo.stages import training_figures as stage
from tests.stages.outputs import figure_paths

FIGURES = ("training", "rebuilt", "retrieved")


@pytest.fixture
def inputs(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"mbm": ["loss", "correlation"], "contrastive": ["loss", "text_top1", "image_top1"]}
    for name, names in columns.items():
        (tmp_path / name).mkdir()
        table = pd.DataFrame(rng.random((30, len(names))), columns=names)
        save_table(tmp_path / name / "history.tsv", table.assign(step=range(1, 31)))
    volumes = rng.standard_normal((4, 3, 64), dtype=np.float32)
    volumes[:, 1, :32] = np.nan
    np.save(tmp_path / "examples.npy", volumes)
    rows = [(f"fmri_to_{what}_top{k}", 0.4, 0.3, 0.5, 0.1) for what in "ab" for k in (1, 5)]
    names = ["metric", "value", "ci_low", "ci_high", "chance"]
    save_table(tmp_path / "retrieval.tsv", pd.DataFrame(rows, columns=names))
    return {
        "histories": [tmp_path / name / "history.tsv" for name in columns],
        "examples": [tmp_path / "examples.npy"],
        "retrieval": tmp_path / "retrieval.tsv",
    }


@pytest.fixture
def generated(tmp_path):
    """Two clips at two moments, noise."""
    moments = pd.DataFrame({"moment": ["step 0"] * 2 + ["step 2"] * 2, "caption": ["a", "b"] * 2})
    paths = {"generated": tmp_path / "generated.npy", "generated_table": tmp_path / "generated.tsv"}
    save_table(paths["generated_table"], moments)
    noise = np.random.default_rng(0).integers(0, 256, (4, 6, 16, 16, 3), dtype=np.uint8)
    np.save(paths["generated"], noise)
    return paths


def test_writes_four_figures(inputs, generated, tmp_path):
    out = figure_paths(tmp_path, *FIGURES)
    stage.main(**inputs, **out, settings=TrainingFigureSettings(batch_size=8))
    drawn = figure_paths(tmp_path, "drawings")
    drawings.main(**generated, **drawn, settings=DrawingSettings())
    for path, _ in (out | drawn).values():
        with Image.open(path) as picture:
            assert min(picture.size) > 200
            assert np.ptp(np.asarray(picture.convert("L"))) > 100


def test_training_runs_without_a_step_are_left_out(inputs, tmp_path):
    for path in inputs["histories"]:
        path.write_text("step\tloss\n")
    np.save(inputs["examples"][0], np.empty((0, 3, 64), np.float32))
    out = figure_paths(tmp_path, *FIGURES)
    stage.main(**inputs, **out, settings=TrainingFigureSettings(batch_size=8))
    # Both say only that no step was recorded.
    assert out["training"][0].read_bytes() == out["rebuilt"][0].read_bytes()


def test_clips_of_another_run(generated, tmp_path):
    np.save(generated["generated"], np.zeros((3, 6, 16, 16, 3), np.uint8))
    out = figure_paths(tmp_path, "drawings")
    with pytest.raises(InputError, match="3 clips, but 4 rows"):
        drawings.main(**generated, **out, settings=DrawingSettings())


def test_labels_of_bars():
    assert stage._label("fmri_to_frame_top5") == "encoder: frame, top 5"
    assert stage._label("ridge_to_frame_identification") == "ridge: frame, identification"


def test_titles_of_histories(tmp_path):
    folders = [tmp_path / name / "history.tsv" for name in ("mbm_tuning", "cotraining")]
    assert stage._titles(folders) == ["mbm tuning", "cotraining"]
    files = [tmp_path / "mbm_history.tsv", tmp_path / "video_tuning.tsv"]
    assert stage._titles(files) == ["mbm", "video tuning"]
