"""Which examples make up a step, and the random numbers of a step.

Both are functions of (seed, step) only. Training resumed from a checkpoint therefore gets the same
batches and random numbers, without any saved state of loaders or generators.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from mindvideo.errors import InputError
from mindvideo.settings.training import Training
from mindvideo.sizes import check_batch_size


def step_seed(seed: int, *key: int) -> int:
    """A 63-bit seed for one step (and part of it). Different keys give independent streams."""
    return int(np.random.SeedSequence([seed, *key]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def step_generator(seed: int, *key: int) -> torch.Generator:
    """Seed torch's global generators (for dropout) and return one for all other random numbers.

    It is always on the CPU, so that training on a GPU gets the same noise.
    """
    number = step_seed(seed, *key)
    torch.manual_seed(number)
    return torch.Generator().manual_seed(number)


def draw_evenly(lengths: Sequence[int], n: int, seed: int) -> np.ndarray:
    """Draw rows of several arrays without replacement, of each in proportion to its length.

    Parameters
    ----------
    lengths : sequence of int
        Number of rows of each array.
    n : int
        Number of rows to draw, at most their sum.
    seed : int

    Returns
    -------
    (n,) int, ascending
        Numbers of rows, counted over all arrays in order. The number drawn from an array differs
        by less than 1 from its proportion.

    Examples
    --------
    >>> rows = draw_evenly([100, 300], 8, seed=0)
    >>> len(rows), int((rows < 100).sum())
    (8, 2)
    """
    ends = np.cumsum(lengths, dtype=np.int64)
    numbers = np.diff(ends * n // ends[-1], prepend=0)
    generator = np.random.default_rng(seed)
    drawn = [
        end - length + np.sort(generator.choice(length, number, replace=False))
        for end, length, number in zip(ends, lengths, numbers)
    ]
    return np.concatenate(drawn)


class Batches:
    """Batches without replacement, reshuffled every epoch; no batch contains a scene twice.

    An epoch has ``per_epoch`` = K batches of B examples, where K is the largest number with
    sum over scenes of min(size, K) >= K·B. The examples are laid out scene by scene, in random
    order within and between the scenes and at most K of a scene, and dealt out in turn to the K
    batches. Two of a scene are less than K positions apart, so no batch contains both. Without
    scenes, each example is its own scene, K = n // B, and the result is the usual permutation. The
    examples left over differ from epoch to epoch.

    Parameters
    ----------
    n_examples : int
        Number of examples.
    batch_size : int
        Examples in a batch, B.
    seed : int
        Seed of the epochs' permutations.
    scenes : array of int, shape (n_examples,), optional
        Scene of each example.

    Raises
    ------
    InputError
        If there are fewer examples, or fewer scenes, than a batch needs.
    """

    def __init__(
        self,
        n_examples: int,
        batch_size: int,
        seed: int,
        scenes: npt.ArrayLike | None = None,
    ) -> None:
        check_batch_size(batch_size, n_examples)
        scenes = np.arange(n_examples) if scenes is None else np.asarray(scenes)
        if len(scenes) != n_examples:
            raise ValueError(f"{len(scenes)} scenes for {n_examples} examples")
        _, self._scene, sizes = np.unique(scenes, return_inverse=True, return_counts=True)
        if len(sizes) < batch_size:
            raise InputError(
                f"batch_size: {batch_size}, but the clips show only {len(sizes)} scenes, and a "
                "batch must not contain two clips of the same scene. Lower batch_size, or set "
                "apart: false."
            )
        counts = range(n_examples // batch_size, 0, -1)
        self.per_epoch = next(k for k in counts if np.minimum(sizes, k).sum() >= k * batch_size)
        self.batch_size = batch_size
        self._seed = seed
        self._epoch = lru_cache(maxsize=1)(self._shuffle)

    @classmethod
    def of(
        cls, settings: Training, n_examples: int, scenes: npt.ArrayLike | None = None
    ) -> Batches | None:
        """The batches of a training run; None if nothing is trained, whatever the batch size is."""
        if not settings.trains:
            return None
        return cls(n_examples, settings.batch_size, settings.seed, scenes)

    def batch_at(self, step: int) -> np.ndarray:
        """Examples of a step (counted from 0), int, shape (batch_size,)."""
        epoch, place = divmod(step, self.per_epoch)
        return self._epoch(epoch)[place]

    def _shuffle(self, epoch: int) -> np.ndarray:
        """All batches of an epoch, shape (per_epoch, batch_size)."""
        rng = np.random.default_rng([self._seed, epoch])
        n, k = len(self._scene), self.per_epoch
        order = rng.permutation(n)
        # Scenes in random order, each one's examples in the order of the permutation.
        place = rng.permutation(self._scene.max() + 1)[self._scene[order]]
        by_scene = np.argsort(place, kind="stable")
        order, place = order[by_scene], place[by_scene]
        # Rank of an example within its scene; those from k on are left for another epoch.
        first = np.searchsorted(place, place)
        order = order[np.arange(n) - first < k]
        surplus = len(order) - k * self.batch_size
        order = np.delete(order, rng.choice(len(order), surplus, replace=False))
        batches = order.reshape(self.batch_size, k).T
        return batches[rng.permutation(k)]
