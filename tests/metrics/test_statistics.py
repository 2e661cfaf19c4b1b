import itertools
import math

import numpy as np
import pytest
from scipy import stats

from mindvideo.metrics.shifts import pairs_to_shifts
from mindvideo.metrics.statistics import (
    Null,
    block_bootstrap,
    block_counts,
    circular_null,
    confidence_interval,
    holm,
    mean_of_shifts,
    models_p,
    paired_test,
    two_sample_p,
)


def all_shifts(scores):
    """Means of all combinations of shifts, the true order first: sums without rounding errors."""
    n = sum(segment.shape[1] for segment in scores)
    rows = itertools.product(*scores)
    return np.array([math.fsum(x for row in combined for x in row) / n for combined in rows])


def fraction_as_good(means):
    return np.mean(means >= means[0] - 1e-13 * np.abs(means).max())


def test_all_shifts_are_taken_once_where_they_are_few():
    scores = [np.array([[6.0, 6.0], [0.0, 0.0]]), np.array([[3.0], [9.0], [12.0]])]
    null = circular_null(scores, permutations=6, rng=np.random.default_rng(2))
    assert null.exact
    assert null.observed == null.values[0] == 5
    np.testing.assert_allclose(null.values, all_shifts(scores))
    assert null.p() == 3 / 6
    assert null.p("lower") == 4 / 6
    assert null.p_min == 1 / 6


def test_random_shifts_are_one_of_each_segment():
    """All combinations of shifts come about equally often, and nothing else."""
    rng = np.random.default_rng(2)
    scores = [rng.random((6, 6)), rng.random((5, 5)), rng.random((4, 4))]
    possible = all_shifts(scores)
    null = circular_null(scores, permutations=119, rng=rng)
    assert not null.exact
    draws = [circular_null(scores, permutations=119, rng=rng).values for _ in range(100)]
    values, counts = np.unique(np.concatenate(draws).round(12), return_counts=True)
    np.testing.assert_allclose(values, np.sort(possible), atol=1e-11)
    assert stats.chisquare(counts).pvalue > 1e-3
    assert circular_null(scores, permutations=120, rng=rng).exact


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_segment_of_60_clips_gives_no_p_below_one_in_60(dtype):
    rng = np.random.default_rng(0)
    for _ in range(200):
        scores = [pairs_to_shifts(rng.random((60, 60)).astype(dtype))]
        null = circular_null(scores, permutations=5000, rng=rng)
        assert null.p_min == 1 / 60
        assert null.p() == fraction_as_good(all_shifts(scores)) >= 1 / 60
        assert null.p("lower") == fraction_as_good(-all_shifts(scores)) >= 1 / 60


def test_the_true_order_counts_as_equal_among_random_shifts():
    """Of single precision too, where means round otherwise than sums."""
    rng, as_good = np.random.default_rng(0), []
    for _ in range(50):
        x = rng.random((2, 30)).astype(np.float32)
        # The true order is the best of 576.
        scores = [pairs_to_shifts(np.float32(0.7) - np.abs(s[:, None] - s))[:24] for s in x]
        null = circular_null(scores, permutations=500, rng=rng)
        assert null.observed == pytest.approx(0.7)
        as_good.append(np.sum(null.values >= 0.7 - 1e-6))
        assert null.p() == (1 + as_good[-1]) / 501
        assert null.p_min == 1 / 501
    assert 0 in as_good
    assert sum(as_good) > 20


def test_p_does_not_depend_on_the_unit_of_the_scores():
    rng = np.random.default_rng(1)
    scores = [rng.normal(size=(20, 20))]

    def p(changed):
        return circular_null(changed, permutations=100, rng=rng).p()

    expected = fraction_as_good(all_shifts(scores))
    for factor in (1e-12, 1e9):
        assert p([factor * s for s in scores]) == expected
    assert p([1e4 + s for s in scores]) == expected
    # Sums that differ only in the order of their terms tie, wherever they cancel.
    rows = np.stack([np.roll([0.1, 0.2, 0.3, -0.6, 1e-9], s) for s in range(5)])
    assert p([rows]) == 1


def test_segments_without_a_score_add_no_shifts():
    rng = np.random.default_rng(3)
    scored, empty = rng.random((12, 12)), np.full((12, 12), np.nan)
    null = circular_null([empty, scored, empty], permutations=5000, rng=rng)
    assert null.p_min == 1 / 12
    assert null.p() == fraction_as_good(all_shifts([scored]))


def mean_where_every_segment_is_shifted(scores):
    """A slow loop over all combinations of shifts in which no segment keeps its true order."""
    combinations = itertools.product(*(segment[1:] for segment in scores))
    return np.mean([np.nanmean(np.concatenate(rows)) for rows in combinations])


