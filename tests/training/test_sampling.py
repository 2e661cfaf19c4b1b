from __future__ import annotations

import numpy as np
import pytest
import torch

from mindvideo.errors import InputError
from mindvideo.training.sampling import Batches, draw_evenly, step_generator, step_seed


def epoch(batches: Batches, number: int) -> np.ndarray:
    first = number * batches.per_epoch
    return np.stack([batches.batch_at(first + i) for i in range(batches.per_epoch)])


@pytest.mark.parametrize(("n", "size"), [(24, 4), (23, 4), (5, 5), (7, 1)])
def test_an_epoch_visits_each_example_at_most_once(n: int, size: int) -> None:
    batches = Batches(n, size, seed=0)
    assert batches.per_epoch == n // size
    for number in range(3):
        examples = epoch(batches, number)
        assert examples.shape == (n // size, size)
        assert len(np.unique(examples)) == examples.size
        assert examples.max() < n


def test_examples_left_over_differ_between_epochs() -> None:
    batches = Batches(23, 4, seed=0)
    left_over = {
        tuple(set(range(23)) - set(epoch(batches, number).ravel())) for number in range(20)
    }
    assert len(left_over) > 10


@pytest.mark.parametrize(("lengths", "n"), [([50, 7, 300, 1], 100), ([3, 3, 3], 8), ([860] * 9, 1)])
def test_rows_are_drawn_from_all_arrays_in_proportion(lengths: list[int], n: int) -> None:
    rows = draw_evenly(lengths, n, seed=3)
    assert len(rows) == n
    assert (np.diff(rows) > 0).all()  # ascending, none twice
    ends = np.cumsum(lengths)
    numbers = np.bincount(np.searchsorted(ends, rows, side="right"), minlength=len(lengths))
    assert (np.abs(numbers - np.multiply(lengths, n / ends[-1])) < 1).all()
    np.testing.assert_array_equal(rows, draw_evenly(lengths, n, seed=3))


def test_each_row_is_drawn_as_often_as_any_other() -> None:
    drawn = np.bincount(
        np.concatenate([draw_evenly([40, 60], 50, seed) for seed in range(400)]), minlength=100
    )
    assert abs(drawn - 200).max() < 5 * 10  # binomial SD: 10
    assert np.array_equal(draw_evenly([4, 6], 10, 0), np.arange(10))


def test_batches_are_a_function_of_seed_and_step() -> None:
    forwards = [Batches(23, 4, 1).batch_at(step) for step in range(12)]
    backwards = Batches(23, 4, 1)
    for step in reversed(range(12)):
        np.testing.assert_array_equal(backwards.batch_at(step), forwards[step])
    assert not np.array_equal(forwards[0], Batches(23, 4, 2).batch_at(0))
    assert not np.array_equal(forwards[0], forwards[5])  # the first of the second epoch


@pytest.mark.parametrize("seed", range(5))
def test_scenes_are_kept_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenes = np.repeat(np.arange(40), rng.integers(1, 9, 40))
    batches = Batches(len(scenes), 20, seed, scenes)
    for number in range(3):
        examples = epoch(batches, number)
        assert len(np.unique(examples)) == examples.size
        for batch in examples:
            assert len(set(scenes[batch])) == 20


def test_an_epoch_has_as_many_batches_as_scenes_allow() -> None:
    """Each batch can have one example of the large scene."""
    scenes = [0] * 100 + list(range(1, 13))
    batches = Batches(len(scenes), 4, 0, scenes)
    assert batches.per_epoch == 4  # 3 others in each batch, of 12
    assert all((np.asarray(scenes)[batch] == 0).sum() == 1 for batch in epoch(batches, 0))


def test_all_examples_of_large_scenes_are_used() -> None:
    scenes = [0] * 10 + [1] * 10
    examples = np.unique([Batches(20, 2, 0, scenes).batch_at(step) for step in range(100)])
    assert len(examples) == 20


def test_examples_are_shuffled_evenly() -> None:
    """The mean position of each example is in the middle of an epoch."""
    batches = Batches(12, 3, 0)
    places = np.array([np.argsort(epoch(batches, number).ravel()) for number in range(400)])
    assert np.abs(places.mean(axis=0) - 5.5).max() < 1


def test_batch_larger_than_the_data() -> None:
    with pytest.raises(InputError, match="only 3 examples"):
        Batches(3, 4, 0)


def test_batch_larger_than_the_scenes() -> None:
    with pytest.raises(InputError, match=r"only 2 scenes.*apart: false"):
        Batches(6, 3, 0, [0, 0, 0, 1, 1, 1])


def test_random_numbers_depend_on_seed_and_step() -> None:
    def numbers(*key: int) -> tuple[float, float]:
        generator = step_generator(*key)
        return torch.rand((), generator=generator).item(), torch.rand(()).item()

    assert numbers(0, 5, 0, 0) == numbers(0, 5, 0, 0)
    others = {numbers(*key) for key in [(0, 5, 0, 0), (0, 5, 0, 1), (0, 5, 1, 0), (0, 6, 0, 0)]}
    assert len(others) == 4
    assert len({step_seed(s, t) for s in range(50) for t in range(50)}) == 2500
