"""Films cut into several segments: each has the clips of the whole film at its own times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips
from mindvideo.io.films import cut_clips, stream_frames, write_video
from mindvideo.io.probe import probe
from mindvideo.io.shots import describe_clips
from mindvideo.settings.stimuli import ClipSettings
from mindvideo.stages import clips as stage

RATE, SECONDS = 25, 24
CUTS = (3.2, 9.0, 14.6, 19.4)
"""Times of the film's cuts [s]."""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """24 s in which a bar moves by a pixel with each picture, and all brightens at cuts."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    times = np.arange(RATE * SECONDS) / RATE
    shot = np.searchsorted(CUTS, times + 1e-6, side="right")
    frames = np.broadcast_to(50 * shot[:, None, None, None], (len(times), 32, 32, 3)).copy()
    for number, frame in enumerate(frames):
        frame[:, (number + np.arange(3)) % 32] += 40
    write_video(path, frames.astype(np.uint8), fps=RATE, quality=5)
    return path


def cut(film, folder, **settings):
    changes = cut_clips(film, folder / "clips.npy", **{"size": 16} | settings)
    return np.array(load_clips(folder / "clips.npy")), changes


@pytest.mark.parametrize(("start", "n_clips"), [(2.0, 3), (8.0, 8), (16.0, 4)])
def test_a_segment_has_the_clips_of_the_whole_film(film, tmp_path, start, n_clips):
    settings = {"seconds": 2.0, "fps": 3}
    whole, all_changes = cut(film, tmp_path, **settings, n_clips=12)
    part, changes = cut(film, tmp_path, **settings, n_clips=n_clips, start=start)
    first = round(start / 2)
    np.testing.assert_array_equal(part, whole[first : first + n_clips])
    inside = all_changes["time"].between(start + 0.01, start + 2 * n_clips - 0.01)
    shifted = all_changes[inside].assign(time=lambda t: t["time"] - start)
    np.testing.assert_allclose(changes[["time", "score"]], shifted, atol=2e-3)
    cuts = [time - start for time in CUTS if start < time < start + 2 * n_clips]
    np.testing.assert_allclose(changes["time"][changes["score"] > 4], cuts, atol=1 / RATE + 1e-3)


@pytest.mark.parametrize("start", [0.37, 2.04, 7.99, 13.3])
def test_frames_of_a_start_between_pictures_are_those_on_screen(film, start):
    """Frame k is the picture that had last appeared by `start` + k / fps."""
    frames = list(stream_frames(film, fps=7, size=16, seconds=4, start=start))[:28]
    every = np.stack(list(stream_frames(film, fps=RATE, size=16)))
    shown = np.floor((start + np.arange(len(frames)) / 7) * RATE + 1e-6).astype(int)
    assert len(np.unique(every, axis=0)) > 100
    np.testing.assert_array_equal(np.stack(frames), every[shown])


def test_a_segment_beyond_the_end_of_its_film_is_named(film, tmp_path):
    assert probe(film).fault(4, 2, 3, 16.0) is None
    said = r"film\.mp4: the film ends after 24\.00 s, 5 clips of 2 s from 16 s on need 26 s"
    with pytest.raises(InputError, match=said):
        cut(film, tmp_path, seconds=2, fps=3, n_clips=5, start=16.0)


def test_the_stage_cuts_from_its_start(film, tmp_path):
    settings = ClipSettings(fps=3, size=16, seconds=1.49, frames=6, start=7.4, n_clips=5)
    settings = settings.model_copy(update={"fps": 6 / 1.49})
    outputs = {"clips": tmp_path / "seg.npy", "changes": tmp_path / "seg.tsv"}
    stage.main(film=film, **outputs, settings=settings)
    clips = load_clips(outputs["clips"])
    assert clips.shape == (5, 6, 16, 16, 3)
    every = np.stack(list(stream_frames(film, fps=RATE, size=16)))
    shown = np.floor((7.4 + np.arange(30) * 1.49 / 6) * RATE + 1e-6).astype(int)
    np.testing.assert_array_equal(clips.reshape(30, 16, 16, 3), every[shown])


def test_shots_are_those_of_the_segments_part_of_the_film():
    shots = pd.DataFrame({"start": [0, 9], "end": [9, 24], "what": ["dog", "boat"]})
    tables = {"a": shots, "b": shots}
    listing = pd.DataFrame({"segment": ["a"] * 2 + ["b"] * 3, "clip": [0, 1, 0, 1, 2]})
    described = describe_clips(listing, tables, seconds=2, starts={"b": 7.0})
    assert described["what"].tolist() == ["dog", "dog", "dog", "boat", "boat"]
    with pytest.raises(InputError, match=r"b: no shot during clip 0 \(30 to 32 s of the film\)"):
        describe_clips(listing[2:], tables, seconds=2, starts={"b": 30.0})
