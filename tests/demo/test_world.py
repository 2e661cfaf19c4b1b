"""The film world: determinism, what differs from what, how things move, what captions may say."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from PIL import Image

from mindvideo.demo import grammar, world
from mindvideo.demo.pen import PAINTS, Pen
from mindvideo.demo.subjects import DRAW, FAMILIES, STANCE

PROPERTIES: dict[str, tuple[str, ...]] = {
    "kind": world.KINDS,
    "colour": world.COLOURS,
    "scene": world.SCENES,
    "time": world.TIMES,
    "motion": world.MOTIONS,
}


def _shots(seed: int, n: int, split: str | None = None) -> list[world.Shot]:
    rng = np.random.default_rng(seed)
    return [world.draw_shot(rng, rng.uniform(1, 8), split) for _ in range(n)]


# A subject that rests in the middle of the frame.
PLAIN = world.Shot(
    kind="dog",
    colour="red",
    scene="beach",
    time="day",
    motion="still",
    facing="right",
    seconds=4.0,
    x0=0.5,
    y0=0.55,
    x1=0.5,
    y1=0.55,
    size0=0.7,
    size1=0.7,
    camera0=0.3,
    camera1=0.3,
    seed=_shots(1, 1)[0].seed,
)


def _shots_with(motion: str, n: int = 20) -> list[world.Shot]:
    shots = [shot for shot in _shots(3, 400) if shot.motion == motion]
    assert len(shots) >= n
    return shots[:n]


def _differs(one: world.Shot, other: world.Shot, seconds: float = 1.0) -> float:
    """Fraction of the pixels that differ clearly."""
    a, b = (world.render(shot, seconds, 64).astype(int) for shot in (one, other))
    return (np.abs(a - b).max(axis=-1) > 20).mean()


def _painted(shot: world.Shot, seconds: float) -> np.ndarray:
    """Pixels in the subject's colour, bool (128, 128)."""
    a, b = (
        world.render(replace(shot, colour=c, time="day"), seconds, 128).astype(int)
        for c in ("red", "green")
    )
    return np.abs(a - b).max(axis=-1) > 30


def test_the_world_is_as_large_as_it_says() -> None:
    sizes = {name: len(options) for name, options in PROPERTIES.items()}
    assert sizes == {"kind": 24, "colour": 6, "scene": 8, "time": 3, "motion": 8}
    assert [len(kinds) for kinds in FAMILIES.values()] == [6] * 4
    assert len(set(world.KINDS)) == 24
    for family, kinds in FAMILIES.items():
        assert {replace(PLAIN, kind=kind).family for kind in kinds} == {family}


def test_rendering_a_shot_is_reproducible() -> None:
    first, again = _shots(0, 5), _shots(0, 5)
    assert first == again
    frames = [world.render(shot, 1.3, 64) for shot in first]
    for frame, shot in zip(frames, again, strict=True):
        assert frame.shape == (64, 64, 3)
        assert frame.dtype == np.uint8
        np.testing.assert_array_equal(frame, world.render(shot, 1.3, 64))
        world._panorama.cache_clear()
        np.testing.assert_array_equal(frame, world.render(shot, 1.3, 64))


@pytest.mark.parametrize("name", ["kind", "scene", "time", "colour"])
def test_each_property_is_visible(name: str) -> None:
    """Changing one property alone changes the picture, for every pair of its values."""
    # At each time of day; a colour on each kind, and a time of day in each scene.
    context = {"colour": "kind", "time": "scene"}.get(name, "time")
    for value in PROPERTIES[context]:
        shot = replace(PLAIN, **{context: value})
        for one, other in combinations(PROPERTIES[name], 2):
            assert _differs(replace(shot, **{name: one}), replace(shot, **{name: other})) > 0.1


def test_facing_mirrors_the_subject() -> None:
    for kind in world.KINDS:
        shot = replace(PLAIN, kind=kind, motion="still")
        right, left = (_painted(replace(shot, facing=facing), 0.0) for facing in ("right", "left"))
        assert (right != left[:, ::-1]).sum() < 0.05 * right.sum()


def test_subjects_are_large_and_stay_in_the_frame() -> None:
    for shot in _shots(2, 500):
        for seconds in (0.0, 0.5 * shot.seconds, shot.seconds):
            x, y, size, camera = shot.place(seconds)
            assert 0.15 < x < 0.85
            assert 0.1 < y < 0.85
            assert 0.4 < size < 1
            assert 0 <= camera <= world.PANORAMA - 1


