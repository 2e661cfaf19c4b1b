"""Closed form against counting all draws, against trials, and against chance by formula."""

from itertools import combinations

import numpy as np
import pytest

from mindvideo.metrics.n_way import (
    enough_classes,
    n_way_accuracy,
    n_way_chance,
    n_way_pairs,
    n_way_trials,
    top_classes,
)


def count_all_draws(scores, classes, n_way):
    others = [c for c in range(len(scores)) if c not in classes]
    draws = list(combinations(others, n_way - 1))
    return np.mean([scores[classes].max() > scores[list(draw)].max() for draw in draws])


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("n_way", [2, 4, 6])
def test_the_closed_form_counts_all_draws(n_way, k):
    rng = np.random.default_rng(n_way)
    scores = rng.normal(size=(12, 9))
    classes = top_classes(rng.normal(size=(12, 9)), k)
    expected = [count_all_draws(s, c, n_way) for s, c in zip(scores, classes)]
    np.testing.assert_allclose(n_way_accuracy(scores, classes, n_way), expected, atol=1e-12)


def test_ties_are_failures():
    scores = np.array([1.0, 1.0, 0.0, 1.0])
    classes = np.array([0])
    # one of the three others is below: half the truth would be 1/3, ties as wins 1
    assert n_way_accuracy(scores, classes, 2) == pytest.approx(1 / 3)
    assert n_way_accuracy(scores, classes, 3) == 0
    equal = np.array([0, 3])  # ties among ground-truth classes do not matter
    assert n_way_accuracy(scores, equal, 2) == pytest.approx(1 / 2)


def test_trials_approach_the_closed_form():
    rng = np.random.default_rng(0)
    scores, truth = rng.normal(size=(2, 6, 60))
    classes = top_classes(truth, 3)
    trials = n_way_trials(scores, classes, 10, trials=4000, rng=rng)
    exact = n_way_accuracy(scores, classes, 10)
    assert np.abs(trials - exact).max() < 4 * np.sqrt(0.25 / 4000)
    again = [
        n_way_trials(scores, classes, 10, trials=20, rng=np.random.default_rng(1)) for _ in "ab"
    ]
    np.testing.assert_array_equal(*again)


@pytest.mark.parametrize(("n_way", "k"), [(2, 3), (50, 1)])
def test_a_hundred_thousand_trials_agree(n_way, k):
    rng = np.random.default_rng(8)
    scores = rng.normal(size=(1, 400))
    classes = np.argsort(-scores)[:, [30, 60, 90]][:, :k]  # none wins or loses every trial
    trials = n_way_trials(scores, classes, n_way, trials=100_000, rng=rng)
    exact = n_way_accuracy(scores, classes, n_way)
    assert 0.005 < exact < 0.995
    assert abs(trials - exact) < 4 * np.sqrt(exact * (1 - exact) / 100_000)


@pytest.mark.parametrize(("n_way", "k"), [(2, 1), (2, 3), (50, 1), (50, 3)])
def test_unrelated_scores_are_at_chance(n_way, k):
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(20_000, 60))
    accuracy = n_way_accuracy(scores, np.arange(k)[None], n_way)
    error = accuracy.std() / np.sqrt(len(accuracy))
    assert accuracy.mean() == pytest.approx(n_way_chance(n_way, k), abs=4 * error)


def test_chance_of_the_released_protocol():
    assert n_way_chance(2, 3) == 0.75
    assert n_way_chance(50, 3) == pytest.approx(0.0577, abs=1e-4)
    assert n_way_chance(50, 1) == 0.02


def test_every_pair():
    rng = np.random.default_rng(4)
    scores, truth = rng.normal(size=(5, 9)), rng.normal(size=(7, 9))
    classes = top_classes(truth, 3)
    pairs = n_way_pairs(scores, classes, 4)
    assert pairs.shape == (5, 7)
    expected = [[count_all_draws(s, c, 4) for c in classes] for s in scores]
    np.testing.assert_allclose(pairs, expected, atol=1e-12)
    tied = scores.round()
    each = [n_way_accuracy(one[None], classes, 4) for one in tied]
    np.testing.assert_array_equal(n_way_pairs(tied, classes, 4), each)


def test_a_perfect_reconstruction_always_wins():
    scores = np.random.default_rng(5).normal(size=(4, 20))
    np.testing.assert_array_equal(n_way_accuracy(scores, top_classes(scores, 3), 18), 1)


def test_there_must_be_enough_classes():
    assert enough_classes(18, 20, 3)
    assert not enough_classes(19, 20, 3)
    with pytest.raises(ValueError, match="19-way with 3"):
        n_way_accuracy(np.zeros(20), np.arange(3), 19)
