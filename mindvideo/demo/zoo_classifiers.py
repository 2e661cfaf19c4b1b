"""The zoo's judges: a ViT for frames and a VideoMAE for clips, trained on separate seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
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


class _Sum(nn.Module):
    """Logits of all pairs (a, b) as the sum of a's and b's, (n, n_a · n_b).

    The softmax of a sum is the product of two softmaxes, so each kind learns from all of its
    examples, whatever the scene or motion.
    """

    def __init__(self, width: int, n_a: int, n_b: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(width, n_a), nn.Linear(width, n_b)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.a(x)[:, :, None] + self.b(x)[:, None, :]).flatten(1)

    def as_linear(self) -> nn.Linear:
        """The same map as one plain layer, as transformers' models need."""
        n_a, n_b = self.a.out_features, self.b.out_features
        linear = nn.Linear(self.a.in_features, n_a * n_b)
        with torch.no_grad():
            for name, value in linear.named_parameters():
                a, b = self.a.get_parameter(name), self.b.get_parameter(name)
                value.copy_(a.repeat_interleave(n_b, 0) + b.repeat(n_a, *(1,) * (b.ndim - 1)))
        return linear


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


def train_image_classifier(
    pictures: Pictures, *, steps: int, batch_size: int, seed: int, state: Path
) -> ViTForImageClassification:
    torch.manual_seed(seed)
    labels = [grammar.frame_label(shot) for shot in pictures.shots]
    parts = len(grammar.KINDS), len(grammar.PLACES)
    return _train(
        new_image_classifier(),
        pictures.images,
        labels,
        parts,
        name="image-classifier",
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        state=state,
    )


def train_video_classifier(
    clips: Clips, *, steps: int, batch_size: int, seed: int, state: Path
) -> VideoMAEForVideoClassification:
    torch.manual_seed(seed)
    labels = [grammar.clip_label(shot) for shot in clips.shots]
    parts = len(grammar.KINDS), len(grammar.ACTS)
    return _train(
        new_video_classifier(),
        clips.frames,
        labels,
        parts,
        name="video-classifier",
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        state=state,
    )


def _train(
    model: Any,
    examples: np.ndarray,
    labels: list[int],
    parts: tuple[int, int],
    *,
    name: str,
    steps: int,
    batch_size: int,
    seed: int,
    state: Path,
) -> Any:
    model.classifier = head = _Sum(SHAPE["hidden_size"], *parts)
    targets = torch.tensor(labels)

    def objective(rows: np.ndarray, rng: torch.Generator) -> torch.Tensor:
        inputs = 2 * augment(as_tensor(examples[rows]), rng) - 1
        logits = model(inputs).logits.float()
        return F.cross_entropy(logits, targets[rows], label_smoothing=0.05)

    fit(
        model,
        objective,
        name=name,
        state=state,
        steps=steps,
        batch_size=batch_size,
        n_examples=len(labels),
        lr=1e-3,
        seed=seed,
        weight_decay=0.05,
    )
    model.classifier = head.as_linear()
    return model


@torch.no_grad()
def classify(model: torch.nn.Module, images: np.ndarray) -> torch.Tensor:
    """Predicted class of each uint8 picture (n, h, w, 3) or clip (n, f, h, w, 3), (n,)."""
    parts = np.array_split(images, max(1, len(images) // 50))
    return torch.cat([model(2 * as_tensor(part) - 1).logits.argmax(-1) for part in parts])