def test_what_stands_is_on_the_ground_unless_it_rises() -> None:
    for kind, draw in DRAW.items():
        grounds = [Image.new("RGB", (200, 200), c) for c in ("black", "magenta")]
        for ground in grounds:
            draw(Pen(ground, (100, 100), 100, 1.0, 1.0), PAINTS["white"], 0.0)
        black, magenta = (np.asarray(ground) for ground in grounds)
        rows = np.flatnonzero((black == magenta).all(axis=-1).any(axis=1))
        assert (rows.max() - 100) / 100 > STANCE[kind][0] - 0.06
    for shot in _shots(2, 500):
        bottom, height = STANCE[shot.kind]
        if shot.motion != "rising":
            for seconds in (0.0, shot.seconds):
                _, y, size, _ = shot.place(seconds)
                if height is None:
                    assert 0.87 < y + bottom * size < 0.96
                else:
                    assert abs(y - height) < 0.04


@pytest.mark.parametrize(
    ("motion", "moves"),
    [
        ("left", {"x": -1}),
        ("right", {"x": 1}),
        ("towards", {"size": 1}),
        ("away", {"size": -1}),
        ("rising", {"y": -1}),
        ("turning", {}),
        ("still", {}),
    ],
)
def test_motions_move_the_subject_as_they_say(motion: str, moves: dict[str, int]) -> None:
    least = {"x": 0.4, "size": 0.35, "y": 0.29}
    for shot in _shots_with(motion):
        change = np.subtract(shot.place(shot.seconds), shot.place(0))
        changes = dict(zip(("x", "y", "size", "camera"), change, strict=True))
        for name, sign in moves.items():
            assert sign * changes.pop(name) >= least[name]
        if "size" in moves:
            changes.pop("y")  # feet stay where they are
        assert set(changes.values()) == {0}
        if motion in ("left", "right"):
            assert shot.facing == motion


@pytest.mark.parametrize("motion", ["left", "right", "towards", "away", "rising", "pan"])
def test_pictures_show_the_motion(motion: str) -> None:
    for shot in _shots_with(motion, 5):
        first, last = (_painted(shot, part * shot.seconds) for part in (0.1, 0.9))
        (y0, x0), (y1, x1) = (np.argwhere(mask).mean(axis=0) / 128 for mask in (first, last))
        if motion == "left":
            assert x1 < x0 - 0.2
        elif motion == "right":
            assert x1 > x0 + 0.2
        elif motion == "towards":
            assert last.sum() > 1.8 * first.sum()
        elif motion == "away":
            assert first.sum() > 1.8 * last.sum()
        elif motion == "rising":
            assert y1 < y0 - 0.15
        else:
            assert (x1 - x0) * (shot.camera1 - shot.camera0) < 0


def test_subject_and_scene_slide_against_the_camera() -> None:
    directions = set()
    for shot in _shots_with("pan"):
        # Half a second, low enough a subject, and the sky or wall above it.
        shot = replace(shot, kind="car", scene="beach", seconds=2.0)
        (x0, y0, size0, camera0), (x1, y1, size1, camera1) = (shot.place(t) for t in (1.0, 1.5))
        assert (y0, size0) == (y1, size1)
        before, after = (world.render(shot, t, 64)[:20].astype(float) for t in (1.0, 1.5))

        def gap(translation: int, a: np.ndarray = before, b: np.ndarray = after) -> float:
            """How badly the later frame fits the earlier one, moved left by `translation`."""
            a, b = a[:, max(0, translation) :], b[:, max(0, -translation) :]
            width = 64 - abs(translation)
            return np.abs(a[:, :width] - b[:, :width]).mean()

        direction = np.sign(camera1 - camera0)
        assert direction == np.sign(min(range(-12, 13), key=gap)) == -np.sign(x1 - x0) != 0
        directions.add(direction)
    assert directions == {-1, 1}


def test_turning_squeezes_and_mirrors() -> None:
    for shot in _shots_with("turning"):
        squeezes = np.array([shot.squeeze(t) for t in np.linspace(0, shot.seconds, 200)])
        assert squeezes[0] == (1 if shot.facing == "right" else -1)
        assert squeezes.min() < 0 < squeezes.max()
        assert np.abs(squeezes).min() == world.THINNEST
        assert np.abs(squeezes).max() <= 1

    shot = replace(PLAIN, motion="turning")
    side, half = (_painted(shot, part / world.TURNS) for part in (0.0, 0.24))
    widths = [np.ptp(np.flatnonzero(mask.any(axis=0))) for mask in (side, half)]
    assert widths[1] < 0.6 * widths[0]
    mirrored = world.render(replace(PLAIN, facing="left"), 0.0, 64)
    np.testing.assert_array_equal(world.render(shot, 0.5 / world.TURNS, 64), mirrored)


def test_nothing_moves_in_a_still_shot() -> None:
    for shot in _shots_with("still", 5):
        first = world.render(shot, 0.0, 64)
        np.testing.assert_array_equal(first, world.render(shot, 0.7 * shot.seconds, 64))


