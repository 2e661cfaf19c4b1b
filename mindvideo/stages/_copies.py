"""Refuse runs that are there twice under different names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.copies import same_recordings


def refuse_copies(runs: Sequence[np.ndarray], names: Sequence[str]) -> None:
    """See that no two runs are one recording.

    Parameters
    ----------
    runs : sequence of (n_volumes, n_voxels) float
        Cleaned; voxels from all of the brain. Those of the same length are compared.
    names : sequence of str
        Of the files.

    Raises
    ------
    InputError
        Naming the first two that are.
    """
    for length in sorted({len(run) for run in runs}):
        alike = [i for i, run in enumerate(runs) if len(run) == length]
        for first, second, r in same_recordings(np.stack([runs[i] for i in alike])):
            raise InputError(
                f"{names[alike[first]]} and {names[alike[second]]} are the same recording: over "
                f"voxels of the whole brain their median r is {r:.2f}, where two recordings have "
                "little in common. Has one been copied or converted under the other's name? Fetch "
                "the right file, or leave one out with dataset.exclude."
            )
