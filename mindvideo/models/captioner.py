"""Captions of frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from mindvideo.models.precision import beside


@torch.inference_mode()
def caption_frames(
    processor: Any, model: Any, frames: np.ndarray, *, batch_size: int, max_tokens: int
) -> Iterator[list[str]]:
    """Caption frames, batch by batch.

    Parameters
    ----------
    processor, model
        From :func:`mindvideo.models.pretrained.load_captioner`; the model on its device, in its
        precision.
    frames : ndarray, uint8, (n_frames, h, w, 3)
    batch_size : int
    max_tokens : int
        Maximum length of a caption.

    Yields
    ------
    list of str, one per frame
        Decoded greedily, so that the same frame always has the same caption.
    """
    for start in range(0, len(frames), batch_size):
        batch = list(np.array(frames[start : start + batch_size]))  # torch needs it writable
        pixels = beside(model, processor(images=batch, return_tensors="pt")["pixel_values"])
        tokens = model.generate(
            pixel_values=pixels, max_new_tokens=max_tokens, num_beams=1, do_sample=False
        )
        yield [x.strip() for x in processor.batch_decode(tokens, skip_special_tokens=True)]
