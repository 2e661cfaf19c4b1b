"""Captions of the film world: a closed vocabulary of short sentences."""

from __future__ import annotations

import numpy as np

from mindvideo.demo.world import COLOURS, KINDS, MOTIONS, SCENES, Shot

VERBS = {
    "dog": "runs",
    "bird": "flies",
    "fish": "swims",
    "turtle": "crawls",
    "man": "walks",
    "woman": "walks",
    "child": "runs",
    "cyclist": "rides",
    "car": "drives",
    "bus": "drives",
    "boat": "sails",
    "plane": "flies",
}
PLACES = {
    "forest": "in a forest",
    "beach": "on a beach",
    "street": "on a street",
    "snow": "in the snow",
    "desert": "in a desert",
    "sea": "at the sea",
}
HOURS = {"day": "", "sunset": "at sunset", "night": "at night"}
WAYS = {"left": "left", "right": "right", "towards": "towards us", "away": "away"}
SYNONYMS = {
    "dog": "puppy",
    "man": "gentleman",
    "woman": "lady",
    "child": "kid",
    "cyclist": "biker",
    "car": "automobile",
    "boat": "ship",
    "plane": "aircraft",
    "forest": "woods",
    "street": "road",
    "sea": "ocean",
}
MAX_WORDS = 12


def motion_words(shot: Shot, still_frame: bool = False) -> str:
    """What the subject does. A still frame does not tell whether it comes, goes or waits."""
    if shot.motion in ("left", "right"):
        return f"{VERBS[shot.kind]} {WAYS[shot.motion]}"
    if still_frame:
        return ""
    return "waits" if shot.motion == "still" else f"{VERBS[shot.kind]} {WAYS[shot.motion]}"


def _sentence(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def caption(shot: Shot) -> str:
    """The full caption of a shot, e.g. "a red car drives left on a street at night"."""
    who = f"a {shot.colour} {shot.kind}"
    return _sentence(who, motion_words(shot), PLACES[shot.scene], HOURS[shot.time])


def frame_caption(shot: Shot) -> str:
    """The caption of one frame: only what a still picture shows."""
    who = f"a {shot.colour} {shot.kind}"
    return _sentence(who, motion_words(shot, True), PLACES[shot.scene], HOURS[shot.time])


def draw_caption(rng: np.random.Generator, shot: Shot) -> str:
    """A caption in one of several wordings, now and then with a synonym."""
    who = f"a {shot.colour} {shot.kind}"
    act, place, hour = motion_words(shot), PLACES[shot.scene], HOURS[shot.time]
    wordings = (
        caption(shot),
        frame_caption(shot),
        _sentence(hour, who, act, place),
        _sentence(place, who, act, hour),
        _sentence(who, place, hour),
        _sentence("a picture of", who, place, hour),
    )
    words = str(rng.choice(wordings, p=(0.3, 0.3, 0.1, 0.1, 0.1, 0.1))).split()
    return " ".join(
        SYNONYMS[word] if word in SYNONYMS and rng.random() < 0.1 else word for word in words
    )


def vocabulary() -> list[str]:
    """All words of all captions, and the "then" that joins two, sorted."""
    phrases = [*KINDS, *COLOURS, *VERBS.values(), *PLACES.values(), *HOURS.values()]
    phrases += [*WAYS.values(), *SYNONYMS.values(), "waits", "a picture of", "then", "and"]
    words = {word for phrase in phrases for word in phrase.split()}
    return sorted(words)


def labels_of_frames() -> list[str]:
    """Classes of the image classifier: a kind of subject in a scene."""
    return [f"{kind} {PLACES[scene]}" for kind in KINDS for scene in SCENES]


def frame_label(shot: Shot) -> int:
    """Index of the shot in :func:`labels_of_frames`."""
    return KINDS.index(shot.kind) * len(SCENES) + SCENES.index(shot.scene)


def labels_of_clips() -> list[str]:
    """Classes of the video classifier: a kind of subject and its motion."""
    ways = {**WAYS, "still": ""}
    return [
        "waiting " + kind if motion == "still" else f"{kind} moving {ways[motion]}"
        for kind in KINDS
        for motion in MOTIONS
    ]


def clip_label(shot: Shot) -> int:
    """Index of the shot in :func:`labels_of_clips`."""
    return KINDS.index(shot.kind) * len(MOTIONS) + MOTIONS.index(shot.motion)
