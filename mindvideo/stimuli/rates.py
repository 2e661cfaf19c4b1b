"""Frame rates at which a clip has a whole number of frames.

>>> frames_per_clip(seconds=2, fps=3)
6
>>> whole_rate(seconds=1.4, fps=4.2857) == 6 / 1.4
True
>>> rates_up_to(24, seconds=1.4)
', such as 23.5714 (33 frames a clip)'
"""

from __future__ import annotations

import math

from mindvideo.errors import InputError

ROUNDED = 1e-4
"""A rate with a smaller relative error is taken as rounded: five digits suffice."""


def whole_rate(seconds: float, fps: float) -> float:
    """The exact rate, with a whole number of frames per clip, if `fps` is such a rate rounded.

    Parameters
    ----------
    seconds : float
        Duration of a clip [s].
    fps : float
        Frames per second, such as 4.2857 for 6 frames in 1.4 s.

    Returns
    -------
    float
        6 / 1.4 in this example, so that clips do not drift; `fps` itself if no such rate is near.
    """
    n_frames = round(seconds * fps)
    return n_frames / seconds if abs(seconds * fps - n_frames) < ROUNDED * n_frames else fps


def frames_per_clip(seconds: float, fps: float) -> int:
    """Count the frames of a clip: ``seconds × fps``.

    Parameters
    ----------
    seconds : float
        Duration of a clip [s].
    fps : float
        Frames per second, exact or rounded (:func:`whole_rate`).

    Raises
    ------
    InputError
        If the product is not a whole number: clips would drift relative to the film.
    """
    n_frames = round(seconds * whole_rate(seconds, fps))
    if n_frames < 1 or abs(seconds * fps - n_frames) >= ROUNDED * n_frames:
        below = math.floor(seconds * fps)
        advised = " or ".join(_rate(n, seconds) for n in (below, below + 1) if n)
        raise InputError(
            f"a clip of {seconds:g} s at {fps:g} frames per second has {seconds * fps:g} frames, "
            f"but it must have a whole number: set clips.fps to {advised}, or clips.frames to the "
            "number of frames"
        )
    return n_frames


def rates_up_to(rate: float, seconds: float) -> str:
    """ ", such as 23.5714 (33 frames a clip)": the highest valid rate up to another, as advice."""
    n_frames = math.floor(rate * seconds * (1 + ROUNDED)) if math.isfinite(rate) else 0
    return f", such as {_rate(n_frames, seconds)}" if n_frames else ""


def _rate(n_frames: int, seconds: float) -> str:
    return f"{n_frames / seconds:.6g} ({n_frames} frame{'s'[: n_frames > 1]} a clip)"
