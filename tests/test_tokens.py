"""What the tokens of encoders say."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from benchmarks.tokens import every_caption, explained, nearest
from mindvideo.demo.grammar import frame_caption
from mindvideo.demo.world import COLOURS, KINDS, SCENES, TIMES, Shot, draw_shot


def test_every_caption_is_there_once():
    captions = every_caption()
    assert len(captions) == len(KINDS) * len(COLOURS) * len(SCENES) * len(TIMES)
    assert captions["caption"].is_unique


def test_captions_are_those_of_frames_without_a_motion():
    by_caption = every_caption().set_index("caption")
    rng = np.random.default_rng(0)
    for _ in range(50):
        shot: Shot = draw_shot(rng, 2.0)
        sentence = frame_caption(shot)
        caption = next(c for c in by_caption.index if sentence.startswith(c))
        found = by_caption.loc[caption]
        assert (found["kind"], found["scene"]) == (shot.kind, shot.scene)


def test_the_nearest_caption_has_the_smallest_distance():
    rng = np.random.default_rng(1)
    rows, candidates = rng.normal(size=(20, 6)), rng.normal(size=(30, 6))
    distances = np.linalg.norm(rows[:, None] - candidates, axis=-1)
    assert nearest(rows, candidates).tolist() == distances.argmin(axis=1).tolist()


def test_explained_variance_is_r2():
    rng = np.random.default_rng(2)
    true = rng.normal(size=(40, 3))
    predicted = true + 0.5 * rng.normal(size=true.shape)
    expected = r2_score(true, predicted, multioutput="variance_weighted")
    assert explained(predicted, true, true.mean(axis=0)) == pytest.approx(expected)
    assert explained(true, true, true.mean(axis=0)) == 1
