import numpy as np
import pytest
from scipy.special import softmax

from mindvideo.errors import InputError
from mindvideo.metrics.attributes import Attribute, answers, naming_classes, right_pairs, words

LABELS = ["owl in a wood", "owl at the lake", "Fox in a wood", "fox at the lake", "polar-bear"]


def attribute(name, *values):
    return Attribute(name, list(values), np.zeros(1, int))


def test_a_label_is_split_on_all_that_is_no_letter():
    assert words("Red fox_2, running (left-hand) Où") == {
        *("red", "fox", "running", "left", "hand", "où")
    }


def test_a_class_names_the_values_that_are_words_of_its_label():
    named = naming_classes(attribute("animal", "fox", "owl"), LABELS, "judge")
    assert named.tolist() == [[0, 0, 1, 1, 0], [1, 1, 0, 0, 0]]
    # a part of a word is none: "ow" of "owl"
    with pytest.raises(InputError):
        naming_classes(attribute("animal", "ow"), LABELS, "judge")


def test_a_value_that_no_label_names_is_reported():
    with pytest.raises(InputError) as error:
        naming_classes(attribute("animal", "owl", "elk", "ant"), LABELS, "image classifier any/one")
    message = str(error.value)
    assert message.startswith("animal: 'elk', 'ant': not a word in any of the 5 labels")
    assert "image classifier any/one (owl in a wood, owl at the lake, Fox in a wood, fox" in message
    assert "remove animal from scoring.attributes" in message


def test_two_values_in_one_label_are_reported():
    with pytest.raises(InputError, match=r"'owl' and 'wood' are both words of .*'owl in a wood'"):
        naming_classes(attribute("animal", "fox", "owl", "wood"), LABELS, "judge")
    with pytest.raises(InputError, match="'Owl' and 'owl' are both"):
        naming_classes(attribute("animal", "Owl", "owl"), LABELS, "judge")


def test_the_answer_has_the_largest_sum_of_probabilities():
    # Two classes of 0.3 outweigh one of 0.4, which is the likeliest class.
    probabilities = np.array([0.3, 0.3, 0.4, 0.0, 0.0]) + 1e-9
    named = naming_classes(attribute("animal", "fox", "owl"), LABELS, "judge")
    assert answers(np.log(probabilities)[None, None], named).tolist() == [1]


def test_answers_are_those_of_a_slow_loop():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40, 3, 12)).astype(np.float32) * 3
    owners = rng.permutation(np.arange(12) % 4)  # of value 3: classes that name nothing
    named = np.array([owners == value for value in range(3)])
    for clip, answer in zip(logits, answers(logits, named), strict=True):
        sums = np.zeros(3)
        for frame in clip:
            for value, probability in zip(owners, softmax(frame)):
                if value < 3:
                    sums[value] += probability
        assert answer == sums.argmax()


def test_pairs_are_right_where_the_answer_is_the_clips_value():
    pairs = right_pairs(np.array([2, 0, 2]), np.array([2, 2, 0]))
    assert pairs.tolist() == [[1, 1, 0], [0, 0, 1], [1, 1, 0]]


def test_guesses_are_right_by_chance():
    rng = np.random.default_rng(1)
    named = np.arange(12) % 4 == np.arange(4)[:, None]
    guessed = answers(rng.normal(size=(4000, 1, 12)), named)
    truth = rng.integers(4, size=4000)
    assert right_pairs(guessed[:2000], truth[:2000]).mean() == pytest.approx(1 / 4, abs=0.01)
