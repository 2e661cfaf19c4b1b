"""Linear decoding: it finds a planted signal, and reports how well it generalises."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from mindvideo.errors import InputError
from mindvideo.fmri.decoding import ALPHAS, fit_decoder, predict


def planted(noise, n=400, seed=0):
    """Windows (n, 2, 15) that carry the first of two targets with noise, the second not at all."""
    rng = np.random.default_rng(seed)
    targets = rng.normal([3, -1], [2, 0.01], (n, 2))
    pattern = np.random.default_rng(5).normal(size=(2, 15))
    windows = (targets[:, :1, None] - 3) * pattern + noise * rng.normal(size=(n, 2, 15))
    return windows.astype(np.float32), targets, np.arange(n) // 100


def decode(windows, targets, groups, test_windows, **settings):
    """Predictions for some windows, and the correlations by cross-validation."""
    decoder = fit_decoder(windows, targets, groups, **settings)
    return predict(test_windows, decoder.coef, decoder.intercept), decoder.correlation


def test_predictions_are_those_of_ridge_regression():
    windows, targets, segments = planted(5.0)
    flat = windows.reshape(len(windows), -1)
    values, _ = decode(windows, targets, segments, windows[:7], stretch=False)
    ridge = RidgeCV(alphas=ALPHAS, alpha_per_target=True).fit(flat, targets)
    np.testing.assert_allclose(values, ridge.predict(flat[:7]), rtol=1e-5)
    one, _ = decode(windows, targets[:, :1], segments, windows[:7], stretch=False)
    np.testing.assert_allclose(one[:, 0], values[:, 0], rtol=1e-6)


def test_a_planted_target_is_decoded():
    windows, targets, segments = planted(0.1)
    test_windows, expected, _ = planted(0.1, n=50, seed=1)
    values, correlation = decode(windows, targets, segments, test_windows)
    assert values.shape == (50, 2)
    assert np.abs(values[:, 0] - expected[:, 0]).max() < 0.3
    assert correlation[0] > 0.99


def test_a_target_unrelated_to_the_windows_has_no_correlation():
    """The windows carry nothing of the second target: its predictions are near the mean."""
    windows, targets, segments = planted(0.1)
    values, correlation = decode(windows, targets, segments, windows[:1], stretch=False)
    assert abs(correlation[1]) < 0.2
    assert values[0, 1] == pytest.approx(targets[:, 1].mean(), abs=0.01)


def test_stretched_predictions_vary_as_much_as_the_targets():
    windows, targets, segments = planted(15.0)
    test_windows, _, _ = planted(15.0, n=2000, seed=1)
    shrunk, stretched = (
        decode(windows, targets, segments, test_windows, stretch=stretch)[0][:, 0]
        for stretch in (False, True)
    )
    assert shrunk.std() < 0.8 * targets[:, 0].std()
    assert stretched.std() == pytest.approx(targets[:, 0].std(), rel=0.15)
    assert np.corrcoef(shrunk, stretched)[0, 1] == pytest.approx(1)


def test_neighbours_of_one_segment_do_not_help():
    """Targets and noise that are constant within each segment do not generalise to others."""
    rng = np.random.default_rng(0)
    segments = np.arange(300) // 50
    targets = rng.normal(size=(6, 1))[segments]
    windows = rng.normal(size=(6, 40))[segments] + 0.1 * rng.normal(size=(300, 40))
    assert decode(windows, targets, segments, windows)[1][0] < 0.5


def test_a_constant_target_is_predicted_exactly():
    windows, targets, segments = planted(1.0)
    targets[:, 1] = 0
    values, correlation = decode(windows, targets, segments, windows)
    assert not values[:, 1].any()
    assert correlation[1] == 0


def test_the_correlation_does_not_depend_on_the_unit():
    windows, targets, segments = planted(1.0)
    values, correlation = decode(windows, targets, segments, windows)
    tiny, of_tiny = decode(windows, 1e-9 * targets, segments, windows)
    np.testing.assert_allclose(of_tiny, correlation, rtol=1e-3)
    np.testing.assert_allclose(tiny, 1e-9 * values, rtol=1e-3)


def test_refuses_a_single_segment():
    windows, targets, segments = planted(1.0)
    with pytest.raises(InputError, match="1 segment: at least 2"):
        fit_decoder(windows, targets, np.zeros_like(segments))
