import numpy as np
import pytest
from scipy import stats

from mindvideo.metrics.statistics import (
    block_bootstrap,
    block_counts,
    circular_null,
    confidence_interval,
    draw_shifts,
    holm,
    p_value,
    paired_p,
    pairs_to_shifts,
    shifted_scores,
    two_sample_p,
)


def test_pairs_are_rearranged_by_shift():
    pairs = np.random.default_rng(0).normal(size=(5, 5))
    by_shift = pairs_to_shifts(pairs)
    for s in range(5):
        np.testing.assert_array_equal(by_shift[s], [pairs[i, (i + s) % 5] for i in range(5)])


def test_shifted_scores_compare_with_the_clip_that_many_later():
    truth = np.arange(4).reshape(4, 1, 1, 1, 1)
    scores = shifted_scores(lambda t, r: (10 * t + r).mean(), truth, truth, shifts=[0, 3])
    np.testing.assert_array_equal(scores, [[0, 11, 22, 33], [30, 1, 12, 23]])


def test_shifts_start_with_none_and_do_not_repeat():
    rng = np.random.default_rng(1)
    for most, n in [(4, 4), (100, 9), (1, 1)]:
        shifts = draw_shifts(9, most, rng)
        assert shifts[0] == 0
        assert len(set(shifts)) == len(shifts) == n
        assert shifts.max() < 9
    assert draw_shifts(1, 5, rng).tolist() == [0]


def test_the_null_takes_one_shift_a_segment():
    """All combinations of shifts come about equally often, and nothing else."""
    scores = [np.array([[6.0, 6.0], [0.0, 0.0]]), np.array([[3.0], [9.0], [12.0]])]
    null = circular_null(scores, permutations=12_000, rng=np.random.default_rng(2))
    possible = [(a + b) / 3 for a in (12, 0) for b in (3, 9, 12)]
    values, counts = np.unique(null.round(9), return_counts=True)
    expected, weights = np.unique(np.round(possible, 9), return_counts=True)
    np.testing.assert_allclose(values, expected)
    assert stats.chisquare(counts, 2000 * weights).pvalue > 1e-3


def test_p_counts_the_observed_order():
    null = np.array([0.1, 0.2, 0.3, 0.4])
    assert p_value(0.5, null) == 1 / 5
    assert p_value(0.3, null) == 3 / 5
    assert p_value(0.0, null) == 1


def test_p_is_uniform_without_an_effect():
    """Unrelated series whose neighbours are alike: 5% of tests are below 0.05."""
    rng = np.random.default_rng(3)
    p = []
    for _ in range(400):
        noise = rng.normal(size=(2, 2, 30))
        smooth = noise + np.roll(noise, 1, axis=-1) + np.roll(noise, 2, axis=-1)
        scores = [pairs_to_shifts(-((a[:, None] - b) ** 2)) for a, b in smooth]
        observed = np.concatenate([s[0] for s in scores]).mean()
        p.append(p_value(observed, circular_null(scores, permutations=200, rng=rng)))
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.075
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_p_is_small_with_an_effect():
    rng = np.random.default_rng(4)
    scores = []
    for _ in range(3):
        x = rng.normal(size=20)
        scores.append(pairs_to_shifts(-np.abs(x[:, None] - x)))
    null = circular_null(scores, permutations=500, rng=rng)
    assert p_value(0.0, null) <= 2 / 501


def test_blocks_of_one_are_the_ordinary_bootstrap():
    values = np.random.default_rng(5).exponential(size=80)
    means = block_bootstrap([values], block=1, resamples=4000, rng=np.random.default_rng(6))
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(7)
    ).confidence_interval
    np.testing.assert_allclose(confidence_interval(means), reference, atol=0.02)


def test_blocks_widen_the_interval_as_much_as_neighbours_are_alike():
    """Against many fresh series: the bootstrap's spread is that of the mean."""
    rng = np.random.default_rng(8)

    def series():
        return np.repeat(rng.normal(size=400), 4)  # shots of four clips

    means = block_bootstrap([series()], block=12, resamples=500, rng=rng)
    spread = np.std([series().mean() for _ in range(500)])
    assert means.std() == pytest.approx(spread, rel=0.2)
    naive = block_bootstrap([series()], block=1, resamples=500, rng=rng)
    assert naive.std() < 0.65 * spread


def test_segments_keep_their_share():
    values = [np.zeros(10), np.ones(30)]
    means = block_bootstrap(values, block=50, resamples=20, rng=np.random.default_rng(9))
    np.testing.assert_allclose(means, 0.75)


