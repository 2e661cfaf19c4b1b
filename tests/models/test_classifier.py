"""Logits and the features that they are read from, by tiny models of the real classes."""

import numpy as np
import pytest
import torch
from transformers import (
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VideoMAEImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from mindvideo.models.classifier import classify_clips, classify_frames, resample_frames

SHAPE = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "image_size": 16,
    "patch_size": 8,
}


@pytest.fixture(scope="module")
def clips():
    return np.random.default_rng(0).integers(0, 256, (5, 6, 24, 24, 3), dtype=np.uint8)


def test_frames(clips):
    torch.manual_seed(0)
    processor = ViTImageProcessor(size={"height": 16, "width": 16})
    model = ViTForImageClassification(ViTConfig(num_labels=7, **SHAPE)).eval()
    logits, embeddings = classify_frames(processor, model, clips[:, 0])
    with torch.no_grad():
        pixels = processor(list(clips[:, 0]), return_tensors="pt")["pixel_values"]
        expected = model(pixels)
        features = model.vit(pixels).last_hidden_state[:, 0]
    np.testing.assert_allclose(logits, expected.logits, atol=1e-5)
    np.testing.assert_allclose(embeddings, features, atol=1e-5)
    assert not model.classifier._forward_pre_hooks


def test_clips_are_resampled_to_the_models_frames(clips):
    torch.manual_seed(0)
    processor = VideoMAEImageProcessor(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
    )
    config = VideoMAEConfig(num_labels=7, num_frames=4, tubelet_size=2, **SHAPE)
    model = VideoMAEForVideoClassification(config).eval()
    logits, embeddings = classify_clips(processor, model, clips)
    assert embeddings.shape == (5, 16)
    with torch.no_grad():
        videos = [list(clip[[0, 2, 3, 5]]) for clip in clips]
        expected = model(processor(videos, return_tensors="pt")["pixel_values"]).logits
        read = model.classifier(torch.from_numpy(embeddings))
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_allclose(logits, read, atol=1e-5)


def test_frames_are_spread_evenly():
    assert resample_frames(6, 6).tolist() == [0, 1, 2, 3, 4, 5]
    assert resample_frames(6, 3).tolist() == [1, 3, 5]
    counts = np.bincount(resample_frames(6, 16))
    assert counts.min() == 2
    assert counts.max() == 3
