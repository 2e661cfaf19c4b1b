"""The null is null: on clips of the demo's films, shuffled, p is uniform."""

import numpy as np
import pytest
from scipy import stats

from mindvideo.demo import film
from mindvideo.metrics.embedding import cosine_similarity, identification, retrieval
from mindvideo.metrics.motion import direction_agreement, end_point_error, optical_flow
from mindvideo.metrics.n_way import n_way_pairs, top_classes
from mindvideo.metrics.pixel import ssim
from mindvideo.metrics.summary import Metric, shifts_by_segment, summarise

N, SEGMENTS, FRAMES, SIZE = 12, 4, 2, 24
ROWS = [N * i + np.arange(N) for i in range(SEGMENTS)]


@pytest.fixture(scope="module")
def clips():
    takes = [film.script(7, "test", f"test{i}", 2.0 * N) for i in range(SEGMENTS)]
    frames = [np.stack(list(film.frames(t, FRAMES / 2, SIZE))) for t in takes]
    return np.concatenate(frames).reshape(N * SEGMENTS, FRAMES, SIZE, SIZE, 3)


def pairs_of(clips):
    """Scores of every clip with every clip, by metric."""
    flows = np.stack([optical_flow(clip) for clip in clips])
    pixels = clips.mean(axis=(2, 3)).reshape(len(clips), -1) - 127
    logits = pixels @ np.random.default_rng(0).normal(size=(pixels.shape[1], 20))
    each = {
        "ssim": lambda i, j: ssim(clips[i], clips[j]).mean(),
        "agreement": lambda i, j: direction_agreement(flows[i], flows[j]),
        "error": lambda i, j: end_point_error(flows[i], flows[j]),
    }
    n = range(len(clips))
    functions = {name: np.array([[f(i, j) for j in n] for i in n]) for name, f in each.items()}
    likeness = cosine_similarity(pixels, pixels)
    return functions | {
        "identification": identification(likeness),
        "retrieval": retrieval(likeness, 5),
        "n_way": n_way_pairs(logits, top_classes(logits, 3), 5),
    }


def test_p_is_uniform_on_shuffled_clips_and_small_on_the_clips_themselves(clips):
    rng = np.random.default_rng(1)
    draws = {"block": 3, "resamples": 20, "permutations": 199, "rng": rng}
    for name, pairs in pairs_of(clips).items():
        better = "lower" if name == "error" else "higher"

        def metric(pairs, name=name, better=better):
            return Metric(name, "", 0.5, ROWS, shifts_by_segment(pairs, ROWS), better=better)

        shuffled = [metric(pairs[rng.permutation(len(pairs))]) for _ in range(300)]
        *p, unshuffled = summarise([*shuffled, metric(pairs)], **draws)["p"]
        # Scores of few values tie, and ties count against the observed order: p may be larger.
        alternative = "two-sided" if name in ("ssim", "agreement", "error") else "greater"
        assert stats.kstest(p, "uniform", alternative=alternative).pvalue > 0.005, name
        assert np.mean(np.array(p) <= 0.05) < 0.1, name
        assert unshuffled == 1 / 200, name
