"""Caption the frames of one segment, and join the captions of each clip."""

from __future__ import annotations

import logging

import pandas as pd

from mindvideo.io.clips import load_clips
from mindvideo.io.tables import save_table
from mindvideo.models.captioner import caption_frames, join_captions, split_scenes
from mindvideo.models.pretrained import load_captioner
from mindvideo.progress import progress
from mindvideo.settings import CaptionSettings
from mindvideo.stages import Input, Output

log = logging.getLogger(__name__)


def main(*, clips: Input, captions: Output, settings: CaptionSettings) -> None:
    """Write a row a clip: joined caption, first and last scene, and the caption of each frame."""
    films = load_clips(clips)
    n_clips, n_frames = films.shape[:2]
    frames = films.reshape(-1, *films.shape[2:])
    processor, model = load_captioner(settings.captioner)
    batches = caption_frames(
        processor, model, frames, batch_size=settings.batch_size, max_tokens=settings.max_tokens
    )
    words: list[str] = []
    n_batches = -(-len(frames) // settings.batch_size)
    for batch in progress(batches, total=n_batches, desc="caption", unit="batch"):
        words += batch

    scenes = split_scenes(words, settings.same_scene).reshape(n_clips, n_frames)
    wordings = [words[i * n_frames : (i + 1) * n_frames] for i in range(n_clips)]
    table = pd.DataFrame(
        {
            "clip": range(n_clips),
            "caption": [join_captions(w, s) for w, s in zip(wordings, scenes, strict=True)],
            "scene_first": scenes[:, 0],
            "scene_last": scenes[:, -1],
            **{f"frame_{f + 1}": [w[f] for w in wordings] for f in range(n_frames)},
        }
    )
    n_cuts = int((table["scene_first"] != table["scene_last"]).sum())
    log.info("%s: %d scenes, %d clips with a cut", clips.stem, scenes.max() + 1, n_cuts)
    save_table(captions, table)
