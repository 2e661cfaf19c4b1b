"""Simulated resting-state runs on the 91k grayordinates, for masked brain modelling.

Rests on: at rest V1–V4 fluctuate together where receptive fields coincide, within and across
areas and hemispheres (Heinzle et al. 2011; Butt et al. 2013), on top of a global fluctuation and
of noise that is smooth along the cortex and whose power falls as 1/f (He 2011). So masked parts of
V1–V4 can be predicted from the others.
Leaves out: all other networks (the rest of the cortex and the subcortex have noise only), head
motion, and the true voxels of subcortical structures: their number is that of the 91k layout, but
they lie in a ball around each structure's centre.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from nibabel.affines import apply_affine
from nibabel.cifti2 import BrainModelAxis
from scipy import sparse
from scipy.ndimage import gaussian_filter

from mindvideo.demo.epi import brain_mask
from mindvideo.demo.haemodynamics import canonical
from mindvideo.demo.neurons import stream
from mindvideo.demo.noise import colouring
from mindvideo.demo.retinotopy import EARLY, cells, field_centres, field_sizes, receptive_fields
from mindvideo.fmri.atlas import (
    N_GRAYORDINATES,
    N_LEFT,
    N_RIGHT,
    area_of,
    cortex_vertices,
    data_file,
    grayordinate_labels,
    grayordinates,
)

# Subcortical structures in the order of the 91k layout: number of grayordinates, and approximate
# centre in MNI space [mm] (right ones mirrored).
SUBCORTEX: tuple[tuple[str, int, tuple[int, int, int]], ...] = (
    ("ACCUMBENS_LEFT", 135, (-10, 12, -8)),
    ("ACCUMBENS_RIGHT", 140, (10, 12, -8)),
    ("AMYGDALA_LEFT", 315, (-24, -4, -20)),
    ("AMYGDALA_RIGHT", 332, (24, -4, -20)),
    ("BRAIN_STEM", 3472, (0, -30, -32)),
    ("CAUDATE_LEFT", 728, (-14, 10, 12)),
    ("CAUDATE_RIGHT", 755, (14, 10, 12)),
    ("CEREBELLUM_LEFT", 8709, (-26, -62, -36)),
    ("CEREBELLUM_RIGHT", 9144, (26, -62, -36)),
    ("DIENCEPHALON_VENTRAL_LEFT", 706, (-10, -16, -10)),
    ("DIENCEPHALON_VENTRAL_RIGHT", 712, (10, -16, -10)),
    ("HIPPOCAMPUS_LEFT", 764, (-28, -22, -16)),
    ("HIPPOCAMPUS_RIGHT", 795, (28, -22, -16)),
    ("PALLIDUM_LEFT", 297, (-20, -4, 0)),
    ("PALLIDUM_RIGHT", 260, (20, -4, 0)),
    ("PUTAMEN_LEFT", 1060, (-26, 2, 0)),
    ("PUTAMEN_RIGHT", 1010, (26, 2, 0)),
    ("THALAMUS_LEFT", 1288, (-12, -18, 8)),
    ("THALAMUS_RIGHT", 1248, (12, -18, 8)),
)

CELLS = 12  # of the visual field, along each side
BASELINE, SPREAD = 10_000.0, 0.1  # grand mean of HCP's runs, and its relative SD over grayordinates
# SD of each part, as a fraction of the baseline.
FIELD, TUNED, GLOBAL, SMOOTH, WHITE = 0.010, 0.006, 0.003, 0.008, 0.010
BLOCK = 1000  # grayordinates whose noise is computed at once
STEPS = 4  # steps of smoothing along the mesh, about 2 mm each


@cache
def layout() -> BrainModelAxis:
    """The 91k grayordinates: both cortices, then the subcortical structures."""
    left, right, n_vertices = cortex_vertices()
    brain, affine = brain_mask(resolution=2)
    free = np.argwhere(brain)
    names = ["CORTEX_LEFT"] * len(left) + ["CORTEX_RIGHT"] * len(right)
    voxels = [np.full((len(names), 3), -1)]
    for name, count, centre in SUBCORTEX:
        distance = np.linalg.norm(apply_affine(affine, free) - centre, axis=1)
        nearest = np.sort(np.argpartition(distance, count)[:count])
        names += [name] * count
        voxels.append(free[nearest])
        free = np.delete(free, nearest, axis=0)
    n_subcortical = len(names) - len(left) - len(right)
    # Made at once: an axis looks at all its names, so a sum of axes looks at them again and again.
    return BrainModelAxis(
        name=[f"CIFTI_STRUCTURE_{name}" for name in names],
        voxel=np.concatenate(voxels),
        vertex=np.r_[left, right, np.full(n_subcortical, -1)],
        affine=affine,
        volume_shape=brain.shape,
        nvertices={f"CIFTI_STRUCTURE_CORTEX_{side}": n_vertices for side in ("LEFT", "RIGHT")},
    )


@cache
def _smoothing() -> sparse.csr_array:
    """One step of smoothing along the cortex: mean of a grayordinate and its neighbours."""
    with np.load(data_file("cortical_adjacency.npz")) as file:
        links = sparse.csr_array(
            (file["data"].astype(np.float32), file["indices"], file["indptr"]),
            shape=tuple(file["shape"]),
        )
    links = links + sparse.eye_array(links.shape[0], dtype=np.float32)
    return sparse.diags_array(1 / links.sum(axis=1)).astype(np.float32) @ links


def smooth(values: np.ndarray) -> np.ndarray:
    """Smooth along the cortex and scale each column's SD back to 1.

    Parameters
    ----------
    values : (59412, n) float32

    Returns
    -------
    (59412, n) float32
    """
    for _ in range(STEPS):
        values = _smoothing() @ values
    values /= values.std(axis=0)
    return values


def visual_activity(subject: str, run: str, n_volumes: int, tr: float, seed: int) -> np.ndarray:
    """Fluctuations of V1–V4 that follow the map of the visual field.

    Each grayordinate pools two fields of random, smooth activity through its receptive field: the
    weight of the first is the same for all subjects, that of the second is the subject's tuning.

    Returns
    -------
    (n, n_volumes) float32
        As fractions of the baseline, for ``grayordinates(EARLY)``.
    """
    columns = grayordinates(EARLY)
    left, right, n_vertices = cortex_vertices()
    centres = field_centres()[np.r_[left, right + n_vertices][columns]]
    areas = np.array([area_of(label) for label in grayordinate_labels()[columns]])
    sizes = np.zeros(len(columns))
    for area in EARLY:
        sizes[areas == area] = field_sizes(centres[areas == area], area)
    fields = receptive_fields(centres, sizes, cells(CELLS))
    tuning = stream(seed, subject, "tuning").standard_normal((N_LEFT + N_RIGHT, 1), np.float32)

    rng = stream(seed, subject, run, "field")
    response = canonical(tr)
    total = np.zeros((len(columns), n_volumes))
    for size, weight in ((FIELD, 1.0), (TUNED, smooth(tuning)[columns])):
        events = rng.standard_normal((n_volumes + len(response), CELLS, CELLS))
        slow = _filtered(response, gaussian_filter(events, (0, 1, 1)))[len(response) :]
        part = fields @ (slow / slow.std()).reshape(n_volumes, -1).T
        total += size * weight * part / part.std()
    return total.astype(np.float32)


def _filtered(response: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (n, …) convolved along the first axis with a response that lags behind them."""

    def course(series: np.ndarray) -> np.ndarray:
        return np.convolve(response, series)[: len(series)]

    return np.apply_along_axis(course, 0, values)


