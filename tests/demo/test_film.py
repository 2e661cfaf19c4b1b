"""Films: the same twice, cuts where the table says, and test films of their own."""

from __future__ import annotations

import csv
import itertools

import imageio_ffmpeg
import numpy as np
import pytest

from mindvideo.demo import film, grammar
from mindvideo.demo.world import render
from mindvideo.settings import DemoFilmSettings
from mindvideo.stages import demo_film

TRAIN = [film.script(2023, "train", f"seg{i}", 64) for i in range(1, 19)]
TEST = [film.script(2023, "test", f"test{i}", 48) for i in range(1, 6)]


def test_a_script_follows_from_seed_split_and_segment() -> None:
    assert film.script(2023, "train", "seg1", 64) == TRAIN[0]
    assert film.script(2024, "train", "seg1", 64) != TRAIN[0]
    assert film.script(2023, "test", "seg1", 64) != TRAIN[0]
    assert TRAIN[0] != TRAIN[1]


@pytest.mark.parametrize("seconds", [2.0, 5.0, 48.0, 63.5])
def test_shots_fill_the_film_without_gaps(seconds: float) -> None:
    for seed in range(20):
        takes = film.script(seed, "train", "seg1", seconds)
        assert takes[0].start == 0
        assert takes[-1].end == seconds
        for one, following in itertools.pairwise(takes):
            assert one.end == following.start
        for take in takes:
            assert min(2.0, seconds) <= take.end - take.start <= 8.0 + film.CLIP_SECONDS


def test_a_tenth_to_a_fifth_of_the_clips_have_a_cut_inside() -> None:
    cuts = [take.end for takes in TRAIN for take in takes[:-1]]
    inside = sum(0.5 < cut % film.CLIP_SECONDS < 1.5 for cut in cuts)
    assert inside == sum(cut % film.CLIP_SECONDS > 1e-9 for cut in cuts)
    assert 0.1 <= inside / (18 * 32) <= 0.2


def test_test_films_share_no_shot_with_training() -> None:
    def content(takes: list[film.Take]) -> set[tuple]:
        shots = (take.shot for take in takes)
        return {(s.kind, s.colour, s.scene, s.time, s.motion) for s in shots}

    seen = set().union(*(content(takes) for takes in TRAIN))
    assert not any(seen & content(takes) for takes in TEST)


def test_training_shows_every_kind_colour_scene_and_motion_often() -> None:
    shots = [take.shot for takes in TRAIN for take in takes]
    for name in ("kind", "colour", "scene", "time", "motion"):
        _, counts = np.unique([getattr(shot, name) for shot in shots], return_counts=True)
        assert counts.min() >= 8


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
    assert [float(row["start"]) for row in rows] == [take.start for take in takes]
    assert [row["caption"] for row in rows] == [grammar.caption(take.shot) for take in takes]
    assert [int(row["seed"]) for row in rows] == [take.shot.seed for take in takes]

    reader = imageio_ffmpeg.read_frames(str(path))
    next(reader)
    decoded = np.stack([np.frombuffer(f, np.uint8).reshape(64, 64, 3) for f in reader])
    drawn = np.stack(list(film.frames(takes, settings.fps, 64)))
    assert np.abs(decoded.astype(int) - drawn).mean() < 6
    # The frame on a cut is the new shot's first.
    for take in takes:
        first = render(take.shot, 0.0, 64)
        np.testing.assert_array_equal(drawn[round(take.start * settings.fps)], first)
