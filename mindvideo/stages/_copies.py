"""Detect two files of the same recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.copies import same_recordings


def refuse_copies(runs: Sequence[np.ndarray], names: Sequence[str]) -> None:
    """Check that no two runs are one recording.

    Parameters
    ----------
    runs : sequence of (n_volumes, n_voxels) float
        Cleaned runs, with voxels of the whole brain. Runs of the same length are compared.
    names : sequence of str
        Names of the files.

    Raises
    ------
    InputError
        If two runs are the same recording; the message names them.
    """
    for length in sorted({len(run) for run in runs}):
        same_length = [i for i, run in enumerate(runs) if len(run) == length]
        for first, second, r in same_recordings(np.stack([runs[i] for i in same_length])):
            one, other = names[same_length[first]], names[same_length[second]]
            raise InputError(
                f"{one} and {other} are the same recording: over voxels of the whole brain, their "
                f"median r is {r:.2f}, but different recordings hardly correlate. Was one copied "
                "or converted under the other's name? Fetch the right file, or leave out one with "
                "dataset.exclude."
            )
