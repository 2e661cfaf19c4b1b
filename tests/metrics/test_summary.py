import numpy as np
import pytest

from mindvideo.metrics.summary import Metric, over_marked, own_scores, shifts_by_segment, summarise

ROWS = [np.array([4, 3, 0, 1]), np.array([2, 5, 6]), np.array([7, 8])]
N = 9
DRAWS = {"block": 2, "resamples": 500, "permutations": 4000}


@pytest.fixture
def pairs():
    return np.random.default_rng(0).random((N, N))


def metric(pairs, ceiling=None):
    return Metric("m", "a mean", 0.5, ROWS, shifts_by_segment(pairs, ROWS), ceiling)


def test_scores_go_by_segment_and_shift(pairs):
    m = metric(pairs)
    g = ROWS[1]
    second = [[pairs[g[n], g[(n + shift) % 3]] for n in range(3)] for shift in range(3)]
    np.testing.assert_array_equal(m.scores[1], second)
    np.testing.assert_array_equal(own_scores(m), pairs.diagonal())


def test_a_row_tells_the_mean_and_the_ceiling(pairs):
    rng = np.random.default_rng(0)
    row = summarise(metric(pairs, ceiling=np.arange(N)), **DRAWS, rng=rng)
    assert row["value"] == pytest.approx(pairs.diagonal().mean())
    assert row["ceiling"] == 4
    assert row["n_clips"] == N
    assert np.isnan(summarise(metric(pairs), **DRAWS, rng=rng)["ceiling"])


def test_over_marked_clips_only_the_mean_and_the_null_change(pairs):
    marked = np.isin(np.arange(N), [0, 3, 6])
    part = over_marked(metric(pairs, ceiling=np.arange(N)), marked, "rare")
    assert part.name == "m_rare"
    row = summarise(part, **DRAWS, rng=np.random.default_rng(0))
    assert row["n_clips"] == 3
    assert row["value"] == pytest.approx(pairs.diagonal()[marked].mean())
    assert row["ceiling"] == 3
    assert row["ci_low"] <= row["value"] <= row["ci_high"]
    # The null sets a marked clip's reconstruction beside all clips of its segment, marked or not.
    expected = pairs[0, ROWS[0]].mean() + pairs[3, ROWS[0]].mean() + pairs[6, ROWS[1]].mean()
    assert row["null_mean"] == pytest.approx(expected / 3, abs=0.01)
    own = own_scores(part)
    np.testing.assert_array_equal(own[marked], pairs.diagonal()[marked])
    assert np.isnan(own[~marked]).all()
