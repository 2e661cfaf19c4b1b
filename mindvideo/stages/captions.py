"""Caption each frame of one segment."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from mindvideo.io.clips import load_clips
from mindvideo.io.tables import save_table
from mindvideo.models.captioner import caption_frames
from mindvideo.models.precision import put
from mindvideo.models.pretrained import load_captioner
from mindvideo.progress import progress
from mindvideo.settings.stimuli import CaptionSettings
from mindvideo.stages import Input, Output, State, chapter, makes


@chapter("stimuli")
@makes("captions", made_from=["clips"], shared=True)
def main(*, clips: Input, captions: Output, state: State, settings: CaptionSettings) -> None:
    """Write one row per clip: the caption of each of its frames.

    Captions are saved batch by batch, so that a stage that was killed continues where it stopped.
    """
    films = load_clips(clips)
    n_clips, n_frames = films.shape[:2]
    frames = films.reshape(-1, *films.shape[2:])
    kept = state / "captions.jsonl"
    words = _read(kept)
    processor, model = load_captioner(settings.captioner)
    put(model, settings.precision)
    size = settings.batch_size
    batches = caption_frames(
        processor, model, frames[len(words) :], batch_size=size, max_tokens=settings.max_tokens
    )
    n_batches = -(-len(frames) // size)
    done = len(words) // size
    with kept.open("a", encoding="utf-8") as out:
        for batch in progress(batches, total=n_batches, initial=done, desc="caption", unit="batch"):
            out.write(json.dumps(batch) + "\n")
            out.flush()
            words += batch
    columns = {f"frame_{f + 1}": words[f::n_frames] for f in range(n_frames)}
    save_table(captions, pd.DataFrame({"clip": range(n_clips), **columns}))


def _read(kept: Path) -> list[str]:
    """Captions of the batches saved so far; an incomplete last line is removed."""
    if not kept.exists():
        return []
    content = kept.read_bytes()
    content = content[: content.rfind(b"\n") + 1]
    kept.write_bytes(content)
    return [caption for line in content.splitlines() for caption in json.loads(line)]
