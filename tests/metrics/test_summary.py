import re

import numpy as np
import pandas as pd
import pytest

from mindvideo.metrics.catalogue import clip_metrics, identification_metric
from mindvideo.metrics.names import current_name
from mindvideo.metrics.summary import (
    Metric,
    over_marked,
    scores_per_clip,
    shifts_by_segment,
    summarise,
    with_holm,
)

ROWS = [np.array([4, 3, 0, 1]), np.array([2, 5, 6]), np.array([7, 8])]
N = 9
DRAWS = {"block": 2, "resamples": 500, "permutations": 4000}


@pytest.fixture
def pairs():
    return np.random.default_rng(0).random((N, N))


def metric(pairs, ceiling=None):
    return Metric("m", "a mean", 0.5, ROWS, shifts_by_segment(pairs, ROWS), ceiling)


def row_of(metric, rng=None):
    return summarise([metric], **DRAWS, rng=rng or np.random.default_rng(0)).iloc[0]


def test_scores_go_by_segment_and_shift(pairs):
    m = metric(pairs)
    g = ROWS[1]
    second = [[pairs[g[n], g[(n + shift) % 3]] for n in range(3)] for shift in range(3)]
    np.testing.assert_array_equal(m.scores[1], second)
    np.testing.assert_array_equal(scores_per_clip(m), pairs.diagonal())


def test_a_row_has_the_mean_and_the_ceiling(pairs):
    rng = np.random.default_rng(0)
    row = row_of(metric(pairs, ceiling=np.arange(N)), rng)
    assert row["value"] == pytest.approx(pairs.diagonal().mean())
    assert row["ceiling"] == 4
    assert row["n_clips"] == N
    assert np.isnan(row_of(metric(pairs), rng)["ceiling"])
    assert row["p_min"] == 1 / (4 * 3 * 2)
    assert row["p"] >= row["p_min"]


def test_over_marked_clips_only_the_mean_and_the_null_change(pairs):
    marked = np.isin(np.arange(N), [0, 3, 6])
    part = over_marked(metric(pairs, ceiling=np.arange(N)), marked, "rare")
    assert part.name == "m_rare"
    row = row_of(part)
    assert row["n_clips"] == 3
    assert row["value"] == pytest.approx(pairs.diagonal()[marked].mean())
    assert row["ceiling"] == 3
    assert row["ci_low"] <= row["value"] <= row["ci_high"]
    # The null compares a marked clip's reconstruction with all other clips of its segment.
    others = [(0, [4, 3, 1]), (3, [4, 0, 1]), (6, [2, 5])]
    expected = sum(pairs[clip, candidates].mean() for clip, candidates in others)
    assert row["null_mean"] == pytest.approx(expected / 3)
    assert row["p_min"] == 1 / (4 * 3)  # of the last segment no clip is marked
    scores = scores_per_clip(part)
    np.testing.assert_array_equal(scores[marked], pairs.diagonal()[marked])
    assert np.isnan(scores[~marked]).all()


def of_segments(*n_clips):
    pairs = np.random.default_rng(0).random((sum(n_clips),) * 2)
    rows = np.split(np.arange(sum(n_clips)), np.cumsum(n_clips)[:-1])
    return Metric("m", "a mean", 0.5, rows, shifts_by_segment(pairs, rows))


@pytest.mark.parametrize(
    ("n_clips", "permutations", "p_min", "message"),
    [
        ((60,), 5000, 1 / 60, None),
        ((5, 4), 5000, 1 / 20, None),
        ((24, 24, 24), 5000, 1 / 5001, None),
        ((19,), 5000, 1 / 19, "0.053, .*: m. The segments allow 19 circular shifts: score"),
        ((2, 3), 5000, 1 / 6, "0.17, .*: m. The segments allow 6 circular shifts: score"),
        ((24, 24), 9, 1 / 10, "0.1, .*: m. Permutations is 9: set it to 19"),
        ((1, 1, 1), 5000, np.nan, "each segment has 1 clip"),
    ],
)
def test_a_warning_says_where_nothing_can_be_significant(
    n_clips, permutations, p_min, message, caplog
):
    draws = {**DRAWS, "permutations": permutations, "rng": np.random.default_rng(0)}
    row = summarise([of_segments(*n_clips)], **draws).iloc[0]
    np.testing.assert_equal(row["p_min"], p_min)
    assert not row["p"] < row["p_min"]
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == (message is not None)
    if message:
        assert re.search(message, warnings[0])


def test_what_compares_with_no_clip_has_no_p_and_no_warning(caplog):
    one = of_segments(60)
    alone = Metric("steady", "", 0.5, one.rows, [s[:1] for s in one.scores])
    table = summarise([one, alone], **DRAWS, rng=np.random.default_rng(0)).set_index("metric")
    assert table.loc["steady", ["null_mean", "p", "p_min"]].isna().all()
    assert table.loc["m", "p_min"] == 1 / 60
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_p_is_corrected_within_the_table_and_in_old_tables_too(pairs):
    marked = np.isin(np.arange(N), [0, 3, 6])
    metrics = [metric(pairs), metric(-pairs), over_marked(metric(pairs), marked, "rare")]
    table = summarise(metrics, **DRAWS, rng=np.random.default_rng(0))
    ranks = table["p"].rank(method="first").astype(int)
    expected = {rank: p * (4 - rank) for rank, p in zip(ranks, table["p"])}
    for rank, corrected in zip(ranks, table["p_holm"]):
        at_most = max(p for other, p in expected.items() if other <= rank)
        assert corrected == pytest.approx(min(1, at_most))
    columns = [*table.columns]
    assert columns[columns.index("p") + 1] == "p_holm"
    pd.testing.assert_frame_equal(with_holm(table.drop(columns="p_holm")), table)
    assert with_holm(table) is table


def test_a_film_that_stands_still_is_at_chance():
    """Equal pictures tie, although products of equal vectors differ in the last digits."""
    rng = np.random.default_rng(0)
    reconstructions = rng.normal(size=(60, 3, 512)).astype(np.float32)
    stimuli = np.repeat(rng.normal(size=(1, 3, 512)), 60, axis=0).astype(np.float32)
    rows = [np.arange(60)]
    metrics = [
        identification_metric("image", "", reconstructions[:, 0], stimuli[:, 0], rows),
        *clip_metrics(reconstructions, stimuli, rows, top=[10]),
    ]
    table = summarise(metrics, **DRAWS, rng=rng).set_index("metric")
    assert table.loc["identification_image", ["value", "p"]].tolist() == [0.5, 1]
    assert table.loc["retrieval_top_10", "value"] == pytest.approx(10 / 60)
    assert (table["p"].dropna() == 1).all()


def test_a_metric_named_as_in_the_last_version_is_found_with_a_warning():
    assert current_name("kind_accuracy") == "kind_accuracy"
    assert current_name("left_right_accuracy") == "left_right_accuracy"
    assert current_name("ssim") == "ssim"
    with pytest.warns(FutureWarning, match="kind_right is now called kind_accuracy"):
        assert current_name("kind_right") == "kind_accuracy"
    with pytest.warns(FutureWarning):
        assert current_name("kind_right_rare") == "kind_accuracy_rare"