def test_the_null_is_that_of_the_clips_that_have_a_score():
    rng = np.random.default_rng(10)
    scores = [rng.random((12, 12)), rng.random((7, 7)), rng.random((4, 4))]
    kept = [rng.random(12) < 0.5, rng.random(7) < 0.5, np.zeros(4, bool)]
    partial = [np.where(k, s, np.nan) for s, k in zip(scores, kept)]
    null = circular_null(partial, permutations=50, rng=np.random.default_rng(0))
    columns = [s[:, k] for s, k in zip(scores, kept)]
    np.testing.assert_allclose(
        null, circular_null(columns, permutations=50, rng=np.random.default_rng(0))
    )


def test_the_interval_over_marked_clips_is_as_wide_as_their_mean_varies():
    """Against fresh series: marks come in shots too, so marked clips are few and alike."""
    rng = np.random.default_rng(11)
    marks = np.repeat(rng.random(400) < 0.3, 4)

    def series():
        return np.where(marks, np.repeat(rng.normal(size=400), 4), np.nan)

    means = block_bootstrap([series()], block=12, resamples=500, rng=rng)
    spread = np.std([np.nanmean(series()) for _ in range(500)])
    assert means.std() == pytest.approx(spread, rel=0.2)


def test_samples_without_a_score_are_left_out():
    values = np.full(30, np.nan)
    values[4] = 2.0
    means = block_bootstrap([values], block=2, resamples=200, rng=np.random.default_rng(12))
    assert 0 < len(means) < 200
    assert (means == 2).all()


def test_the_two_sample_test_is_students():
    rng = np.random.default_rng(12)
    a, b = rng.normal(size=40), rng.normal(0.5, size=30)
    pooled = (39 * a.var(ddof=1) + 29 * b.var(ddof=1)) / 68
    t = (a.mean() - b.mean()) / np.sqrt(pooled * (1 / 40 + 1 / 30))
    assert two_sample_p(a, b) == pytest.approx(2 * stats.t.sf(abs(t), 68))
    assert two_sample_p(np.append(a, np.nan), b) == two_sample_p(a, b)
    assert np.isnan(two_sample_p(np.ones(5), np.ones(5)))
    assert np.isnan(two_sample_p(a[:1], b))


def test_paired_tests_of_single_clips_are_those_of_scipy():
    rng = np.random.default_rng(13)
    d = rng.normal(0.4, size=12)
    found = paired_p([d], block=1, permutations=20_000, rng=rng)
    reference = stats.permutation_test(
        (d, np.zeros(12)), lambda x, y: np.mean(x - y), permutation_type="samples",
        n_resamples=np.inf,
    )  # fmt: skip
    assert found == pytest.approx(reference.pvalue, abs=0.015)


def test_paired_p_is_uniform_where_neighbours_are_alike():
    rng = np.random.default_rng(14)
    p, naive = [], []
    for _ in range(400):
        d = [np.repeat(rng.normal(size=12), 4) for _ in range(3)]  # shots of four clips
        p.append(paired_p(d, block=8, permutations=200, rng=rng))
        naive.append(paired_p(d, block=1, permutations=200, rng=rng))
    assert np.mean(np.array(p) < 0.05) < 0.1
    assert np.mean(np.array(naive) < 0.05) > 0.2  # what blocks are for


def test_paired_p_is_small_with_an_effect_and_none_without_scores():
    rng = np.random.default_rng(15)
    d = [rng.normal(1, size=24), np.append(rng.normal(1, size=23), np.nan)]
    assert paired_p(d, block=5, permutations=500, rng=rng) < 0.02
    assert np.isnan(paired_p([np.full(4, np.nan)], block=5, permutations=9, rng=rng))


def test_holm_multiplies_by_the_tests_that_are_left():
    p = np.array([0.01, np.nan, 0.04, 0.03])
    np.testing.assert_allclose(holm(p), [0.03, np.nan, 0.06, 0.06])
    assert np.isnan(holm(np.array([np.nan]))).all()


def test_counts_are_the_samples_of_the_bootstrap():
    rng = np.random.default_rng(3)
    values, rows = rng.normal(size=9), [np.array([8, 2, 0, 5, 3]), np.array([7, 1, 4, 6])]
    settings = {"block": 2, "resamples": 50}
    counts = block_counts(rows, **settings, rng=np.random.default_rng(4))
    assert (counts.sum(axis=1) == 9).all()
    segments = [values[segment] for segment in rows]
    expected = block_bootstrap(segments, **settings, rng=np.random.default_rng(4))
    np.testing.assert_allclose(counts @ values / 9, expected)
