import numpy as np

from mindvideo.io.clips import load_clips
from mindvideo.io.films import write_video
from mindvideo.io.tables import load_table
from mindvideo.settings.stimuli import ClipSettings
from mindvideo.stages import clips as stage


def test_a_film_becomes_clips(tmp_path):
    grey = np.arange(40, dtype=np.uint8)[:, None, None, None] * 6
    write_video(tmp_path / "seg1.mp4", np.broadcast_to(grey, (40, 16, 24, 3)), fps=10, quality=5)
    settings = ClipSettings(fps=3, size=8, seconds=2, n_clips=2)
    outputs = {"clips": tmp_path / "seg1.npy", "changes": tmp_path / "changes.tsv"}
    stage.main(film=tmp_path / "seg1.mp4", **outputs, settings=settings)
    clips = load_clips(tmp_path / "seg1.npy")
    assert clips.shape == (2, 6, 8, 8, 3)
    expected = np.floor(np.arange(12) / 3 * 10 + 1e-9) * 6
    np.testing.assert_allclose(clips.mean(axis=(2, 3, 4)).ravel(), expected, atol=2)
    changes = load_table(tmp_path / "changes.tsv")
    np.testing.assert_allclose(changes["score"], 0.2 * 100 / 12, atol=2)
