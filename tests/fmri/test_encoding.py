"""Encoding models: against a plain loop, on voxels of known tuning, and on noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold

from mindvideo.errors import InputError
from mindvideo.fmri.encoding import ALPHAS, delayed, inflation, left_out_z, reduced
from mindvideo.fmri.reproducibility import over_segments

DELAYS = [0, 1, 2]


def films(n=8, n_clips=30, k=5, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n_clips, k)) for _ in range(n)]


def fit(features, responses, **options):
    """Fisher z for responses (n_segments, n_clips, n_voxels)."""

    def of_voxels(voxels):
        return [y[:, voxels] for y in responses]

    return left_out_z(features, of_voxels, responses[0].shape[1], **options)


def result_of(z):
    return over_segments(z, "greater", inflation=inflation(len(z)))


def tuned(shown, n_voxels, seed, gain=1.0, delay=1):
    """Responses to a random mixture of the features of an earlier clip, and noise."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(shown[0].shape[1], n_voxels)) / np.sqrt(shown[0].shape[1])
    out = []
    for film in shown:
        response = rng.normal(size=(len(film), n_voxels))
        response[delay:] += gain * (film @ weights)[: len(film) - delay]
        out.append(response)
    return out


def test_delays_are_earlier_clips_and_nothing_before_the_film():
    film = np.arange(1.0, 5)[:, None]
    assert delayed(film, [0, 2]).tolist() == [[1, 0], [2, 0], [3, 1], [4, 2]]
    assert delayed(film, [9]).tolist() == [[0]] * 4


def test_components_keep_the_variance_and_kinds_count_alike():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 300)) * 7 + 3
    values[:, 0] = 1  # constant
    scores = reduced(values, 10)
    assert scores.shape == (50, 4)
    assert np.mean(scores**2) == pytest.approx(1)
    standardised = stats.zscore(values[:, 1:], axis=0)
    np.testing.assert_allclose(
        np.corrcoef(scores @ scores.T)[0], np.corrcoef(standardised @ standardised.T)[0], atol=1e-6
    )
    assert reduced(values, 2).shape == (50, 2)


@pytest.mark.parametrize(("n", "chunk"), [(4, 3), (7, 2048)])
def test_predictions_are_those_of_a_plain_loop(n, chunk):
    shown = films(n)
    features = [delayed(film, DELAYS) for film in shown]
    responses = tuned(shown, 4, seed=1)
    z = fit(features, responses, chunk=chunk)
    groups = np.repeat(np.arange(n), 30)
    x, y = np.concatenate(features), np.concatenate(responses)
    for train, test in GroupKFold(min(5, n)).split(x, groups=groups):
        for voxel in range(4):
            model = RidgeCV(ALPHAS).fit(x[train], y[train, voxel])
            for segment in np.unique(groups[test]):
                predicted = model.predict(x[groups == segment])
                r = stats.pearsonr(predicted, responses[segment][:, voxel]).statistic
                assert np.tanh(z[segment, voxel]) == pytest.approx(r, abs=1e-6)


def test_voxels_of_known_tuning_are_found_and_noise_is_not():
    shown = films(18, 40)
    responses = [
        np.hstack([a, b]) for a, b in zip(tuned(shown, 100, 1), tuned(shown, 400, 2, gain=0))
    ]
    result = result_of(fit([delayed(f, DELAYS) for f in shown], responses))
    assert (result.p[:100] < 0.01 / 500).mean() > 0.9
    assert result.r[:100].mean() > 0.4
    assert (result.p[100:] < 0.01 / 500).sum() <= 1


@pytest.mark.parametrize(("n", "k", "slow"), [(18, 6, True), (18, 40, False), (6, 20, True)])
def test_false_positives_are_below_the_level_of_the_test(n, k, slow):
    rng = np.random.default_rng(3)
    shown = [rng.normal(size=(40, k)) for _ in range(n)]
    if slow:
        shown = [film.cumsum(axis=0) * 0.3 for film in shown]
    z = fit([delayed(f, DELAYS) for f in shown], tuned(shown, 4000, 4, gain=0))
    result = result_of(z)
    assert 0.01 < (result.p < 0.05).mean() < 0.055
    assert (result.p < 0.001).mean() < 0.0015
    assert abs(result.r.mean()) < 0.02
    plain = over_segments(z, "greater")  # segments are not independent
    assert (plain.p < 0.05).mean() > 1.3 * 0.05
    assert (plain.p < 0.001).mean() > 0.0015


def test_dead_voxels_are_untested_and_fewer_responses_than_clips_are_enough():
    shown = films()
    responses = [y[:28] for y in tuned(shown, 3, seed=1, gain=3)]
    responses[2][:, 1] = 0
    z = fit([delayed(film, DELAYS) for film in shown], responses)
    assert np.flatnonzero(np.isnan(z).any(axis=0)).tolist() == [1]
    assert z[:, [0, 2]].mean() > 0.8


def test_one_segment_cannot_be_left_out():
    with pytest.raises(InputError, match="1 segment: at least 2 are needed"):
        fit(films(1), [np.ones((30, 2))])
