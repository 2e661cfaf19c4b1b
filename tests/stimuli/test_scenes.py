"""Cuts of a film, and the caption of a clip from the captions of its frames."""

import numpy as np
import pytest

from mindvideo.stimuli.scenes import (
    common_words,
    cuts_of_captions,
    cuts_of_pictures,
    join_captions,
    main_scene,
    number_scenes,
)

WAVE = "a man riding a wave"
BOARD = "a man riding a surfboard on a wave"
DOG = "a dog runs in the snow"


@pytest.mark.parametrize(
    ("a", "b", "fraction"),
    [
        (WAVE, WAVE, 1),
        (WAVE, BOARD, 3 / 4),  # man riding wave | surfboard
        ("a dog in a forest", "a bird in a forest", 1 / 3),
        (WAVE, DOG, 0),
        ("Dog, running!", "running dog", 1),
        ("a", "the", 1),
        ("", "dog", 0),
    ],
)
def test_stop_words_are_ignored(a, b, fraction):
    assert common_words(a, b) == pytest.approx(fraction)
    assert common_words(b, a) == pytest.approx(fraction)


def places(cuts):
    return np.flatnonzero(cuts).tolist()


def test_captions_are_cut_where_they_change():
    assert places(cuts_of_captions([WAVE, BOARD, WAVE, DOG, DOG, WAVE, WAVE], 0.6)) == [3, 5]
    assert places(cuts_of_captions([WAVE, WAVE, DOG], 0.6)) == [2]  # in the last frame, too
    assert places(cuts_of_captions([DOG], 0.6)) == []


def test_one_error_of_the_captioner_is_no_cut():
    captions = [WAVE, DOG, WAVE, WAVE, "a phone", "a cat", DOG]
    assert places(cuts_of_captions(captions, 0.6)) == [4, 5, 6]


def test_pictures_are_cut_before_the_first_frame_that_shows_it():
    times = np.array([0.0, 0.5, 1 / 3, 1.01, 1.9, 5.0])
    scores = np.array([50, 7.9, 50, 50, 8, 50])
    cuts = cuts_of_pictures(times, scores, threshold=8, fps=3, n_frames=12)
    assert places(cuts) == [1, 4, 6]  # not the film's start, nor what comes after the clips


def flags(*places, n=10):
    return np.isin(np.arange(n), places)


@pytest.mark.parametrize(
    ("pictures", "captions", "scenes"),
    [
        ((), (), [0] * 10),
        ((4,), (), [0] * 4 + [1] * 6),
        ((), (4,), [0] * 4 + [1] * 6),
        ((4,), (4,), [0] * 4 + [1] * 6),
        ((4,), (5,), [0] * 4 + [1] * 6),  # the caption is late
        ((4,), (3,), [0] * 4 + [1] * 6),  # or early
        ((4,), (7,), [0] * 4 + [1] * 3 + [2] * 3),
        ((4, 5), (), [0] * 4 + [1] + [2] * 5),
        ((9,), (1,), [0] + [1] * 8 + [2]),
    ],
)
def test_scenes_are_numbered_from_both_kinds_of_cuts(pictures, captions, scenes):
    assert number_scenes(flags(*pictures), flags(*captions)).tolist() == scenes


def test_a_clip_is_of_the_scene_of_most_of_its_frames():
    assert main_scene([3, 3, 4, 4, 4, 4]) == 4
    assert main_scene(np.array([3, 3, 3, 4, 4, 4])) == 3


DARK = "a dog runs through the snow at night"  # shares 3 of 5 words with DOG


@pytest.mark.parametrize(
    ("captions", "scenes", "joined"),
    [
        # within a scene: the most common caption; of equally common ones the earliest
        ([WAVE, BOARD, BOARD, WAVE, BOARD], [4, 4, 4, 4, 4], BOARD),
        ([WAVE, BOARD], [0, 0], WAVE),
        # an error of the captioner is outvoted
        ([WAVE, BOARD, BOARD, DOG], [4, 4, 4, 4], BOARD),
        # a cut that changes the caption
        ([WAVE, BOARD, BOARD, DOG], [0, 0, 0, 1], f"{BOARD} Then {DOG}"),
        ([WAVE, DOG, DOG, DOG], [0, 1, 1, 1], f"{WAVE} Then {DOG}"),
        # a cut that does not: the same words, or nearly the same ones, are said once
        ([WAVE, WAVE, WAVE, WAVE], [0, 0, 1, 1], WAVE),
        ([WAVE, WAVE, BOARD, BOARD, BOARD], [0, 0, 1, 1, 1], BOARD),
        ([WAVE, BOARD, BOARD, WAVE, WAVE], [0, 0, 0, 1, 1], WAVE),
        ([DOG, DOG, DARK, DARK], [0, 0, 1, 1], DOG),
        # there and back: said once
        ([WAVE, DOG, WAVE], [0, 1, 2], f"{WAVE} Then {DOG}"),
        ([WAVE, DOG, BOARD, BOARD], [0, 1, 2, 2], f"{BOARD} Then {DOG}"),
        # three scenes in two seconds
        ([WAVE, DOG, "a phone"], [5, 6, 7], f"{WAVE} Then {DOG} Then a phone"),
        # no words at all
        (["", "", ""], [0, 0, 1], ""),
    ],
)
def test_captions_of_a_clip(captions, scenes, joined):
    assert join_captions(captions, scenes, 0.6) == joined
    assert join_captions(captions, np.array(scenes), 0.6) == joined