def test_one_frame_shows_motions_across_the_frame_only() -> None:
    # A car has no stride; there is room for what it leaves behind when it rises.
    shot = replace(PLAIN, kind="car", y0=0.4, y1=0.4)
    for motion in world.MOTIONS:
        difference = _differs(shot, replace(shot, motion=motion), 0.0)
        if motion in grammar.IN_A_FRAME:
            assert difference > 0.01
        else:
            assert difference == 0


def test_unseen_combinations_are_a_fifth_yet_training_shows_every_pair() -> None:
    axes = (world.KINDS, world.SCENES, world.MOTIONS)
    unseen = np.array([world.is_unseen(*c) for c in product(*axes)]).reshape(24, 8, 8)
    assert 0.18 < unseen.mean() < 0.22
    for axis in range(3):
        assert not unseen.all(axis=axis).any()
        others = tuple(i for i in range(3) if i != axis)
        per_value = unseen.mean(axis=others)
        assert per_value.min() > 0.15
        assert per_value.max() < 0.25


def test_training_lacks_unseen_combinations_and_half_of_the_test_shots_show_them() -> None:
    shots = {split: _shots(4, 600, split) for split in ("train", "test", None)}
    for some in shots.values():
        for shot in some:
            assert shot.unseen == world.is_unseen(shot.kind, shot.scene, shot.motion)
    fraction = {split: np.mean([shot.unseen for shot in some]) for split, some in shots.items()}
    assert fraction["train"] == 0
    assert fraction["test"] == pytest.approx(0.5, abs=0.06)
    assert fraction[None] == pytest.approx(0.2, abs=0.05)


def test_captions_are_short_differ_and_use_the_vocabulary_only() -> None:
    words = set(grammar.vocabulary())
    assert len(words) <= 120
    assert "then" in words
    captions = set()
    for combination in product(*PROPERTIES.values()):
        shot = replace(PLAIN, **dict(zip(PROPERTIES, combination, strict=True)))
        text = grammar.caption(shot)
        said = text.split()
        assert len(said) <= 14
        assert words.issuperset(said)
        assert text.startswith(f"a {shot.colour} {shot.kind} ")
        assert grammar.PLACES[shot.scene] in text
        captions.add(text)
    # Captions differ whenever shots differ.
    assert len(captions) == 24 * 6 * 8 * 3 * 8


def test_paraphrases_of_a_shot_differ_and_agree_with_it() -> None:
    rng, words = np.random.default_rng(5), set(grammar.vocabulary())
    plain = {synonym: word for word, synonym in grammar.SYNONYMS.items()}
    assert not set(plain) & {*world.KINDS, *world.SCENES, *world.COLOURS}
    synonyms_used = set()
    for shot in _shots(5, 30):
        paraphrases = set()
        for _ in range(60):
            said = grammar.draw_caption(rng, shot).split()
            assert words.issuperset(said)
            assert len(said) <= 14
            synonyms_used |= set(said) & set(plain)
            words_used = [plain.get(word, word) for word in said]
            assert {shot.colour, shot.kind, shot.scene} <= set(words_used)
            assert set(words_used) <= {*grammar.caption(shot).split(), "a", "picture", "of"}
            paraphrases.add(" ".join(words_used))
        assert len(paraphrases) >= 4
    assert len(synonyms_used) >= 8


def test_a_frames_caption_claims_no_motion_that_it_cannot_show() -> None:
    assert set(grammar.IN_A_FRAME) == {"left", "right", "rising"}
    claims = {"left": {"drives", "left"}, "right": {"drives", "right"}, "rising": {"rises"}}
    for motion, time in product(world.MOTIONS, world.TIMES):
        shot = replace(PLAIN, kind="car", motion=motion, time=time)
        visible = {"a", "red", "car", "on", "beach", *grammar.HOURS[time].split()}
        assert set(grammar.frame_caption(shot).split()) == visible | claims.get(motion, set())
        if motion in claims:
            assert grammar.frame_caption(shot) == grammar.caption(shot)


def test_labels_of_classifiers_are_distinct_and_name_what_they_stand_for() -> None:
    frames, clips = grammar.labels_of_frames(), grammar.labels_of_clips()
    assert len(frames) == len(set(frames)) == 192
    assert len(clips) == len(set(clips)) == 192
    for kind, scene, motion in product(world.KINDS, world.SCENES, world.MOTIONS):
        shot = replace(PLAIN, kind=kind, scene=scene, motion=motion)
        assert frames[grammar.frame_label(shot)] == f"{kind} {grammar.PLACES[scene]}"
        assert clips[grammar.clip_label(shot)] == f"{kind}, {motion}"
        assert scene in grammar.PLACES[scene].split()
