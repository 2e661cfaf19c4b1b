"""Logits of classifiers for frames and clips, and the features that they are computed from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from mindvideo.models.precision import beside


def class_labels(model: Any) -> list[str]:
    """Names of a classifier's classes, in the order of its logits."""
    return [name for _, name in sorted(model.config.id2label.items())]


class Classified(NamedTuple):
    """Outputs of a classifier for n frames or clips.

    Attributes
    ----------
    logits : ndarray, float32, (n, n_classes)
    embeddings : ndarray, float32, (n, dim)
        Input of the last layer.
    """

    logits: np.ndarray
    embeddings: np.ndarray


def classify_frames(processor: Any, model: Any, frames: np.ndarray) -> Classified:
    """Classify frames one by one, as one batch.

    Parameters
    ----------
    processor, model
        From :func:`mindvideo.models.pretrained.load_image_classifier`; the model on its device,
        in its precision.
    frames : ndarray, uint8, (n, h, w, 3)
    """
    return _classify(processor, model, list(np.array(frames)))  # torch needs them writable


def classify_clips(processor: Any, model: Any, clips: np.ndarray) -> Classified:
    """Classify clips as a whole, as one batch.

    Parameters
    ----------
    processor, model
        From :func:`mindvideo.models.pretrained.load_video_classifier`; the model as above.
    clips : ndarray, uint8, (n, n_frames, h, w, 3)
        Frames are repeated or dropped evenly to match the number that the model expects.
    """
    chosen = resample_frames(clips.shape[1], model.config.num_frames)
    # A video is a list of frames for the processor, an image is an array.
    return _classify(processor, model, [list(clip[chosen]) for clip in np.array(clips)])


def resample_frames(n_frames: int, n_resampled: int) -> np.ndarray:
    """Numbers of the frames at the middle of each of `n_resampled` equal spans of time."""
    return ((np.arange(n_resampled) + 0.5) * n_frames / n_resampled).astype(int)


@torch.inference_mode()
def _classify(processor: Any, model: Any, examples: list) -> Classified:
    features: list[torch.Tensor] = []
    hook = model.classifier.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    try:
        pixels = processor(examples, return_tensors="pt")["pixel_values"]
        logits = model(pixel_values=beside(model, pixels)).logits
    finally:
        hook.remove()
    return Classified(logits.float().cpu().numpy(), features.pop().float().cpu().numpy())