def rest(subject: str, run: str, n_volumes: int, tr: float, seed: int) -> np.ndarray:
    """Simulate one run.

    Parameters
    ----------
    subject, run : str
        Tuning and baseline depend on the subject, activity and noise on the run too.
    n_volumes : int
    tr : float
        Repetition time [s].
    seed : int

    Returns
    -------
    (n_volumes, 91282) float32
    """
    rng = stream(seed, subject, run, "noise")
    n_cortex = N_LEFT + N_RIGHT
    change = np.zeros((N_GRAYORDINATES, n_volumes), dtype=np.float32)
    noise = smooth(rng.standard_normal((n_cortex, n_volumes), np.float32))
    noise *= np.float32(SMOOTH)
    np.matmul(noise, colouring(n_volumes, tr), out=change[:n_cortex])
    change[grayordinates(EARLY)] += visual_activity(subject, run, n_volumes, tr, seed)
    wave = _filtered(canonical(tr), rng.standard_normal(n_volumes))
    wave = (GLOBAL * wave / wave.std()).astype(np.float32)
    level = 1 + SPREAD * stream(seed, subject, "level").standard_normal((N_GRAYORDINATES, 1))
    level = (BASELINE * level).astype(np.float32)
    for start in range(0, N_GRAYORDINATES, BLOCK):  # which stays in the processor's cache
        part = change[start : start + BLOCK]
        part += wave
        part += np.float32(WHITE) * rng.standard_normal(part.shape, np.float32)
        part += np.float32(1)
        part *= level[start : start + BLOCK]
    return change.T
