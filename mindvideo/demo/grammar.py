"""Captions of the film world: a closed vocabulary of short sentences."""

from __future__ import annotations

import numpy as np

from mindvideo.demo.subjects import FAMILIES
from mindvideo.demo.world import COLOURS, KINDS, MOTIONS, SCENES, Shot

VERBS = {
    "dog": "runs",
    "bird": "flies",
    "fish": "swims",
    "turtle": "crawls",
    "elephant": "walks",
    "butterfly": "flies",
    "man": "walks",
    "woman": "walks",
    "child": "runs",
    "cyclist": "rides",
    "surfer": "rides",
    "singer": "walks",
    "car": "drives",
    "bus": "drives",
    "boat": "sails",
    "plane": "flies",
    "helicopter": "flies",
    "balloon": "floats",
    **dict.fromkeys(FAMILIES["scenery"], "drifts"),
}
PLACES = {
    "forest": "in a forest",
    "beach": "on a beach",
    "street": "on a street",
    "snow": "in the snow",
    "desert": "in a desert",
    "sea": "at the sea",
    "room": "in a room",
    "farm": "on a farm",
}
HOURS = {"day": "by day", "sunset": "at sunset", "night": "at night"}
# The action of each motion; {} stands for the verb of the kind.
ACTS = {
    "left": "{} left",
    "right": "{} right",
    "towards": "{} towards us",
    "away": "{} away",
    "rising": "rises",
    "turning": "turns",
    "pan": "as the camera pans",
    "still": "waits",
}
IN_A_FRAME = ("left", "right", "rising")  # motions that a single frame shows
SYNONYMS = {
    "dog": "puppy",
    "man": "gentleman",
    "woman": "lady",
    "child": "kid",
    "cyclist": "biker",
    "singer": "vocalist",
    "car": "automobile",
    "boat": "ship",
    "plane": "aircraft",
    "helicopter": "chopper",
    "flower": "blossom",
    "mushroom": "toadstool",
    "forest": "woods",
    "street": "road",
    "sea": "ocean",
    "room": "chamber",
}


def _parts(shot: Shot, motion: str) -> tuple[str, str, str, str]:
    """Subject, place, time of day and action."""
    act = ACTS[motion].format(VERBS[shot.kind]) if motion else ""
    return f"a {shot.colour} {shot.kind}", PLACES[shot.scene], HOURS[shot.time], act


def _sentence(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def caption(shot: Shot) -> str:
    """The full caption of a shot, e.g. "a red car on a street at night drives left".

    The order of the words is the same for all shots, so that equal contents have equal embeddings.
    """
    return _sentence(*_parts(shot, shot.motion))


def frame_caption(shot: Shot) -> str:
    """The caption of a single frame: only what a still picture shows."""
    return _sentence(*_parts(shot, shot.motion if shot.motion in IN_A_FRAME else ""))


def draw_caption(rng: np.random.Generator, shot: Shot) -> str:
    """Draw one of several paraphrases of the caption, now and then with a synonym."""
    who, place, hour, act = _parts(shot, shot.motion)
    paraphrases = (
        caption(shot),
        frame_caption(shot),
        _sentence(who, act, place, hour),
        _sentence(hour, who, place, act),
        _sentence(place, who, act, hour),
        _sentence("a picture of", who, place, hour),
    )
    words = str(rng.choice(paraphrases, p=(0.3, 0.3, 0.1, 0.1, 0.1, 0.1))).split()
    return " ".join(
        SYNONYMS[word] if word in SYNONYMS and rng.random() < 0.1 else word for word in words
    )


def vocabulary() -> list[str]:
    """All words of all captions, and the "then" that joins two captions, sorted."""
    phrases = [*KINDS, *COLOURS, *VERBS.values(), *PLACES.values(), *HOURS.values()]
    phrases += [act.replace("{}", "") for act in ACTS.values()]
    phrases += [*SYNONYMS.values(), "a picture of", "then", "and"]
    words = {word for phrase in phrases for word in phrase.split()}
    return sorted(words)


def labels_of_frames() -> list[str]:
    """Classes of the image classifier: kind of subject × scene."""
    return [f"{kind} {PLACES[scene]}" for kind in KINDS for scene in SCENES]


def frame_label(shot: Shot) -> int:
    """Index of the shot in :func:`labels_of_frames`."""
    return KINDS.index(shot.kind) * len(SCENES) + SCENES.index(shot.scene)


def labels_of_clips() -> list[str]:
    """Classes of the video classifier: kind of subject × motion."""
    return [f"{kind}, {motion}" for kind in KINDS for motion in MOTIONS]


def clip_label(shot: Shot) -> int:
    """Index of the shot in :func:`labels_of_clips`."""
    return KINDS.index(shot.kind) * len(MOTIONS) + MOTIONS.index(shot.motion)
