"""Join the reconstructions of all evaluated segments, in the order of the table of windows."""

from __future__ import annotations

import numpy as np

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips
from mindvideo.io.tables import find_segment, load_table
from mindvideo.settings.evaluation import JoinSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes


@chapter("reconstruction")
@makes("reconstruction", made_from=["windows", "reconstruction"])
def main(
    *, segments: Inputs, table: Input, reconstructions: Output, settings: JoinSettings
) -> None:
    """Write one clip per row of the table, uint8 (n, f, h, w, 3).

    `segments` are files with the clips of a segment each, named after it.
    """
    listing = load_table(table, ["segment", "clip"])
    parts = {path.stem: load_clips(path) for path in segments}
    n_clips = {name: len(clips) for name, clips in parts.items()}
    needed = listing["segment"].astype(str).value_counts(sort=False).to_dict()
    if n_clips != needed:
        raise InputError(
            f"{table} lists windows of {needed}, but the reconstructions are of {n_clips}: they "
            "come from different runs of the workflow; reconstruct again"
        )
    first = next(iter(parts.values()))
    shape = (len(listing), *first.shape[1:])
    out = np.lib.format.open_memmap(reconstructions, mode="w+", dtype=np.uint8, shape=shape)
    for name, clips in parts.items():
        if clips.shape[1:] != shape[1:]:
            raise InputError(
                f"{name}: clips of (frames, height, width, colours) {clips.shape[1:]}, but others "
                f"of {shape[1:]}: reconstruct all segments with the same settings"
            )
        out[find_segment(listing, name)] = clips
    out.flush()
