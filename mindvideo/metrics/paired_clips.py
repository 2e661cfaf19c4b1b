"""Pairwise comparison of reconstructions and stimuli at circular shifts of each segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from mindvideo.metrics.shifts import draw_shifts, scores_of_pairs, shifted_pairs
from mindvideo.metrics.statistics import Better
from mindvideo.metrics.summary import Metric
from mindvideo.metrics.threads import Each, side_by_side

Compute = Callable[[range], np.ndarray]
"""Some row numbers → these rows; each row depends only on its number."""

Keep = Callable[[str, int, Compute], np.ndarray]
"""Name and number of rows of an array, and how to compute some of them → all of them."""


class FrameMetric(NamedTuple):
    """A metric of two frames, or of features computed from them."""

    name: str
    function: Callable[[np.ndarray, np.ndarray], np.ndarray | float]
    definition: str
    better: Better = "higher"


@dataclass(frozen=True)
class PairedClips:
    """Reconstructions and stimuli, and the shifts at which they are compared.

    reconstructions, stimuli : ndarray, uint8, (n_clips, n_frames, h, w, 3)
    rows : list of ndarray of int, (n_segment_clips,)
        By segment, in the order of its film.
    shifts : list of ndarray of int, (n_shifts,)
        By segment [clips]; the first is 0, the true order.
    """

    reconstructions: np.ndarray
    stimuli: np.ndarray
    rows: list[np.ndarray]
    shifts: list[np.ndarray]

    @classmethod
    def at_random_shifts(
        cls,
        reconstructions: np.ndarray,
        stimuli: np.ndarray,
        rows: list[np.ndarray],
        most: int,
        rng: np.random.Generator,
    ) -> PairedClips:
        """Draw at most `most` shifts for each segment, including the true order."""
        shifts = [draw_shifts(len(segment), most, rng) for segment in rows]
        return cls(reconstructions, stimuli, rows, shifts)

    def score(
        self,
        name: str,
        frame_metrics: Sequence[FrameMetric],
        keep: Keep,
        prepare: Callable[[np.ndarray], np.ndarray] = np.asarray,
    ) -> list[Metric]:
        """Compute metrics of frames, or of features that `prepare` computes from a clip's frames.

        Parameters
        ----------
        name : str
            Prefix of the names under which `keep` saves scores; the segment's number follows.
        frame_metrics : sequence of FrameMetric
        keep : callable
            Computes a segment's scores: one row per pair of clips, one column per metric.
        prepare : callable
            Frames of a clip → inputs of the metrics, with time as first axis.
        """
        scores: list[list[np.ndarray]] = [[] for _ in frame_metrics]
        with side_by_side() as each:
            for number, (clips, shifts) in enumerate(zip(self.rows, self.shifts), start=1):
                pairs = shifted_pairs(len(clips), shifts)
                compute = self._compute(clips, pairs, frame_metrics, prepare, each)
                columns = keep(f"{name}-{number}", len(pairs), compute).T
                for by_segment, column in zip(scores, columns, strict=True):
                    column = np.ascontiguousarray(column)
                    by_segment.append(column.reshape(len(shifts), len(clips)))
        return [
            Metric(m.name, m.definition, float("nan"), self.rows, by_segment, better=m.better)
            for m, by_segment in zip(frame_metrics, scores)
        ]

    def _compute(
        self,
        clips: np.ndarray,
        pairs: np.ndarray,
        frame_metrics: Sequence[FrameMetric],
        prepare: Callable[[np.ndarray], np.ndarray],
        each: Each,
    ) -> Compute:
        """A function that computes scores of pairs of a segment's clips, (n_pairs, n_metrics)."""

        @cache
        def prepared() -> tuple[list[np.ndarray], list[np.ndarray]]:
            stimuli = [*each(prepare, self.stimuli[clips])]
            return stimuli, [*each(prepare, self.reconstructions[clips])]

        def compute(some: range) -> np.ndarray:
            stimuli, reconstructions = prepared()
            chosen = pairs[some.start : some.stop]
            columns = [
                scores_of_pairs(metric.function, stimuli, reconstructions, chosen, each)
                for metric in frame_metrics
            ]
            return np.stack(columns, axis=1)

        return compute
