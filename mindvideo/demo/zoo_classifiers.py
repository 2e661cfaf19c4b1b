"""The zoo's judges: a ViT for frames and a VideoMAE for clips, from seeds of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import (
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VideoMAEImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from mindvideo.demo import grammar
from mindvideo.demo.zoo_examples import N_FRAMES, SIZE, Clips, Pictures, as_tensor, augment
from mindvideo.demo.zoo_training import fit

SHAPE: dict[str, Any] = {
    "image_size": SIZE,
    "patch_size": 8,
    "hidden_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 384,
    # About 1/√width: with the libraries' 0.02, meant for wide models, learning starts late.
    "initializer_range": 0.1,
}
HALF: dict[str, Any] = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def _labels(names: list[str]) -> dict:
    return {
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }


def new_image_classifier() -> ViTForImageClassification:
    """The untrained judge of frames: kind × scene."""
    return ViTForImageClassification(ViTConfig(**SHAPE, **_labels(grammar.labels_of_frames())))


def new_video_classifier() -> VideoMAEForVideoClassification:
    """The untrained judge of clips: kind × motion."""
    return VideoMAEForVideoClassification(
        VideoMAEConfig(
            **SHAPE, num_frames=N_FRAMES, tubelet_size=2, **_labels(grammar.labels_of_clips())
        )
    )


def image_processor() -> ViTImageProcessor:
    return ViTImageProcessor(size={"height": SIZE, "width": SIZE}, **HALF)


def video_processor() -> VideoMAEImageProcessor:
    return VideoMAEImageProcessor(
        size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE}, **HALF
    )


def _smoothed(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits.float(), labels, label_smoothing=0.05)


def train_image_classifier(pictures: Pictures, *, steps: int, batch_size: int, seed: int,
                           state: Path) -> ViTForImageClassification:  # fmt: skip
    torch.manual_seed(seed)
    model = new_image_classifier()
    labels = torch.tensor([grammar.frame_label(shot) for shot in pictures.shots])

    def objective(rows: np.ndarray, rng: torch.Generator) -> torch.Tensor:
        images = 2 * augment(as_tensor(pictures.images[rows]), rng) - 1
        return _smoothed(model(images).logits, labels[rows])

    fit(model, objective, name="image-classifier", state=state, steps=steps,
        batch_size=batch_size, n_examples=len(labels), lr=1e-3, seed=seed,
        weight_decay=0.05)  # fmt: skip
    return model


def train_video_classifier(clips: Clips, *, steps: int, batch_size: int, seed: int,
                           state: Path) -> VideoMAEForVideoClassification:  # fmt: skip
    torch.manual_seed(seed)
    model = new_video_classifier()
    labels = torch.tensor([grammar.clip_label(shot) for shot in clips.shots])

    def objective(rows: np.ndarray, rng: torch.Generator) -> torch.Tensor:
        frames = 2 * augment(as_tensor(clips.frames[rows]), rng) - 1
        return _smoothed(model(frames).logits, labels[rows])

    fit(model, objective, name="video-classifier", state=state, steps=steps,
        batch_size=batch_size, n_examples=len(labels), lr=1e-3, seed=seed,
        weight_decay=0.05)  # fmt: skip
    return model


@torch.no_grad()
def classify(model: torch.nn.Module, images: np.ndarray) -> torch.Tensor:
    """Class of each uint8 picture (n, h, w, 3), or clip (n, f, h, w, 3)."""
    parts = np.array_split(images, max(1, len(images) // 50))
    return torch.cat([model(2 * as_tensor(part) - 1).logits.argmax(-1) for part in parts])
