"""Against torchmetrics, where it has the same metric."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)
from torchmetrics.functional.pairwise import pairwise_cosine_similarity
from torchmetrics.functional.retrieval import retrieval_hit_rate

from mindvideo.metrics.embedding import cosine_similarity, retrieval
from mindvideo.metrics.pixel import psnr, ssim_grey


@pytest.fixture(scope="module")
def frames():
    """Pictures with something in them, and noisy copies: uint8 (5, 48, 64, 3)."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :64]
    waves = [
        np.sin(rows / rng.uniform(3, 20)) * np.cos(columns / rng.uniform(3, 20)) for _ in range(5)
    ]
    truth = 128 + 100 * np.stack(waves)[..., None] * rng.uniform(0.3, 1, (5, 1, 1, 3))
    noisy = truth + rng.normal(size=truth.shape) * np.linspace(1, 80, 5).reshape(5, 1, 1, 1)
    return tuple(x.clip(0, 255).astype(np.uint8) for x in (truth, noisy))


def test_grey_ssim(frames):
    grey = [torch.tensor(x @ np.array([0.299, 0.587, 0.114]))[:, None] for x in frames]
    _, everywhere = structural_similarity_index_measure(
        grey[1],
        grey[0],
        sigma=1.5,
        kernel_size=11,
        data_range=255.0,
        reduction="none",
        return_full_image=True,
    )
    expected = everywhere[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))  # without its mirrored rim
    np.testing.assert_allclose(ssim_grey(*frames), expected, rtol=0, atol=1e-6)


def test_psnr(frames):
    pairs = [[torch.tensor(x, dtype=torch.float64) for x in pair] for pair in zip(*frames)]
    expected = [peak_signal_noise_ratio(b, a, data_range=255.0).item() for a, b in pairs]
    np.testing.assert_allclose(psnr(*frames), expected, rtol=1e-6)


def test_cosines_and_retrieval():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(40, 16))
    reconstructions = truth + rng.normal(size=truth.shape)
    cosines = pairwise_cosine_similarity(torch.tensor(reconstructions), torch.tensor(truth))
    np.testing.assert_allclose(
        cosine_similarity(reconstructions, truth), cosines, rtol=0, atol=1e-6
    )
    for k in (1, 5):
        same = torch.eye(40, dtype=torch.bool)
        hits = [retrieval_hit_rate(c, right, top_k=k).item() for c, right in zip(cosines, same)]
        assert 0 < np.mean(hits) < 1
        np.testing.assert_array_equal(np.diag(retrieval(cosines.numpy(), k)), hits)
