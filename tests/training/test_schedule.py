from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mindvideo.errors import InputError
from mindvideo.settings.training import Mbm, Training
from mindvideo.training.schedule import Schedule


def curve(schedule: Schedule) -> np.ndarray:
    return np.array([schedule.lr(step) for step in range(schedule.total)])


def test_cosine_is_torchs() -> None:
    rates = curve(Schedule(total=50, warmup=10, peak=0.3, shape="cosine"))
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.3)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
    for step in range(10, 50):
        assert rates[step] == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)
        optimizer.step()
        reference.step()


def test_warm_up_rises_linearly_to_the_peak() -> None:
    rates = curve(Schedule(total=20, warmup=4, peak=1.0, shape="constant"))
    np.testing.assert_allclose(rates, [0.25, 0.5, 0.75, 1.0, *[1.0] * 16])


def test_epochs_are_converted_to_steps() -> None:
    schedule = Schedule.of(Mbm(), steps_per_epoch=1200)
    assert (schedule.total, schedule.warmup) == (600_000, 48_000)
    assert schedule.lr(0) == pytest.approx(2.5e-4 / 48_000)
    assert schedule.lr(48_000) == 2.5e-4
    assert schedule.lr(600_000) == pytest.approx(0, abs=1e-12)


def test_steps_are_not_converted() -> None:
    settings = Training(duration=30, batch_size=2, lr=1, warmup=3)
    assert Schedule.of(settings, steps_per_epoch=7) == Schedule(30, 3, 1, "constant")


def test_warm_up_must_be_shorter_than_the_training() -> None:
    with pytest.raises(ValidationError, match="warmup: 5 of 5 steps"):
        Training(duration=5, batch_size=2, lr=1, warmup=5)
    assert not Training(duration=0, batch_size=2, lr=1, warmup=5).trains
    unchecked = Training(duration=6, batch_size=2, lr=1, warmup=5).model_copy(
        update={"duration": 5}
    )
    with pytest.raises(InputError, match="warmup: 5 of 5 steps"):
        Schedule.of(unchecked, 1)
