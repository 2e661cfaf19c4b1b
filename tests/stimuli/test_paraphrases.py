"""Paraphrases of captions."""

import numpy as np
import pytest

from mindvideo.stimuli.paraphrases import replace_words, reword, swap_words

CAPTION = "a small dog runs along the road"
SYNONYMS = {"small": ["little"], "road": ["route", "way"], "run": ["race"]}


def rng(seed=0):
    return np.random.default_rng(seed)


def test_words_that_have_synonyms_are_replaced():
    assert replace_words(CAPTION, SYNONYMS, 0.0, rng()) == CAPTION
    paraphrases = {replace_words(CAPTION, SYNONYMS, 1.0, rng(seed)) for seed in range(20)}
    assert paraphrases == {f"a little dog runs along the {way}" for way in ("route", "way")}
    assert replace_words("Small thing", SYNONYMS, 1.0, rng()) == "little thing"


def test_each_word_is_replaced_with_the_probability():
    paraphrases = [
        replace_words("small road", SYNONYMS, 0.3, rng(seed)).split() for seed in range(3000)
    ]
    assert np.mean([a == "little" for a, _ in paraphrases]) == pytest.approx(0.3, abs=0.03)
    assert np.mean([b != "road" for _, b in paraphrases]) == pytest.approx(0.3, abs=0.03)


def test_two_words_change_places():
    for seed in range(20):
        swapped = swap_words(CAPTION, rng(seed))
        assert sorted(swapped.split()) == sorted(CAPTION.split())
        assert sum(a != b for a, b in zip(swapped.split(), CAPTION.split(), strict=True)) == 2
    assert swap_words("ball", rng()) == "ball"
    assert swap_words("", rng()) == ""


def test_paraphrases_are_a_function_of_the_caption_and_the_seed():
    rates = {"replace": 0.5, "swap": 0.5}
    first = reword(CAPTION, 30, SYNONYMS, **rates, seed=1)
    assert len(first) == 30
    assert len(set(first)) > 10
    assert CAPTION in first
    assert reword(CAPTION, 30, SYNONYMS, **rates, seed=1) == first
    assert reword(CAPTION, 30, SYNONYMS, **rates, seed=2) != first
    assert reword(CAPTION, 3, SYNONYMS, **rates, seed=1) == first[:3]
    assert reword(CAPTION, 3, SYNONYMS, replace=0, swap=0, seed=1) == [CAPTION] * 3
    swapped = [
        paraphrase.split() != CAPTION.split()
        for paraphrase in reword(CAPTION, 2000, {}, replace=1, swap=0.3, seed=1)
    ]
    assert np.mean(swapped) == pytest.approx(0.3, abs=0.04)
