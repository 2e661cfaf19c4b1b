"""The film world: determinism, what differs from what, and what captions may say."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from mindvideo.demo import grammar, world


def _shots(seed: int, n: int, split: str | None = None) -> list[world.Shot]:
    rng = np.random.default_rng(seed)
    return [world.draw_shot(rng, 4.0, split) for _ in range(n)]


def test_a_shot_is_drawn_alike_every_time() -> None:
    first, again = _shots(0, 5), _shots(0, 5)
    assert first == again
    world._background.cache_clear()
    frames = [world.render(shot, 1.3, 64) for shot in first]
    world._background.cache_clear()
    for frame, shot in zip(frames, again, strict=True):
        assert frame.shape == (64, 64, 3)
        assert frame.dtype == np.uint8
        np.testing.assert_array_equal(frame, world.render(shot, 1.3, 64))


@pytest.mark.parametrize("name", ["kind", "colour", "scene", "time", "facing"])
def test_each_property_is_seen(name: str) -> None:
    """Changing one property alone changes the picture, for every pair of its values."""
    options: tuple[str, ...] = {
        "kind": world.KINDS,
        "colour": world.COLOURS,
        "scene": world.SCENES,
        "time": world.TIMES,
        "facing": ("left", "right"),
    }[name]
    shot = replace(_shots(1, 1)[0], motion="still", kind="dog", colour="red", scene="beach")
    frames = [world.render(replace(shot, **{name: o}), 1.0, 64).astype(int) for o in options]
    for one, other in combinations(frames, 2):
        changed = (np.abs(one - other).max(axis=-1) > 20).mean()
        assert changed > 0.02


def test_subjects_are_large_and_stay_in_the_frame() -> None:
    for shot in _shots(2, 300):
        for seconds in (0.0, 2.0, 4.0):
            x, y, size = shot.place(seconds)
            assert 0.1 < x < 0.9
            assert 0.1 < y < 0.95
            assert 0.4 < size < 0.9


@pytest.mark.parametrize(
    ("motion", "index", "sign"),
    [("left", 0, -1), ("right", 0, 1), ("towards", 2, 1), ("away", 2, -1), ("still", 0, 0)],
)
def test_motions_move_the_subject_as_they_say(motion: str, index: int, sign: int) -> None:
    shots = [shot for shot in _shots(3, 300) if shot.motion == motion]
    assert len(shots) > 20
    for shot in shots:
        change = shot.place(3.0)[index] - shot.place(1.0)[index]
        assert np.sign(change) == sign
        if motion in ("left", "right"):
            assert shot.facing == motion
            assert abs(change) > 0.1


def test_splits_share_no_combination_yet_training_shows_every_pair() -> None:
    properties = (world.KINDS, world.COLOURS, world.SCENES, world.TIMES, world.MOTIONS)
    held_out = [world.is_held_out(*combination) for combination in product(*properties)]
    assert 0.15 < np.mean(held_out) < 0.25
    train = [c for c, out in zip(product(*properties), held_out, strict=True) if not out]
    for i, j in combinations(range(5), 2):
        seen = {(combination[i], combination[j]) for combination in train}
        assert len(seen) == len(properties[i]) * len(properties[j])
    for shot in _shots(4, 100, "test"):
        assert world.is_held_out(shot.kind, shot.colour, shot.scene, shot.time, shot.motion)
    for shot in _shots(4, 100, "train"):
        assert not world.is_held_out(shot.kind, shot.colour, shot.scene, shot.time, shot.motion)


def test_captions_are_short_and_use_the_vocabulary_only() -> None:
    words, rng = set(grammar.vocabulary()), np.random.default_rng(5)
    assert len(words) <= 120
    assert "then" in words
    for shot in _shots(5, 500):
        for text in (grammar.caption(shot), grammar.frame_caption(shot)):
            assert set(text.split()) <= words
            assert len(text.split()) <= grammar.MAX_WORDS
            assert {shot.colour, shot.kind, *grammar.PLACES[shot.scene].split()} <= set(
                text.split()
            )
        assert set(grammar.draw_caption(rng, shot).split()) <= words


def test_a_still_frames_caption_claims_no_motion_that_it_cannot_show() -> None:
    by_motion = {shot.motion: shot for shot in _shots(6, 100)}
    still = {
        grammar.frame_caption(replace(by_motion[m], kind="dog", colour="red", scene="sea"))
        .removesuffix(" at night")
        .removesuffix(" at sunset")
        for m in ("towards", "away", "still")
    }
    assert still == {"a red dog at the sea"}
    assert "left" in grammar.frame_caption(by_motion["left"])


def test_labels_of_classifiers_are_distinct() -> None:
    for labels, n in ((grammar.labels_of_frames(), 72), (grammar.labels_of_clips(), 60)):
        assert len(set(labels)) == len(labels) == n
    shot = _shots(7, 1)[0]
    assert grammar.labels_of_frames()[grammar.frame_label(shot)].startswith(shot.kind)
    assert shot.kind in grammar.labels_of_clips()[grammar.clip_label(shot)]
