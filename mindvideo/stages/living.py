"""Find the voxels that have a signal in every segment."""

from __future__ import annotations

import logging

import numpy as np

from mindvideo.errors import InputError
from mindvideo.settings.fmri import LivingSettings
from mindvideo.stages import Inputs, Output, chapter, makes

log = logging.getLogger(__name__)


@chapter("fMRI")
@makes("selection", made_from=["clean"])
def main(*, repetitions: Inputs, alive: Output, settings: LivingSettings) -> None:
    """Write (n_voxels,) bool: whether a voxel has a signal in some repetition of every segment.

    `repetitions` are the segments' numbers of repetitions in which each voxel has one. Of test
    segments, selection uses nothing else.
    """
    counts = [np.load(path) for path in repetitions]
    for path, of_segment in zip(repetitions, counts):
        if len(of_segment) != len(counts[0]):
            raise InputError(
                f"{path} has {len(of_segment)} voxels, but {repetitions[0]} has {len(counts[0])}: "
                "they belong to different subjects or grids. Clean the runs again."
            )
        if dead := int((of_segment == 0).sum()):
            name = path.stem.removesuffix("_alive")
            log.info("%s: %d voxels have no signal in any repetition", name, dead)
    np.save(alive, np.min(counts, axis=0) > 0)
