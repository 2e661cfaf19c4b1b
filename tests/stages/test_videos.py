import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mindvideo.errors import InputError
from mindvideo.io.films import stream_frames
from mindvideo.io.sidecars import sidecar_path
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings.evaluation import VideoSettings
from mindvideo.stages import videos as stage

MODELS = ["sub1", "sub1/variants/shuffled", "sub2", "sub2/variants/shuffled"]


def data_of(videos):
    page = (videos / "index.html").read_text()
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))


@pytest.fixture
def run(test_set):
    scores = pd.DataFrame(test_set.rows, columns=["segment", "clip"])
    scores["ssim"] = [*np.linspace(0, 1, 13), np.nan]
    save_table(test_set.folder / "per_clip.tsv", scores)
    numbers = {"value": 0.5, "ci_low": 0.4, "ci_high": 0.6, "chance": np.nan, "null_mean": 0.3}
    text = {"metric": "ssim", "definition": "likeness", "better": "higher"}
    summary = pd.DataFrame([text | numbers | {"p": 0.02, "p_min": 0.01}])
    save_table(test_set.folder / "metrics.tsv", summary)

    def main(variants=(), control="", note="", **changed):
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
        settings = VideoSettings(
            **{"fps": 3, "title": "A test", "dataset": "tiny", "variants": list(variants)},
            **{"models": MODELS, "control": control, "note": note},
        )
        shutil.rmtree(videos, ignore_errors=True)
        stage.main(**inputs, videos=videos, manifest=manifest, settings=settings)
        return videos, load_table(manifest)

    return main


def test_one_video_a_clip_and_a_page(run, test_set):
    videos, manifest = run()
    names = [f"{segment}_{clip:04d}.mp4" for segment, clip in test_set.rows]
    posters = [f"posters/{Path(name).stem}.webp" for name in names]
    both = [file for pair in zip(names, posters) for file in pair]
    assert manifest["file"].tolist() == [*both, "index.html", "summary.js"]
    files = [str(path.relative_to(videos)) for path in videos.rglob("*") if path.is_file()]
    assert sorted(files) == sorted(manifest["file"])
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
    data = data_of(videos)
    assert data["clips"][1] == {
        "id": "test2-1",
        "segment": "test2",
        "clip": 1,
        "seconds": 1.0,
        "caption": "test2 shows clip 1",
        "scene": 1,
        "models": {"": [0.0833]},
    }
    assert data["clips"][-1]["models"] == {"": [None]}
    assert data["metrics"][0]["tick"] == 0.3
    assert data["metrics"][0]["tick_is"] == "mean of the permutation null"


def test_posters_are_the_middle_frames(run, test_set):
    videos, _ = run()
    poster = np.asarray(Image.open(videos / "posters/test2_0002.webp").convert("RGB"))
    assert poster.shape == (128, 260, 3)
    halves = [poster[:, :128].mean((0, 1)), poster[:, 132:].mean((0, 1))]
    expected = [c[2][1].mean((0, 1)) for c in (test_set.films["test2"], test_set.reconstructed)]
    np.testing.assert_allclose(halves, expected, atol=8)


def test_the_same_inputs_give_the_same_bytes(run):
    assert run(model="sub1")[1].equals(run(model="sub1")[1])


def test_the_page_names_subject_data_set_date_configuration_and_model(run, test_set):
    started = {"stage": "reconstruct", "started": "2026-01-31T23:59:00+00:00"}
    sidecar_path(test_set.reconstructions).write_text(json.dumps(started))
    for model, name in (("sub2", "full model"), ("sub2/variants/shuffled", "shuffled")):
        videos, _ = run(model=model, configuration="config/mine.yaml")
        title = re.search("<title>(.*)</title>", (videos / "index.html").read_text())[1]
        assert title == f"sub2 · {name} · tiny · config/mine.yaml · 2026-01-31 · A test"


def test_the_page_looks_for_other_models_and_the_control(run):
    videos, _ = run(model="sub1", control="shuffled")
    page = (videos / "index.html").read_text()
    assert "snakemake --cores all results/sub1/variants/shuffled/videos" in page
    folders = [(other["label"], other["folder"]) for other in data_of(videos)["others"]]
    assert folders == [
        ("shuffled", "../../sub1/variants/shuffled/videos/"),
        ("sub2", "../../sub2/videos/"),
    ]
    assert (videos / "summary.js").read_text() == (
        'mindvideoSummary({"name": "sub1", "means": {"ssim": "0.500"}});\n'
    )
    videos, _ = run(model="sub1", control="shuffled", configuration="a.yaml, b.yaml")
    command = "snakemake --cores all --configfile a.yaml b.yaml -- results/sub1/variants/shuffled/"
    assert command in (videos / "index.html").read_text()
    page = (run(model="sub1/variants/shuffled", control="shuffled")[0] / "index.html").read_text()
    assert ">Full model</th>" in page
    assert ">Control</th>" not in page


def test_a_note_stands_at_the_top_of_the_page(run):
    videos, _ = run(model="sub1", note="A small <part> of it.")
    assert '<p class="note">A small &lt;part&gt; of it.</p>' in (videos / "index.html").read_text()
    assert 'class="note"' not in (run(model="sub1")[0] / "index.html").read_text()


def test_clips_of_another_method_have_no_other_models(run):
    videos, _ = run()
    assert data_of(videos)["others"] == []
    title = re.search("<title>(.*)</title>", (videos / "index.html").read_text())[1]
    assert title == "tiny · A test"


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
    assert len(manifest) == 2 * 2 * 14 + 2
    data = data_of(videos)
    assert data["models"] == ["", "window-1"]
    assert len(data["clips"]) == 14
    clip = next(clip for clip in data["clips"] if clip["id"] == "test1-0")
    assert clip["models"] == {"": [None], "window-1": [0.5]}
    for file in ("window-1_test1_0000.mp4", "posters/window-1_test1_0000.webp"):
        assert (videos / file).is_file()
    with pytest.raises(InputError, match=r"0 variants \(\), 1 reconstructions"):
        run(**others)


def test_missing_captions_are_named(run, test_set):
    with pytest.raises(InputError, match="8 clips have no caption, first test1 7"):
        run(scenes=test_set.scenes[1:])
