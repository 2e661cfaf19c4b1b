"""Films: the same twice, cuts where the table says, and test films of their own."""

from __future__ import annotations

import csv
import itertools

import imageio_ffmpeg
import numpy as np
import pytest

from mindvideo.demo import film, grammar
from mindvideo.demo.world import render
from mindvideo.settings.demo import DemoFilmSettings
from mindvideo.stages import demo_film

TRAIN = [film.script(2023, "train", f"seg{i}", 96) for i in range(1, 19)]
TEST = [film.script(2023, "test", f"test{i}", 48) for i in range(1, 6)]


def test_a_script_follows_from_seed_split_and_segment() -> None:
    assert film.script(2023, "train", "seg1", 96) == TRAIN[0]
    assert film.script(2024, "train", "seg1", 96) != TRAIN[0]
    assert film.script(2023, "test", "seg1", 96) != TRAIN[0]
    assert TRAIN[0] != TRAIN[1]


@pytest.mark.parametrize("seconds", [2.0, 5.0, 48.0, 63.5])
def test_shots_of_one_to_eight_seconds_fill_the_film_without_gaps(seconds: float) -> None:
    for seed in range(50):
        takes = film.script(seed, "train", "seg1", seconds)
        assert takes[0].start == 0
        assert takes[-1].end == seconds
        for one, following in itertools.pairwise(takes):
            assert one.end == following.start
        for take in takes:
            assert 1 - 1e-9 <= take.end - take.start <= 8 + 1e-9
            assert take.shot.seconds == pytest.approx(take.end - take.start, abs=1e-3)


def test_a_tenth_to_a_fifth_of_the_clips_have_a_cut_inside() -> None:
    cuts = [take.end for takes in TRAIN for take in takes[:-1]]
    inside = sum(0.5 < cut % film.CLIP_SECONDS < 1.5 for cut in cuts)
    assert 0.1 <= inside / (18 * 48) <= 0.2
    # The others lie between two clips, or nearly so.
    for cut in cuts:
        to_border = abs(cut / film.CLIP_SECONDS - round(cut / film.CLIP_SECONDS))
        assert to_border < 0.2 or to_border > 0.3


def test_no_shot_is_in_two_films() -> None:
    shots = [take.shot for takes in (*TRAIN, *TEST) for take in takes]
    assert len(set(shots)) == len(shots)


def test_test_films_show_combinations_that_training_films_lack() -> None:
    def content(films: list[list[film.Take]], unseen: bool) -> set[tuple]:
        shots = (take.shot for takes in films for take in takes)
        return {(s.kind, s.scene, s.motion) for s in shots if s.unseen == unseen}

    assert not content(TRAIN, unseen=True)
    assert content(TEST, unseen=True)
    assert not content(TRAIN, unseen=False) & content(TEST, unseen=True)
    # Only the combination is new: each of its parts occurs in training.
    trained = content(TRAIN, unseen=False)
    for new in content(TEST, unseen=True):
        assert all(new[i] in {combination[i] for combination in trained} for i in range(3))
    shots = [take.shot for i in range(60) for take in film.script(i, "test", "test1", 48)]
    assert np.mean([shot.unseen for shot in shots]) == pytest.approx(0.5, abs=0.06)


def test_training_shows_every_kind_colour_scene_time_and_motion_often() -> None:
    shots = [take.shot for takes in TRAIN for take in takes]
    n_values = {"kind": 24, "colour": 6, "scene": 8, "time": 3, "motion": 8, "family": 4}
    for name, n in n_values.items():
        _, counts = np.unique([getattr(shot, name) for shot in shots], return_counts=True)
        assert len(counts) == n
        assert counts.min() >= 0.5 * len(shots) / n


def test_the_stage_writes_film_and_table(tmp_path) -> None:
    settings = DemoFilmSettings(split="test", seconds=8, size=64)
    path, table = tmp_path / "test1.mp4", tmp_path / "test1.tsv"
    demo_film.main(segment="test1", film=path, shots=table, settings=settings)
    n_frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert (n_frames, seconds) == (240, pytest.approx(8))

    takes = film.script(settings.seed, "test", "test1", 8)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [tuple(row) for row in rows[:1]] == [film.COLUMNS]
    assert len(rows) == len(takes)
    for row, take in zip(rows, takes, strict=True):
        shot = take.shot
        assert (float(row["start"]), float(row["end"])) == (take.start, take.end)
        for name in ("kind", "family", "colour", "scene", "time", "motion", "facing"):
            assert row[name] == getattr(shot, name)
        for name in ("x0", "y0", "x1", "y1", "size0", "size1", "camera0", "camera1"):
            assert float(row[name]) == pytest.approx(getattr(shot, name), abs=1e-5)
        assert (int(row["seed"]), bool(int(row["unseen"]))) == (shot.seed, shot.unseen)
        assert row["caption"] == grammar.caption(shot)

    reader = imageio_ffmpeg.read_frames(str(path))
    next(reader)
    decoded = np.stack([np.frombuffer(f, np.uint8).reshape(64, 64, 3) for f in reader])
    frames = np.stack(list(film.frames(takes, settings.fps, 64)))
    assert np.abs(decoded.astype(int) - frames).mean() < 6
    # The frame on a cut is the new shot's first.
    for take in takes:
        first = render(take.shot, 0.0, 64)
        np.testing.assert_array_equal(frames[round(take.start * settings.fps)], first)
