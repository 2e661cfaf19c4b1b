"""``mindvideo score-folder FOLDER``, as a person types it; networks have their own tests."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mindvideo.cli import main
from mindvideo.io.tables import load_table
from mindvideo.metrics.pixel import ssim

NO_NETWORKS = [
    *("--image-classifier", "none", "--video-classifier", "none", "--clip", "none"),
]


def save_gif(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=333, loop=0)


@pytest.fixture
def films():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, (6, 3, 4, 4, 3)).astype(np.uint8) * 51
    truth = truth.repeat(4, axis=2).repeat(4, axis=3)
    made = np.where(rng.random(truth.shape[:-1])[..., None] < 0.9, truth, 0).astype(np.uint8)
    return truth, made


@pytest.fixture
def pairs(tmp_path, films):
    """Side by side as released."""
    truth, made = films
    for i, (a, b) in enumerate(zip(truth, made)):
        both = np.zeros((3, 20, 38, 3), np.uint8)
        both[:, 2:18, 2:18], both[:, 2:18, 20:36] = a, b
        save_gif(tmp_path / "pairs" / f"{i}.gif", both)
    return tmp_path / "pairs"


@pytest.fixture
def score(tmp_path, capsys):
    def run(folder, *options):
        to = ("--to", str(tmp_path / "out"))
        status = main(["score-folder", str(folder), *to, *NO_NETWORKS, *options])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def test_released_gifs_get_a_table_and_a_gallery(score, pairs, films, tmp_path, caplog):
    status, said = score(pairs)
    assert status == 0, said
    metrics = load_table(tmp_path / "out/metrics.tsv").set_index("metric")
    truth, made = films
    assert metrics.loc["ssim", "value"] == pytest.approx(ssim(truth, made).mean(), abs=1e-9)
    # One segment of 6 clips has 6 circular shifts.
    assert (metrics["p_min"] == 1 / 6).all()
    assert (metrics["p"] >= 1 / 6).all()
    assert re.search(r"null_mean +p +p_holm +p_min\n", said)
    assert re.search(r"ssim +6 .* 0\.17 +1 +0\.17\n", said)
    assert "p cannot be below 0.17" in caplog.text
    assert metrics.loc["ssim", "n_clips"] == 6
    assert "identification_video" not in metrics.index
    assert load_table(tmp_path / "out/per_clip.tsv")["clip"].tolist() == list(range(6))
    page = (tmp_path / "out/videos/index.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
    assert len(data["clips"]) == 6
    assert (tmp_path / "out/videos/clips_0003.mp4").is_file()
    assert "ssim" in said
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.suffix != ".json") == [
        *("metrics.tsv", "per_clip.tsv", "videos", "videos.tsv"),
    ]


def test_ground_truth_of_a_folder_of_its_own_gives_the_same(score, pairs, films, tmp_path):
    score(pairs)
    first = load_table(tmp_path / "out/per_clip.tsv")
    truth, made = films
    np.save(tmp_path / "clips.npy", truth)
    (tmp_path / "truth").mkdir()
    (tmp_path / "clips.npy").rename(tmp_path / "truth/clips.npy")
    for i, frames in enumerate(made):
        save_gif(tmp_path / "made" / f"{i}.gif", frames)
    (tmp_path / "out").rename(tmp_path / "before")
    status, said = score(tmp_path / "made", "--truth", str(tmp_path / "truth"))
    assert status == 0, said
    assert load_table(tmp_path / "out/per_clip.tsv").equals(first)


def rename(folder, pattern):
    for i in range(6):
        (folder / f"{i}.gif").rename(folder / f"{pattern.format(i)}.gif")


def test_copies_of_a_notebook_change_nothing(score, pairs, tmp_path):
    for folder in (".ipynb_checkpoints", "__MACOSX"):
        shutil.copytree(pairs, tmp_path / "copies" / folder)
    shutil.copytree(tmp_path / "copies", pairs, dirs_exist_ok=True)
    status, said = score(pairs)
    assert status == 0, said
    assert said.startswith("6 clips of 1 segments\n")
    assert load_table(tmp_path / "out/per_clip.tsv")["segment"].tolist() == ["clips"] * 6


def test_names_that_end_in_a_seed_are_refused_with_what_to_say(score, pairs, tmp_path):
    """Else each clip would be a segment of its own, and no metric had a p."""
    status, _ = score(pairs)
    before = load_table(tmp_path / "out/metrics.tsv")
    (tmp_path / "out").rename(tmp_path / "before")
    rename(pairs, "test1_{:04d}_seed42")
    status, said = score(pairs)
    assert status == 1
    assert "6 segments, each of 1 clip (test1_0000_seed 42, test1_0001_seed 42, " in said
    assert "there would be none" in said
    advised = re.search(r"--names '([^']*)'", said)[1]
    assert advised == "{segment}_{clip}_seed*"
    status, said = score(pairs, "--names", advised)
    assert status == 0, said
    metrics = load_table(tmp_path / "out/metrics.tsv")
    assert metrics["p"].notna().any()
    pd.testing.assert_frame_equal(metrics, before)
    assert (tmp_path / "out/videos/test1_0003.mp4").is_file()


def test_segments_of_one_clip_are_scored_if_so_said_and_reported_of(score, pairs, tmp_path):
    for i, name in enumerate(["cat", "dog", "fox", "hen", "owl", "pig"]):
        (pairs / f"{i}.gif").rename(pairs / f"{name}_1.gif")
    status, said = score(pairs)
    assert status == 1
    assert "use --names '{segment}_{clip}'" in said
    status, said = score(pairs, "--names", "{segment}_{clip}")
    assert status == 0, said
    assert "only clips of their segments, left out of nulls and p: cat 1, dog 1" in said


def test_several_seeds_of_a_clip_are_asked_about(score, pairs, films, tmp_path):
    rename(pairs, "test1_{}_seed1")
    for i in range(6):
        shutil.copy(pairs / f"test1_{i}_seed1.gif", pairs / f"test1_{i}_seed2.gif")
    status, said = score(pairs)
    assert "warning" in said
    assert "6 segments, each of up to 2 clips (test1_0_seed 1, " in said
    assert "--names '{segment}_{clip}_seed*'" in said
    (tmp_path / "out").rename(tmp_path / "before")
    status, said = score(pairs, "--names", "{segment}_{clip}_seed2")
    assert status == 0, said
    assert load_table(tmp_path / "out/per_clip.tsv")["segment"].tolist() == ["test1"] * 6


def test_the_ground_truth_may_have_names_of_its_own(score, pairs, films, tmp_path):
    score(pairs)
    before = load_table(tmp_path / "out/per_clip.tsv")
    (tmp_path / "out").rename(tmp_path / "before")
    for i, (truth, made) in enumerate(zip(*films)):
        save_gif(tmp_path / f"truth/{i:04d}_film.gif", truth)
        save_gif(tmp_path / f"made/{i}_seed42.gif", made)
    folders = [tmp_path / "made", "--truth", str(tmp_path / "truth")]
    names = ["--names", "{clip}_seed*", "--truth-names", "{clip}_film"]
    status, said = score(*folders, *names)
    assert status == 0, said
    assert load_table(tmp_path / "out/per_clip.tsv").equals(before)


def test_missing_clips_are_listed_and_only_left_out_if_asked(score, pairs, tmp_path):
    (pairs / "2.gif").unlink()
    (pairs / "4.gif").unlink()
    status, said = score(pairs)
    assert status == 1
    assert "2 clips are missing: clips 2, clips 4; --partial scores the 4" in said
    assert not (tmp_path / "out").exists()
    status, said = score(pairs, "--partial")
    assert status == 0, said
    assert "warning" in said
    assert load_table(tmp_path / "out/per_clip.tsv")["clip"].tolist() == [0, 1, 3, 5]


def test_all_that_does_not_fit_is_named_at_once(score, pairs, films, tmp_path):
    (pairs / "1.gif").write_bytes(b"GIF89a")
    save_gif(pairs / "3.gif", np.zeros((3, 20, 30, 3), np.uint8))
    both = np.zeros((2, 20, 38, 3), np.uint8)
    both[:, 5:9] = np.arange(38)[:, None] * 5
    save_gif(pairs / "4.gif", both + np.array([0, 9]).reshape(2, 1, 1, 1).astype(np.uint8))
    status, said = score(pairs)
    assert status == 1
    assert "1.gif: cannot be read" in said
    assert "3.gif: 30 × 20 px is not a pair of squares side by side" in said
    assert "clips 4: ground truth has (frames, height, width) (2, 16, 16), but" in said
    (pairs / "1.gif").unlink()
    (pairs / "3.gif").unlink()
    status, said = score(pairs, "--frames", "2", "--size", "12", "--partial")
    assert status == 0, said


def test_black_frames_are_reported(score, pairs, films, tmp_path):
    both = np.zeros((3, 20, 38, 3), np.uint8)
    both[:, 2:18, 2:18] = films[0][0]
    both[:, 0, 0] = np.arange(3)[:, None] * 40  # a GIF joins frames that are the same
    save_gif(pairs / "0.gif", both)
    status, said = score(pairs)
    assert status == 0, said
    assert "warning: a reconstruction has a frame of a single colour: clips 0\n" in said
    assert np.isfinite(load_table(tmp_path / "out/per_clip.tsv")["hue_cosine"]).all()


def test_ground_truth_that_is_not_there_is_named(score, pairs, films, tmp_path):
    for i, frames in enumerate(films[0][:4]):
        save_gif(tmp_path / "truth" / f"{i}.gif", frames)
    status, said = score(pairs, "--truth", str(tmp_path / "truth"))
    assert status == 1
    assert "no ground truth for 2 clips: clips 4–5; it has clips 0–3" in said


def test_results_are_not_overwritten(score, pairs, tmp_path):
    (tmp_path / "out").mkdir()
    status, said = score(pairs)
    assert status == 1
    assert "already exists" in said
