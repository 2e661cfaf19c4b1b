"""What the t-test over segments can detect: the r that a voxel needs, and the segments.

Four segments of 60 volumes, each shown twice, and 59,412 voxels: no voxel can pass. With 18
segments of 240 volumes, an r of 0.15 is enough:

>>> test = {"alpha": 0.01, "correction": "bonferroni", "tail": "greater"}
>>> demand(4, 60, 1, 59412, **test).r > 0.99, demand(18, 240, 1, 59412, **test).r < 0.15
(True, True)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from mindvideo.fmri.reproducibility import Tail
from mindvideo.fmri.selection import FEW, Correction

REACHABLE_R = 0.3
"""An r between repetitions that responsive voxels can have; few have more."""


@dataclass(frozen=True)
class Demand:
    """What a voxel needs to pass a test."""

    t: float
    r: float
    """Required r in every segment, if Fisher's z varies between segments only by chance."""

    def __str__(self) -> str:
        return f"t of {self.t:.3g}, which takes an r of about {self.r:.2f} in every segment"


def demand(
    n_segments: int,
    n_volumes: int,
    n_pairs: int,
    n_tested: int,
    *,
    alpha: float,
    correction: Correction,
    tail: Tail,
) -> Demand:
    """What a voxel needs to pass Student's t-test over segments.

    t = mean(z) · sqrt(n_segments) / SD(z), with SD(z) = 1 / sqrt((n_volumes - 3) · n_pairs), the SD
    of Fisher's z for independent volumes. Volumes are not independent, so in practice more is
    needed.

    Parameters
    ----------
    n_segments : int
        At least 2: the test has n_segments - 1 degrees of freedom.
    n_volumes : int
        Volumes of a segment.
    n_pairs : int
        Pairs of repetitions of a segment.
    n_tested : int
        Voxels tested. With ``fdr_bh`` the level is that of the :data:`FEW`-th smallest p.
    alpha : float
    correction : {"bonferroni", "fdr_bh"}
    tail : {"two-sided", "greater"}

    Returns
    -------
    Demand
    """
    rank = 1 if correction == "bonferroni" else min(FEW, n_tested)
    sides = 1 if tail == "greater" else 2
    t = float(stats.t.isf(alpha * rank / n_tested / sides, n_segments - 1))
    sd = 1 / math.sqrt(max(n_volumes - 3, 1) * max(n_pairs, 1))
    return Demand(t, math.tanh(t * sd / math.sqrt(n_segments)))


def segments_needed(
    n_volumes: int,
    n_pairs: int,
    n_tested: int,
    *,
    alpha: float,
    correction: Correction,
    tail: Tail,
    most: int = 200,
) -> int | None:
    """The smallest number of segments for which :data:`REACHABLE_R` suffices; None above `most`."""
    for n in range(2, most + 1):
        needed = demand(
            n, n_volumes, n_pairs, n_tested, alpha=alpha, correction=correction, tail=tail
        )
        if needed.r <= REACHABLE_R:
            return n
    return None
