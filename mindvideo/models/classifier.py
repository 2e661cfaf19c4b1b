"""What classifiers say of frames and clips: logits, and the features that these are read from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mindvideo.models.device import device
from mindvideo.progress import progress


def class_labels(model: Any) -> list[str]:
    """What a classifier calls its classes, in the order of its logits."""
    return [name for _, name in sorted(model.config.id2label.items())]


def classify_frames(
    processor: Any, model: Any, frames: np.ndarray, *, batch_size: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Classify frames one by one.

    Parameters
    ----------
    processor, model
        From :func:`mindvideo.models.pretrained.load_image_classifier`.
    frames : ndarray, uint8, (n, h, w, 3)
    batch_size : int

    Returns
    -------
    logits : ndarray, float32, (n, n_classes)
    embeddings : ndarray, float32, (n, dim)
        What the last layer reads.
    """
    return _classify(processor, model, frames, batch_size, "classify frames")


def classify_clips(
    processor: Any, model: Any, clips: np.ndarray, *, batch_size: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Classify clips as a whole.

    Parameters
    ----------
    processor, model
        From :func:`mindvideo.models.pretrained.load_video_classifier`.
    clips : ndarray, uint8, (n, n_frames, h, w, 3)
        Frames are repeated or left out evenly to the number that the model takes.
    batch_size : int

    Returns
    -------
    logits : ndarray, float32, (n, n_classes)
    embeddings : ndarray, float32, (n, dim)
    """
    frames = resample_frames(clips.shape[1], model.config.num_frames)
    return _classify(processor, model, clips, batch_size, "classify clips", frames)


def resample_frames(n_frames: int, n_wanted: int) -> np.ndarray:
    """Choose frames: the one on screen at the middle of each of `n_wanted` equal spans of time."""
    return ((np.arange(n_wanted) + 0.5) * n_frames / n_wanted).astype(int)


@torch.inference_mode()
def _classify(
    processor: Any,
    model: Any,
    inputs: np.ndarray,
    batch_size: int,
    desc: str,
    frames: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    model = model.to(device())
    seen: list[torch.Tensor] = []
    hook = model.classifier.register_forward_pre_hook(lambda _, read: seen.append(read[0]))
    try:
        logits, embeddings = [], []
        for start in progress(range(0, len(inputs), batch_size), desc=desc, unit="batch"):
            batch = np.array(inputs[start : start + batch_size])  # torch wants it writable
            # A video is a list of frames for the processor, an image is an array.
            examples = list(batch) if frames is None else [list(clip[frames]) for clip in batch]
            pixels = processor(examples, return_tensors="pt")["pixel_values"]
            logits.append(model(pixel_values=pixels.to(device())).logits.float().cpu().numpy())
            embeddings.append(seen.pop().float().cpu().numpy())
    finally:
        hook.remove()
    return np.concatenate(logits), np.concatenate(embeddings)
