"""Inputs of attention, attribution and occlusion: an encoder, test windows, CLIP embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.networks import Grouping, groupings
from mindvideo.io.clips import load_frames
from mindvideo.io.sidecars import check_voxels
from mindvideo.io.tables import check_rows, load_table
from mindvideo.models.checkpoints import load_autoencoder, load_fmri_encoder
from mindvideo.models.encoding import embed_frames, embed_in_batches
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.precision import put
from mindvideo.models.pretrained import load_clip
from mindvideo.models.record import Precision
from mindvideo.sizes import check_windows


@dataclass(frozen=True)
class TestWindows:
    """The test windows, the groups of their voxels, and the embeddings of their clips."""

    fmri: np.ndarray
    """(n_windows, window_size, n_voxels), on disk; includes padded voxels."""
    null_window: np.ndarray
    """(window_size, n_voxels)"""
    targets: np.ndarray
    """(n_windows, d), of unit length: CLIP embeddings of the middle frames of the clips."""
    groupings: list[Grouping]

    @property
    def n_voxels(self) -> int:
        """Number of selected voxels, without padding."""
        return len(self.groupings[0].member)


def load_encoder(
    folder: Path, mbm: Path | None, windows: Path, precision: Precision = "fp32"
) -> FmriEncoder:
    """Load an encoder for interpretation, with frozen weights, on the device of all networks.

    Parameters
    ----------
    folder : Path
        The model of contrastive learning, or of co-training, which contains the encoder as
        ``fmri_encoder``.
    mbm : Path or None
        The model of masked brain modelling. It has neither temporal attention nor a trained head:
        the encoder has the shape of the one in `folder`, these weights, and no temporal attention.
    windows : Path
        The windows to encode.
    precision : str
        Of the encoder.

    Raises
    ------
    InputError
        If the encoder was trained on voxels other than those of the windows.
    """
    model = load_fmri_encoder(folder)
    if not isinstance(model, FmriEncoder):
        raise InputError(f"{folder}: contains a {type(model).__name__}; expected a FmriEncoder")
    check_voxels(windows, model.config["voxels"], folder)
    if mbm:
        shape = {k: v for k, v in model.config.items() if not k.startswith("_")}
        model = FmriEncoder(**{**shape, "use_temp_attn": False})
        model.load_mbm(load_autoencoder(mbm))
    return put(model.eval().requires_grad_(False), precision)


def load_groupings(voxels: Path) -> list[Grouping]:
    """Load the groups of the selected voxels, from the table of the stage `select`."""
    return groupings(load_table(voxels, ["column", "area", "network"]))


def load_test_windows(
    windows: Path,
    table: Path,
    null_window: Path,
    voxels: Path,
    clips: list[Path],
    *,
    clip: str,
    out_dim: int,
    precision: Precision = "fp32",
) -> TestWindows:
    """Load test windows, and embed the middle frame of each clip by CLIP.

    Parameters
    ----------
    windows, table, null_window, voxels : Path
        Outputs of the stages `windows` and `select`.
    clips : list of Path
        One file for each test segment.
    clip : str
        Name or folder of the CLIP model.
    out_dim : int
        Width of the encoder's embeddings.
    precision : str
        Of the CLIP model.

    Raises
    ------
    InputError
        If there are fewer than two windows, or the files do not belong together.
    """
    fmri, listing = np.load(windows, mmap_mode="r"), load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(listing))
    check_windows(len(listing), str(windows))
    null = np.load(null_window)
    if null.shape != fmri.shape[1:]:
        raise InputError(
            f"{null_window} has shape {null.shape}, but the windows have {fmri.shape[1:]}: compute "
            "both from the same run of the stage `windows`"
        )
    middles = load_frames(clips, listing).middles()
    loaded = load_clip(clip)
    put(loaded.model, precision)
    targets = embed_in_batches(embed_frames, loaded, middles)
    if targets.shape[1] != out_dim:
        raise InputError(
            f"clip: embeddings of {clip} have {targets.shape[1]} dimensions, but those of the "
            f"encoder have {out_dim}: use the CLIP that the encoder was trained with"
        )
    return TestWindows(fmri, null, targets, load_groupings(voxels))
