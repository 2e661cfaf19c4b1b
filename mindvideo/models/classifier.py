"""What classifiers say of frames and clips: logits, and the features that these are read from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from mindvideo.models.device import device


def class_labels(model: Any) -> list[str]:
    """What a classifier calls its classes, in the order of its logits."""
    return [name for _, name in sorted(model.config.id2label.items())]


class Classified(NamedTuple):
    """What a classifier computes of n frames or clips.

    Attributes
    ----------
    logits : ndarray, float32, (n, n_classes)
    embeddings : ndarray, float32, (n, dim)
        What the last layer reads.
    """

    logits: np.ndarray
    embeddings: np.ndarray


def classify_frames(processor: Any, model: Any, frames: np.ndarray) -> Classified:
    """Classify frames one by one, as one batch.

    Parameters
    ----------
    processor, model
        From :func:`mindvideo.models.pretrained.load_image_classifier`.
    frames : ndarray, uint8, (n, h, w, 3)
    """
    return _classify(processor, model, list(np.array(frames)))  # torch wants them writable


def classify_clips(processor: Any, model: Any, clips: np.ndarray) -> Classified:
    """Classify clips as a whole, as one batch.

    Parameters
    ----------
    processor, model
        From :func:`mindvideo.models.pretrained.load_video_classifier`.
    clips : ndarray, uint8, (n, n_frames, h, w, 3)
        Frames are repeated or left out evenly to the number that the model takes.
    """
    chosen = resample_frames(clips.shape[1], model.config.num_frames)
    # A video is a list of frames for the processor, an image is an array.
    return _classify(processor, model, [list(clip[chosen]) for clip in np.array(clips)])


def resample_frames(n_frames: int, n_wanted: int) -> np.ndarray:
    """Choose frames: the one on screen at the middle of each of `n_wanted` equal spans of time."""
    return ((np.arange(n_wanted) + 0.5) * n_frames / n_wanted).astype(int)


@torch.inference_mode()
def _classify(processor: Any, model: Any, examples: list) -> Classified:
    model = model.to(device())
    read: list[torch.Tensor] = []
    hook = model.classifier.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    try:
        pixels = processor(examples, return_tensors="pt")["pixel_values"]
        logits = model(pixel_values=pixels.to(device())).logits
    finally:
        hook.remove()
    return Classified(logits.float().cpu().numpy(), read.pop().float().cpu().numpy())
