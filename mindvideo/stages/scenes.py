"""Find the cuts of one segment's film, and write the caption and the scene of each clip."""

from __future__ import annotations

import logging

import numpy as np

from mindvideo.io.clips import load_clips
from mindvideo.io.scenes import load_corrections, scene_table
from mindvideo.io.tables import load_table, save_table
from mindvideo.metrics.motion import direction, optical_flow
from mindvideo.settings.stimuli import SceneSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes
from mindvideo.stimuli.scenes import (
    cuts_of_captions,
    cuts_of_pictures,
    join_captions,
    main_scene,
    number_scenes,
)

log = logging.getLogger(__name__)


@chapter("stimuli")
@makes("scenes", made_from=["clips", "captions"], shared=True)
def main(
    *,
    captions: Input,
    changes: Input,
    clips: Input | None,
    corrections: Inputs | None,
    scenes: Output,
    settings: SceneSettings,
) -> None:
    """Write one row per clip: its caption, its scene, and the scene of each frame.

    `clips` are needed to append phrases that tell the motion. `corrections` are tables of captions
    corrected by hand, which replace those that are joined from the captions of the frames.
    """
    table = load_table(captions, ["clip", "frame_1"]).fillna("")
    frames = [name for name in table.columns if name.startswith("frame_")]
    captions_of_frames = table[frames].astype(str).to_numpy()
    words = captions_of_frames.ravel().tolist()
    picture_changes = load_table(changes, ["time", "score"])

    jumps = cuts_of_pictures(
        picture_changes["time"].to_numpy(float),
        picture_changes["score"].to_numpy(float),
        threshold=settings.threshold if "pictures" in settings.cuts else float("inf"),
        fps=settings.fps,
        n_frames=len(words),
    )
    turns = cuts_of_captions(words, settings.same_scene)
    if "captions" not in settings.cuts:
        turns[:] = False
    numbers = number_scenes(jumps, turns).reshape(captions_of_frames.shape)
    phrases: list[dict[int, str]] = [{}] * len(numbers)
    if settings.motion and clips:
        phrases = [
            _phrases(*clip, dict(settings.motion)) for clip in zip(load_clips(clips), numbers)
        ]
    joined = [
        join_captions(words, of_frames, settings.same_scene, phrases_of_scenes)
        for words, of_frames, phrases_of_scenes in zip(
            captions_of_frames.tolist(), numbers, phrases
        )
    ]
    for path in corrections or []:
        corrected = load_corrections(path, len(table))
        log.info("%s: %d captions corrected", path, len(corrected))
        for clip, caption in corrected.items():
            joined[clip] = caption

    result = scene_table(joined, [main_scene(s) for s in numbers], numbers)
    n_cut = int((numbers[:, 0] != numbers[:, -1]).sum())
    log.info("%s: %d scenes, %d clips with a cut", captions.stem, numbers.max() + 1, n_cut)
    save_table(scenes, result)


def _phrases(frames: np.ndarray, scenes: np.ndarray, words: dict[str, str]) -> dict[int, str]:
    """What the optical flow between the frames of each scene of a clip shows, in words."""
    several = [scene for scene in set(scenes.tolist()) if (scenes == scene).sum() > 1]
    return {scene: words[direction(optical_flow(frames[scenes == scene]))] for scene in several}
