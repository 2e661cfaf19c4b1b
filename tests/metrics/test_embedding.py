import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity as reference

from mindvideo.metrics.embedding import (
    adjacent_consistency,
    all_pairs_consistency,
    cosine_similarity,
    frame_similarity,
    identification,
    nearest,
    retrieval,
)


def test_cosine_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 8)), rng.normal(size=(7, 8))
    np.testing.assert_allclose(cosine_similarity(a, b), reference(a, b), atol=1e-12)
    assert cosine_similarity(np.zeros((1, 8)), b).tolist() == [[0] * 7]


def test_identification_counts_pairs():
    rng = np.random.default_rng(1)
    similarity = rng.normal(size=(9, 9)).round(1)  # rounded: some ties
    expected = np.empty((9, 9))
    for i in range(9):
        for j in range(9):
            others = np.delete(similarity[i], j)
            similarity_of_pair = similarity[i, j]
            expected[i, j] = np.mean(
                (others < similarity_of_pair) + 0.5 * (others == similarity_of_pair)
            )
    np.testing.assert_allclose(identification(similarity), expected)


def test_identification_by_chance_and_by_knowledge():
    rng = np.random.default_rng(2)
    embedding = rng.normal(size=(60, 5))
    assert (identification(cosine_similarity(embedding, embedding)).diagonal() == 1).all()
    guesses = identification(rng.normal(size=(300, 300)))
    assert abs(guesses.diagonal().mean() - 0.5) < 4 * np.sqrt(1 / 12 / 300)
    np.testing.assert_allclose(guesses.mean(), 0.5)


def test_retrieval_is_a_count_of_those_more_alike():
    rng = np.random.default_rng(0)
    similarity = rng.standard_normal((6, 9))
    candidate = rng.integers(9, size=6)
    for k in (1, 4, 9):
        scores = retrieval(similarity, k, candidate)
        for i in range(6):
            for j in range(6):
                better = sum(s > similarity[i, candidate[j]] for s in similarity[i])
                assert scores[i, j] == (better < k)


def test_candidates_that_tie_count_in_part():
    scores = retrieval(np.array([[3.0, 1, 1, 1, 0]]), 2, np.array([2]))
    assert scores == pytest.approx(1 / 3)  # one place is left for three
    assert retrieval(np.zeros((4, 10)), 5, np.arange(4)) == pytest.approx(np.full((4, 4), 0.5))


def test_by_default_candidate_i_belongs_to_clip_i():
    guesses = retrieval(np.random.default_rng(4).normal(size=(400, 400)), 5)
    np.testing.assert_allclose(guesses.mean(), 5 / 400)


def test_similarity_and_consistency_are_those_of_loops_over_frames():
    rng = np.random.default_rng(5)
    reconstructions, stimuli = rng.normal(size=(2, 4, 6, 8))
    for i in range(4):
        for j in range(4):
            expected = np.mean(
                [reference(reconstructions[i, [f]], stimuli[j, [f]]) for f in range(6)]
            )
            assert abs(frame_similarity(reconstructions, stimuli)[i, j] - expected) < 1e-9
        cosines = reference(reconstructions[i])
        adjacent = np.mean([cosines[f, f + 1] for f in range(5)])
        pairs = np.mean([cosines[f, g] for f in range(6) for g in range(f)])
        assert abs(adjacent_consistency(reconstructions)[i] - adjacent) < 1e-9
        assert abs(all_pairs_consistency(reconstructions)[i] - pairs) < 1e-9


def test_a_clip_of_one_frame_is_steady():
    one = np.ones((3, 1, 4))
    assert adjacent_consistency(one).tolist() == all_pairs_consistency(one).tolist() == [1, 1, 1]


def test_the_nearest_embedding_does_not_depend_on_how_much_ridge_regression_shrinks():
    rng = np.random.default_rng(0)
    embeddings = 3 + rng.normal(size=(50, 8))
    mean = embeddings.mean(axis=0)
    for shrinkage in (1.0, 0.01):
        predicted = mean + shrinkage * (embeddings - mean)
        np.testing.assert_array_equal(nearest(predicted, embeddings), np.arange(50))