def test_chance_is_the_mean_over_shifts_of_all_segments():
    rng = np.random.default_rng(8)
    scores = [rng.random((4, 4)), rng.random((3, 3)), rng.random((2, 5))]
    assert mean_of_shifts(scores) == pytest.approx(mean_where_every_segment_is_shifted(scores))
    scores[0][:, 1] = scores[2][:, :3] = np.nan  # clips that are left out
    assert mean_of_shifts(scores) == pytest.approx(mean_where_every_segment_is_shifted(scores))


def test_the_true_order_of_no_segment_counts_for_chance():
    """Each decoded clip scores 1, all others 0: the mean over all shifts would be 1/2 and 1/3."""
    perfect = [pairs_to_shifts(np.eye(n)) for n in (2, 3)]
    assert mean_of_shifts(perfect) == 0
    null = circular_null(perfect, permutations=100, rng=np.random.default_rng(0))
    assert null.values.mean() == pytest.approx((2 / 2 + 3 / 3) / 5)
    assert null.p() == 1 / 6  # which the true order must be part of


def test_clips_without_another_shift_do_not_count_for_chance():
    two, one = np.array([[5.0, 7.0], [1.0, 3.0]]), np.array([[9.0]])
    assert mean_of_shifts([two, one]) == mean_of_shifts([two]) == 2
    assert np.isnan(mean_of_shifts([one, one]))
    assert np.isnan(mean_of_shifts([np.full((3, 3), np.nan), one]))


def test_p_counts_the_observed_order_among_random_ones():
    values = np.array([0.1, 0.2, 0.3, 0.4])
    for observed, p in [(0.5, 1 / 5), (0.3, 3 / 5), (0.0, 1)]:
        assert Null(observed, values, exact=False, scale=1).p() == p
        assert Null(-observed, -values, exact=False, scale=1).p("lower") == p


def test_p_is_uniform_without_an_effect():
    """Unrelated series whose neighbours are alike: 5% of tests are below 0.05."""
    rng = np.random.default_rng(3)
    p = []
    for _ in range(400):
        noise = rng.normal(size=(2, 2, 30))
        smooth = noise + np.roll(noise, 1, axis=-1) + np.roll(noise, 2, axis=-1)
        scores = [pairs_to_shifts(-((a[:, None] - b) ** 2)) for a, b in smooth]
        p.append(circular_null(scores, permutations=200, rng=rng).p())
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.075
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_p_is_small_with_an_effect():
    rng = np.random.default_rng(4)
    scores = []
    for _ in range(3):
        x = rng.normal(size=20)
        scores.append(pairs_to_shifts(-np.abs(x[:, None] - x)))
    assert circular_null(scores, permutations=500, rng=rng).p() <= 2 / 501


def test_statistics_are_of_double_precision_whatever_the_scores():
    rng = np.random.default_rng(5)
    single = rng.random(1001, dtype=np.float32) + 1000
    double = single.astype(float)
    settings = {"block": 4, "resamples": 50}
    actual, expected = (
        block_bootstrap([x], **settings, rng=np.random.default_rng(6)) for x in (single, double)
    )
    np.testing.assert_array_equal(actual, expected)
    assert two_sample_p(single[:500], single[500:]) == two_sample_p(double[:500], double[500:])
    d = [single[:20] - 1000]
    settings = {"block": 3, "permutations": 99}
    actual, expected = (
        paired_test([x.astype(t) for x in d], **settings, rng=np.random.default_rng(7))
        for t in (np.float32, np.float64)
    )
    assert actual == expected


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


def test_segments_keep_their_number_of_clips():
    values = [np.zeros(10), np.ones(30)]
    means = block_bootstrap(values, block=50, resamples=20, rng=np.random.default_rng(9))
    np.testing.assert_allclose(means, 0.75)


