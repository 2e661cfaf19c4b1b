"""How the clips of a data set are aligned with the volumes of its runs, by a model's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mindvideo.clip_times import ClipTimes, trim
from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.sizes import check_recorded

if TYPE_CHECKING:
    from mindvideo.config import Stages


def clip_seconds(dataset: Dataset, stages: Stages) -> float:
    """Duration of a clip [s]."""
    return stages.clips.seconds or dataset.tr


def lag_of(dataset: Dataset, stages: Stages) -> int:
    """Haemodynamic delay [volumes]."""
    return dataset.lag if stages.windows.lag is None else stages.windows.lag


def clip_times(dataset: Dataset, stages: Stages) -> ClipTimes:
    """How the clips of a model are aligned with the volumes of runs."""
    windows = stages.windows
    return ClipTimes(
        tr=dataset.tr,
        seconds=clip_seconds(dataset, stages),
        size=windows.size,
        interpolation=windows.interpolation,
        end=windows.end,
    )


def n_available(dataset: Dataset, stages: Stages, segment: str) -> int | None:
    """Volumes of each run from the first one that is kept; None if it is not known."""
    if (after := dataset.recorded_after(segment)) is None:
        return None
    during = clip_times(dataset, stages).span(dataset.n_shown(segment))
    return during + after - lag_of(dataset, stages)


def n_kept(dataset: Dataset, stages: Stages, segment: str) -> int:
    """Volumes of a run that a model keeps."""
    available = n_available(dataset, stages, segment)
    return clip_times(dataset, stages).n_kept(dataset.n_clips(segment), available)


def n_needed(dataset: Dataset, stages: Stages, segment: str, start: float) -> int:
    """Volumes that a run must have for a model, if its film starts at `start` [volumes]."""
    first = start + lag_of(dataset, stages)
    kept = trim(first, n_kept(dataset, stages, segment), stages.windows.interpolation)
    return kept.start + kept.n_read


def n_recorded(dataset: Dataset, segment: str, models: Mapping[str | None, Stages]) -> int:
    """Number of clips of a segment whose windows were recorded, in every model.

    Raises
    ------
    ValueError
        If there are none, or windows are longer than the segment; it names the variant.
    """
    numbers, shown = [], dataset.n_shown(segment)
    for variant, stages in models.items():
        times, lag = clip_times(dataset, stages), lag_of(dataset, stages)
        available = n_available(dataset, stages, segment)
        if available is None:
            available = times.n_kept(shown)
        numbers.append(times.n_clips(shown, available))
        try:
            check_recorded(times.size, lag, available + lag, numbers[-1])
        except InputError as error:
            where = f"variants.{variant}: " if variant else ""
            raise ValueError(f"{where}{segment}: {error}") from None
    return min(numbers)
