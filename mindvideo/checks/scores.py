"""The statistical power of scores on the evaluated segments."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mindvideo.dataset import Dataset
from mindvideo.findings import Finding, warning
from mindvideo.run import Evaluated

LEAST_SHIFTS = 20
"""Number of circular shifts needed for a p value of 0.05."""


def shifts(dataset: Dataset, evaluate: Evaluated = "test") -> Iterator[Finding]:
    """Evaluated segments with so few clips that no score can be significant."""
    for subject in dataset.subjects:
        segments = dataset.segments_of(subject, evaluate)
        n_shifts = math.prod(dataset.n_clips(segment) for segment in segments)
        if segments and n_shifts < LEAST_SHIFTS:
            yield warning(
                subject,
                f"the {evaluate} segments ({', '.join(segments)}) allow {n_shifts} circular "
                f"shifts, the product of their clips, so p cannot be below {1 / n_shifts:.2g}. "
                f"For 0.05, {LEAST_SHIFTS} are needed: use more {evaluate} segments, or "
                "longer ones",
            )
