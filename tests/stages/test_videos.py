import hashlib
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.films import stream_frames
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings.evaluation import VideoSettings
from mindvideo.stages import videos as stage


@pytest.fixture
def run(test_set):
    scores = pd.DataFrame(test_set.rows, columns=["segment", "clip"])
    scores["ssim"] = [*np.linspace(0, 1, 13), np.nan]
    save_table(test_set.folder / "per_clip.tsv", scores)
    summary = pd.DataFrame([{"metric": "ssim", "definition": "likeness", "better": "higher"}])
    save_table(test_set.folder / "metrics.tsv", summary)

    def main(variants=(), **changed):
        inputs = {
            "reconstructions": test_set.reconstructions,
            "table": test_set.table,
            "clips": test_set.clips,
            "scenes": test_set.scenes,
            "metrics": test_set.folder / "metrics.tsv",
            "per_clip": test_set.folder / "per_clip.tsv",
            **changed,
        }
        videos, manifest = test_set.folder / "videos", test_set.folder / "manifest.tsv"
        settings = VideoSettings(fps=3, title="A test", variants=list(variants))
        shutil.rmtree(videos, ignore_errors=True)
        stage.main(**inputs, videos=videos, manifest=manifest, settings=settings)
        return videos, load_table(manifest)

    return main


def test_one_video_a_clip_and_a_page(run, test_set):
    videos, manifest = run()
    names = [f"{segment}_{clip:04d}.mp4" for segment, clip in test_set.rows]
    assert manifest["file"].tolist() == [*names, "index.html"]
    assert sorted(path.name for path in videos.iterdir()) == sorted(manifest["file"])
    for file, digest in zip(manifest["file"], manifest["sha256"]):
        assert hashlib.sha256((videos / file).read_bytes()).hexdigest() == digest
    frames = list(stream_frames(videos / names[2], fps=3, size=128))
    assert len(frames) == 3
    # the centre square: the right half of the film, the gap, the left half of the reconstruction
    halves = [frames[1][:, :60].mean((0, 1)), frames[1][:, 68:].mean((0, 1))]
    stimulus, reconstruction = test_set.films["test2"][2][1], test_set.reconstructed[2][1]
    expected = [stimulus[:, 8:].mean((0, 1)), reconstruction[:, :8].mean((0, 1))]
    np.testing.assert_allclose(halves, expected, atol=8)


def test_the_page_lists_captions_times_and_scores(run):
    videos, _ = run()
    page = (videos / "index.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
    clip = data["clips"][1]
    assert clip == {
        "file": "test2_0001.mp4",
        "segment": "test2",
        "clip": 1,
        "seconds": 1.0,
        "caption": "test2 shows clip 1",
        "scene": 1,
        "variant": "",
        "scores": [0.0833],
    }
    assert data["clips"][-1]["scores"] == [None]


def test_variants_stand_on_the_same_page(run, test_set):
    order = np.arange(14)[::-1]
    np.save(test_set.folder / "other.npy", test_set.reconstructed[order])
    table = pd.DataFrame(test_set.rows, columns=["segment", "clip"]).iloc[order]
    save_table(test_set.folder / "other.tsv", table)
    save_table(test_set.folder / "other_scores.tsv", table.assign(ssim=0.5))
    others = {
        "others": [test_set.folder / "other.npy"],
        "other_tables": [test_set.folder / "other.tsv"],
        "other_scores": [test_set.folder / "other_scores.tsv"],
    }
    videos, manifest = run(variants=["window-1"], **others)
    assert len(manifest) == 2 * 14 + 1
    page = (videos / "index.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
    clip = data["clips"][14]
    assert clip["file"] == "window-1_test1_0000.mp4"
    assert clip["variant"] == "window-1"
    assert clip["caption"] == "test1 shows clip 0"
    assert clip["scores"] == [0.5]
    with pytest.raises(InputError, match=r"0 variants \(\), 1 reconstructions"):
        run(**others)


def test_missing_captions_are_named(run, test_set):
    with pytest.raises(InputError, match="8 clips have no caption, first test1 7"):
        run(scenes=test_set.scenes[1:])