def test_the_null_is_that_of_the_clips_that_have_a_score():
    rng = np.random.default_rng(10)
    scores = [rng.random((12, 12)), rng.random((7, 7)), rng.random((4, 4))]
    kept = [rng.random(12) < 0.5, rng.random(7) < 0.5, np.zeros(4, bool)]
    partial = [np.where(k, s, np.nan) for s, k in zip(scores, kept)]
    null = circular_null(partial, permutations=50, rng=np.random.default_rng(0)).values
    columns = [s[:, k] for s, k in zip(scores, kept)]
    np.testing.assert_allclose(
        null, circular_null(columns, permutations=50, rng=np.random.default_rng(0)).values
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
    assert np.isnan(confidence_interval(means[:0])).all()


def test_the_two_sample_test_is_students():
    rng = np.random.default_rng(12)
    a, b = rng.normal(size=40), rng.normal(0.5, size=30)
    pooled = (39 * a.var(ddof=1) + 29 * b.var(ddof=1)) / 68
    t = (a.mean() - b.mean()) / np.sqrt(pooled * (1 / 40 + 1 / 30))
    assert two_sample_p(a, b) == pytest.approx(2 * stats.t.sf(abs(t), 68))
    assert two_sample_p(np.append(a, np.nan), b) == two_sample_p(a, b)
    assert np.isnan(two_sample_p(a[:1], b))


def test_two_samples_that_are_the_same_do_not_differ():
    a = np.random.default_rng(13).random(40)
    assert two_sample_p(a, a) == 1
    assert two_sample_p(np.ones(5), np.ones(9)) == 1
    assert two_sample_p(np.full(5, 0.1 + 0.2), np.full(5, 0.3)) == 1
    assert np.isnan(two_sample_p(np.ones(5), np.zeros(5)))  # no variance to go by


def test_paired_tests_of_single_clips_are_those_of_scipy():
    rng = np.random.default_rng(13)
    for dtype, n in [(np.float64, 12), (np.float32, 9), (np.float32, 4)]:
        d = rng.normal(0.4, size=n).astype(dtype)
        p, p_min = paired_test([d], block=1, permutations=20_000, rng=rng)
        reference = stats.permutation_test(
            (d.astype(float), np.zeros(n)),
            lambda x, y: np.mean(x - y),
            permutation_type="samples",
            n_resamples=np.inf,
        )
        assert p == pytest.approx(reference.pvalue, abs=0.015)
        assert p >= p_min == 2 / 2**n


def test_paired_p_is_uniform_where_neighbours_are_alike():
    rng = np.random.default_rng(14)
    p, naive = [], []
    for _ in range(400):
        d = [np.repeat(rng.normal(size=12), 4) for _ in range(3)]  # shots of four clips
        p.append(paired_test(d, block=8, permutations=200, rng=rng)[0])
        naive.append(paired_test(d, block=1, permutations=200, rng=rng)[0])
    assert np.mean(np.array(p) < 0.05) < 0.1
    assert np.mean(np.array(naive) < 0.05) > 0.2  # what blocks are for


def test_paired_p_is_small_with_an_effect_and_none_without_scores():
    rng = np.random.default_rng(15)
    d = [rng.normal(1, size=24), np.append(rng.normal(1, size=23), np.nan)]
    assert paired_test(d, block=5, permutations=500, rng=rng)[0] < 0.02
    assert np.isnan(paired_test([np.full(4, np.nan)], block=5, permutations=9, rng=rng)).all()


def test_models_that_are_the_same_do_not_differ():
    rng = np.random.default_rng(16)
    same = [np.zeros(24), np.array([0, np.nan, 0], np.float32)]
    assert paired_test(same, block=5, permutations=99, rng=rng)[0] == 1


def test_paired_p_does_not_depend_on_the_unit_of_the_scores():
    d = [np.random.default_rng(17).normal(0.6, size=30)]
    p_values = {
        paired_test([f * x for x in d], block=2, permutations=400, rng=np.random.default_rng(18))
        for f in (1, 2.0**-40, 2.0**30)
    }
    assert len(p_values) == 1
    assert p_values.pop()[0] < 0.1


def test_no_paired_p_is_below_what_the_blocks_allow():
    """Every start of the blocks, and every sign, enumerated."""
    rng = np.random.default_rng(19)
    block, n = 3, 7
    for d in (np.ones(n), np.where(np.arange(n) == 3, np.nan, 1)):
        as_good = []
        for start in range(block):
            place = (np.arange(n) + start) // block
            flips = itertools.product([-1, 1], repeat=place.max() + 1)
            of_start = [abs(np.nansum(np.array(f)[place] * d)) >= np.nansum(d) for f in flips]
            as_good.append(np.mean(of_start))
        for _ in range(20):
            p, p_min = paired_test([d], block=block, permutations=200, rng=rng)
            assert p >= p_min == pytest.approx(np.mean(as_good))
    assert paired_test([np.ones(99)], block=3, permutations=200, rng=rng)[1] == 1 / 201


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


def test_the_test_over_models_is_welchs():
    rng = np.random.default_rng(9)
    a, b = 0.6 + 0.02 * rng.normal(size=3), 0.5 + 0.05 * rng.normal(size=4)
    expected = stats.ttest_ind(a, b, equal_var=False).pvalue
    assert models_p(a, b) == models_p(b, a) == pytest.approx(expected)
    one = stats.ttest_1samp(b, a[0]).pvalue
    assert models_p(a[:1], b) == models_p(b, a[:1]) == pytest.approx(one)


def test_models_without_variance():
    same, other = np.array([0.5, 0.5]), np.array([0.7, 0.7])
    assert np.isnan(models_p(same[:1], other[:1]))
    assert models_p(same, same) == models_p(same[:1], same) == 1
    assert np.isnan(models_p(same, other))
    assert np.isnan(models_p(same[:1], other))


def test_models_of_one_method_rarely_differ():
    rng = np.random.default_rng(10)
    p = [models_p(*rng.normal(size=(2, 3))) for _ in range(2000)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.06
