import numpy as np
import pandas as pd
import pytest
from skimage.metrics import structural_similarity

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings import ScoringSettings
from mindvideo.stages import score as stage


@pytest.fixture
def run(test_set, colour_classifier, monkeypatch):
    monkeypatch.setattr(stage, "load_image_classifier", lambda name: colour_classifier)
    monkeypatch.setattr(stage, "load_video_classifier", lambda name: colour_classifier)

    def main(**changed):
        settings = ScoringSettings(
            image_classifier="any", video_classifier="any", permutations=200, resamples=100
        )
        inputs = {
            "reconstructions": test_set.reconstructions,
            "table": test_set.table,
            "clips": test_set.clips,
            **changed,
        }
        out = {name: test_set.folder / f"{name}.tsv" for name in ("metrics", "per_clip")}
        stage.main(**inputs, **out, settings=settings)
        return load_table(out["metrics"]).set_index("metric"), load_table(out["per_clip"])

    return main


def test_metrics_stand_beside_chance_null_and_interval(run, caplog):
    with caplog.at_level("INFO"):
        metrics, _ = run()
    assert metrics.index.tolist() == [
        *("identification_video", "video_2_way"),
        *("identification_frame", "frame_2_way", "ssim", "psnr"),
    ]
    assert "video 50-way left out: the classifier has 12 classes" in caplog.text
    assert (metrics["n_clips"] == 14).all()
    assert (metrics["ci_low"] <= metrics["value"]).all()
    assert (metrics["value"] <= metrics["ci_high"]).all()
    assert metrics.loc["identification_video", "value"] > 0.95  # colours survive the noise
    assert metrics.loc["video_2_way", "chance"] == 0.75
    assert np.isnan(metrics.loc["ssim", "chance"])
    # 8 × 6 combinations of shifts, one of them the true order
    assert (metrics["p"] < 4 / 48).all()
    assert (metrics["null_mean"] < metrics["value"]).all()


def test_rows_of_clips_keep_the_order_of_the_table(run, test_set):
    metrics, per_clip = run()
    assert list(zip(per_clip["segment"], per_clip["clip"])) == test_set.rows
    for i, (segment, clip) in enumerate(test_set.rows):
        pairs = zip(test_set.films[segment][clip], test_set.made[i])
        expected = [structural_similarity(*p, channel_axis=-1, data_range=255) for p in pairs]
        assert per_clip["ssim"][i] == pytest.approx(np.mean(expected))
    for name, value in metrics["value"].items():
        assert per_clip[name].mean() == pytest.approx(value)


def test_scores_do_not_depend_on_the_order_of_the_table(run, test_set):
    _, first = run()
    order = np.random.default_rng(1).permutation(len(test_set.rows))
    np.save(test_set.folder / "other.npy", test_set.made[order])
    rows = [test_set.rows[i] for i in order]
    save_table(test_set.folder / "other.tsv", pd.DataFrame(rows, columns=["segment", "clip"]))
    _, other = run(
        reconstructions=test_set.folder / "other.npy", table=test_set.folder / "other.tsv"
    )
    pd.testing.assert_frame_equal(first.iloc[order].reset_index(drop=True), other)


def test_what_does_not_fit_is_named(run, test_set):
    with pytest.raises(InputError, match=r"6 clips are missing: test2 0, .*clips found: test1"):
        run(clips=test_set.clips[:1])
    np.save(test_set.folder / "few.npy", test_set.made[:3])
    with pytest.raises(InputError, match="3 reconstructions, but 14 rows"):
        run(reconstructions=test_set.folder / "few.npy")
    np.save(test_set.folder / "small.npy", test_set.made[:, :, :8])
    with pytest.raises(InputError, match=r"\(3, 8, 16, 3\), clips of \(3, 16, 16, 3\)"):
        run(reconstructions=test_set.folder / "small.npy")
