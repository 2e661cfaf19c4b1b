from __future__ import annotations

import numpy as np
import pytest
import torch

from mindvideo.training.augment import chosen, crop, draw, mix_repetitions, sparsify


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(5, 100), (5, 2, 100)])
def test_sparsify_zeroes_that_fraction(shape: tuple[int, ...]) -> None:
    fmri = torch.ones(shape)
    sparse = sparsify(fmri, 0.2, generator())
    assert ((sparse == 0).sum(dim=-1) == 20).all()
    assert (fmri == 1).all()
    zeros = (sparse == 0).reshape(5, -1, 100)
    assert (zeros == zeros[:, :1]).all()  # the same voxels in all volumes of a window
    assert len(torch.unique(zeros[:, 0], dim=0)) == 5  # different ones in each example
    assert torch.equal(sparse, sparsify(fmri, 0.2, generator()))


def test_sparsify_keeps_the_other_voxels() -> None:
    fmri = torch.randn(3, 2, 50)
    sparse = sparsify(fmri, 0.5, generator())
    assert torch.equal(sparse[sparse != 0], fmri[sparse != 0])
    assert sparsify(fmri, 0.0, generator()) is fmri


def test_voxels_are_zeroed_evenly() -> None:
    zeros = (sparsify(torch.ones(5000, 20), 0.2, generator()) == 0).float().mean(dim=0)
    assert (zeros - 0.2).abs().max() < 0.03


def test_repetitions_are_averaged_with_weights_that_sum_to_one() -> None:
    fmri = torch.arange(3.0)[None, :, None, None].expand(4000, 3, 2, 5)  # repetitions 0, 1, 2
    mixed = mix_repetitions(fmri, generator())
    assert mixed.shape == (4000, 2, 5)
    assert (mixed == mixed[:, :1, :1]).all()  # one weight for a whole repetition
    torch.testing.assert_close(
        mix_repetitions(torch.ones(9, 3, 2, 5), generator())[0, 0, 0].item(), 1.0
    )
    # Dirichlet(1, 1, 1): a weight has mean 1/3, variance 1/18 and covariance -1/36 with others.
    values = mixed[:, 0, 0]
    assert values.mean().item() == pytest.approx(1, abs=0.03)
    assert values.var().item() == pytest.approx(1 / 18 + 4 / 18 - 4 / 36, rel=0.1)
    assert torch.equal(mixed, mix_repetitions(fmri, generator()))


def test_a_single_repetition_and_a_mean_are_unchanged() -> None:
    fmri, random = torch.randn(4, 2, 5), generator()
    assert mix_repetitions(fmri, random) is fmri
    assert torch.equal(random.get_state(), generator().get_state())  # nothing is drawn
    torch.testing.assert_close(mix_repetitions(fmri[:, None], random), fmri)


def test_crop_is_a_window_of_the_frame() -> None:
    frame = np.arange(20 * 30 * 3).reshape(20, 30, 3)
    places = set()
    for seed in range(200):
        window = crop(frame, generator(seed))
        assert window.shape == (16, 24, 3)
        top, left = divmod(int(window[0, 0, 0]) // 3, 30)
        np.testing.assert_array_equal(window, frame[top : top + 16, left : left + 24])
        places.add((top, left))
    assert {top for top, _ in places} == set(range(5))
    assert {left for _, left in places} == set(range(7))


def test_chosen() -> None:
    assert chosen(50, 0.0, generator()) == [False] * 50
    assert chosen(50, 1.0, generator()) == [True] * 50
    assert 0.25 < np.mean(chosen(2000, 0.3, generator())) < 0.35


def test_draw() -> None:
    source = generator()
    assert {draw(3, source) for _ in range(50)} == {0, 1, 2}
