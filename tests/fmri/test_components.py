"""Regression by way of principal components equals regression on the values themselves."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from mindvideo.fmri import components as module
from mindvideo.fmri.components import generalisation, principal_components
from mindvideo.fmri.decoding import fit_decoder, predict


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)


def correlated(n=60, v=40, rank=12, seed=0):
    """Values of some rank, two of them constant, and windows that carry them with noise."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, rank)) * np.arange(rank, 0, -1)
    values = 3 + scores @ rng.normal(size=(rank, v))
    values[:, [4, 9]] = 0.1
    windows = scores @ rng.normal(size=(rank, 30)) + 5 * rng.normal(size=(n, 30))
    return windows.reshape(n, 2, 15), values.astype(np.float32), np.arange(n) // 15


def test_components_are_those_of_scikit_learn():
    _, values, _ = correlated()
    ours = principal_components(values, 0.95)
    theirs = PCA(0.95, svd_solver="full").fit(values.astype(float))
    assert ours.loadings.shape == (40, theirs.n_components_)
    np.testing.assert_allclose(ours.mean, theirs.mean_)
    sign = np.sign((ours.loadings * theirs.components_.T).sum(axis=0))
    np.testing.assert_allclose(ours.loadings, theirs.components_.T * sign, atol=1e-6)
    np.testing.assert_allclose(
        ours.scores, theirs.transform(values.astype(float)) * sign, atol=1e-5
    )


def test_all_components_are_as_many_as_the_rank():
    _, values, _ = correlated()
    ours = principal_components(values.astype(float), 1.0)
    # Rounding to single precision adds components of next to no variance.
    assert ours.loadings.shape[1] >= 12
    rebuilt = ours.mean + ours.scores @ ours.loadings.T
    np.testing.assert_allclose(rebuilt, values, atol=1e-4)
    same = np.ones((5, 3))
    assert principal_components(same, 1.0).loadings.shape == (3, 0)


def test_with_all_components_it_is_direct_ridge_regression_of_the_values():
    windows, values, groups = correlated()
    parts = principal_components(values, 1.0)
    decoder = fit_decoder(windows, parts.scores, groups, stretch=False, alphas=[40.0])
    others = correlated(seed=1)[0]
    predicted = parts.mean + predict(others, decoder.coef, decoder.intercept) @ parts.loadings.T
    flat = windows.reshape(len(windows), -1)
    direct = Ridge(alpha=40.0).fit(flat, values.astype(float))
    np.testing.assert_allclose(predicted, direct.predict(others.reshape(60, -1)), atol=1e-4)


def test_values_generalise_as_they_do_in_a_regression_of_their_own():
    windows, values, groups = correlated()
    parts = principal_components(values, 1.0)
    of_scores = fit_decoder(windows, parts.scores, groups, alphas=[40.0])
    direct = fit_decoder(windows, values, groups, stretch=False, alphas=[40.0])
    ours = generalisation(values, parts, of_scores.held_out)
    np.testing.assert_allclose(ours.correlation, direct.correlation, atol=1e-4)
    sd = values.astype(float).std(axis=0)
    sd[[4, 9]] = 0
    np.testing.assert_allclose(ours.factor * direct.held_out.std(axis=0), sd, atol=1e-3)
    assert not ours.correlation[[4, 9]].any()


def test_a_window_that_carries_nothing_gives_no_values():
    """Constant windows: the predictions of a fold are the mean of the other folds."""
    _, values, groups = correlated()
    parts = principal_components(values, 0.99)
    decoder = fit_decoder(np.zeros((60, 4)), parts.scores, groups)
    ours = generalisation(values, parts, decoder.held_out)
    assert ours.correlation.max() < 0.1
