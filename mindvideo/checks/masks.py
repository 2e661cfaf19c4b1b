"""Brain masks of a subject's runs: whether they share a grid, and how much they overlap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, warning
from mindvideo.io.headers import Header, read_header
from mindvideo.io.maps import mask_on

MOST_LOST = 0.1
"""A mask that lacks a larger fraction of the voxels causes a warning."""


def brain_masks(subject: str, masks: dict[str, str], run: Header | None) -> Iterator[Finding]:
    """Check that the masks are on the grid of the runs, and overlap.

    Parameters
    ----------
    subject : str
    masks : dict of str to str
        Path of each existing mask: "train", if it belongs to a training run, or another split.
    run : Header, optional
        Header of a run on the most common grid, if one could be read.
    """
    packed: dict[str, np.ndarray] = {}  # eight voxels per byte: a subject may have a hundred masks
    for path in masks:
        try:
            grid = (run or read_header(Path(path))).grid
            packed[path] = np.packbits(mask_on(grid, Path(path)))
        except InputError as problem:
            yield error(path, str(problem))
    train = {path: bits for path, bits in packed.items() if masks[path] == "train"}
    if len({bits.shape for bits in packed.values()}) != 1 or not train:
        return
    common = np.bitwise_and.reduce(list(train.values()))
    median = int(np.median([_count(bits) for bits in train.values()]))
    if _count(common) < (1 - MOST_LOST) * median:
        most = _majority(list(train.values()))
        lacks = {path: _count(most & ~bits) for path, bits in train.items()}
        worst = max(lacks, key=lambda path: lacks[path])
        yield warning(
            worst,
            f"the masks of {subject}'s {len(train)} training runs have {_count(common)} voxels in "
            f"common, and a median of {median} each. This mask lacks most: {lacks[worst]} voxels "
            "that half of the masks have. Inspect it: if its run covers less of the brain, or is "
            "misaligned, leave out the run with dataset.exclude",
        )
    for path in packed.keys() - train.keys():
        if (missing := _count(common & ~packed[path])) > MOST_LOST * _count(common):
            yield warning(
                path,
                f"this mask of a {masks[path]} run lacks {missing} of the {_count(common)} voxels "
                f"common to the masks of {subject}'s training runs",
            )


def _count(bits: np.ndarray) -> int:
    """Number of voxels in a packed mask."""
    return int(np.bitwise_count(bits).sum())


def _majority(masks: list[np.ndarray]) -> np.ndarray:
    """Packed mask of the voxels that are in at least half of the masks."""
    times = sum((np.unpackbits(bits).astype(np.int16) for bits in masks), np.int16(0))
    return np.packbits(2 * times >= len(masks))
