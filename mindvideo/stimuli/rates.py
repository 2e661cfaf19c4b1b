"""Frame rates at which a clip has a whole number of frames.

>>> frames_per_clip(tr=2, fps=3)
6
>>> whole_rate(tr=1.4, fps=4.2857) == 6 / 1.4
True
>>> rates_up_to(24, tr=1.4)
', such as 23.5714 (33 frames a clip)'
"""

from __future__ import annotations

import math

from mindvideo.errors import InputError

ROUNDED = 1e-4
"""A rate with a smaller relative error is taken as rounded: five digits suffice."""


def whole_rate(tr: float, fps: float) -> float:
    """The exact rate, with a whole number of frames per clip, if `fps` is such a rate rounded.

    Parameters
    ----------
    tr : float
        Duration of a clip [s].
    fps : float
        Frames per second, such as 4.2857 for 6 frames in 1.4 s.

    Returns
    -------
    float
        6 / 1.4 in this example, so that clips do not drift; `fps` itself if no such rate is near.
    """
    n_frames = round(tr * fps)
    return n_frames / tr if abs(tr * fps - n_frames) < ROUNDED * n_frames else fps


def frames_per_clip(tr: float, fps: float) -> int:
    """Count the frames of a clip: ``tr × fps``.

    Parameters
    ----------
    tr : float
        Duration of a clip [s].
    fps : float
        Frames per second, exact or rounded (:func:`whole_rate`).

    Raises
    ------
    InputError
        If the product is not a whole number: clips would drift relative to the volumes.
    """
    n_frames = round(tr * whole_rate(tr, fps))
    if n_frames < 1 or abs(tr * fps - n_frames) >= ROUNDED * n_frames:
        below = math.floor(tr * fps)
        advised = " or ".join(_rate(n, tr) for n in (below, below + 1) if n)
        raise InputError(
            f"a clip of {tr:g} s at {fps:g} frames per second has {tr * fps:g} frames, but it must "
            f"have a whole number: set clips.fps to {advised}"
        )
    return n_frames


def rates_up_to(rate: float, tr: float) -> str:
    """ ", such as 23.5714 (33 frames a clip)": the highest valid rate up to another, as advice."""
    n_frames = math.floor(rate * tr * (1 + ROUNDED)) if math.isfinite(rate) else 0
    return f", such as {_rate(n_frames, tr)}" if n_frames else ""


def _rate(n_frames: int, tr: float) -> str:
    return f"{n_frames / tr:.6g} ({n_frames} frame{'s'[: n_frames > 1]} a clip)"
