import numpy as np

from mindvideo.metrics.shifts import draw_shifts, pairs_to_shifts, shifted_scores


def test_pairs_are_rearranged_by_shift():
    pairs = np.random.default_rng(0).normal(size=(5, 5))
    by_shift = pairs_to_shifts(pairs)
    for s in range(5):
        np.testing.assert_array_equal(by_shift[s], [pairs[i, (i + s) % 5] for i in range(5)])


def test_shifted_scores_compare_with_the_clip_that_many_later():
    truth = np.arange(4).reshape(4, 1, 1, 1, 1)
    scores = shifted_scores(lambda t, r: (10 * t + r).mean(), truth, truth, shifts=[0, 3])
    np.testing.assert_array_equal(scores, [[0, 11, 22, 33], [30, 1, 12, 23]])


def test_shifts_start_with_none_and_differ():
    rng = np.random.default_rng(1)
    for most, n in [(4, 4), (100, 9), (1, 1)]:
        shifts = draw_shifts(9, most, rng)
        assert shifts[0] == 0
        assert len(set(shifts)) == len(shifts) == n
        assert shifts.max() < 9
    assert draw_shifts(1, 5, rng).tolist() == [0]
