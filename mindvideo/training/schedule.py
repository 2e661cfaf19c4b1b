"""Length of a training run and its learning rate, step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mindvideo.settings.training import Training
from mindvideo.sizes import check_warmup


@dataclass(frozen=True)
class Schedule:
    """Warm-up, then constant or half a cosine: a function of the step only, without state.

    Attributes
    ----------
    total, warmup : int
        Optimizer steps of the training run, and of its warm-up.
    peak : float
        Learning rate at the end of the warm-up.
    shape : {"constant", "cosine"}
        The schedule after the warm-up; the cosine ends at zero.
    """

    total: int
    warmup: int
    peak: float
    shape: str

    @classmethod
    def of(cls, settings: Training, steps_per_epoch: int) -> Schedule:
        """Convert the settings' epochs to steps.

        Raises
        ------
        InputError
            If the warm-up is as long as the training run, or longer.
        """
        length = steps_per_epoch if settings.unit == "epochs" else 1
        check_warmup(settings.warmup, settings.duration, settings.unit)
        total, warmup = settings.duration * length, settings.warmup * length
        return cls(total, warmup, settings.lr, settings.schedule)

    def lr(self, step: int) -> float:
        """Learning rate of a step (counted from 0), updated per step as in He et al. (2022)."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup  # a step at 0 would change nothing
        if self.shape == "constant":
            return self.peak
        done = (step - self.warmup) / (self.total - self.warmup)
        return self.peak * 0.5 * (1 + math.cos(math.pi * done))
