"""The simulated runs are realistic, and selection identifies the voxels that respond."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mindvideo.demo import film
from mindvideo.demo.brain import Scanner, bold, record
from mindvideo.demo.epi import head
from mindvideo.demo.motion_energy import FPS, PIXELS
from mindvideo.demo.neurons import Cortex, stream
from mindvideo.demo.sight import look
from mindvideo.fmri.atlas import VISUAL_AREAS, labels_of, project
from mindvideo.fmri.cleaning import Cleaned, clean, nuisance
from mindvideo.fmri.drift import polynomials
from mindvideo.fmri.reproducibility import over_segments, segment_z
from mindvideo.fmri.selection import select

RESOLUTION = 6


def run_of(cortex, response, *names, snr=1.0):
    return record(response, cortex, RESOLUTION, 2.0, snr, stream(*names))


def cleaned(series) -> Cleaned:
    return clean(series.T, nuisance(polynomials(series.shape[1], 2)))


def test_first_kept_volume_is_four_seconds_after_onset():
    assert Scanner(tr=2, n_volumes=245, drop_start=1).times[[0, 1]].tolist() == [2, 4]
    assert Scanner(tr=2, n_volumes=246, drop_start=2).times[[0, 2]].tolist() == [0, 4]


def test_subjects_differ_and_the_same_one_stays(cortex, films):
    sight = films.sight_of(films.stripes())
    scanner = Scanner(tr=2, n_volumes=8, drop_start=0)
    again = Cortex(cortex.grid, 1, "subject1")
    other = Cortex(cortex.grid, 1, "subject2")
    first = bold(cortex, sight, scanner)
    np.testing.assert_array_equal(first, bold(again, sight, scanner))
    assert abs(np.corrcoef(first[:, 4], bold(other, sight, scanner)[:, 4])[0, 1]) < 0.9


def test_repetitions_have_the_same_response_and_different_noise(cortex):
    response = np.zeros((len(cortex.voxels), 12))
    runs = [run_of(cortex, response, r) for r in (1, 2, 1)]
    np.testing.assert_array_equal(runs[0], runs[2])
    inside = head(RESOLUTION).brain > 0.5
    first, second = (cleaned(run[inside]).values for run in runs[:2])
    assert abs((first * second).mean()) < 0.05


def test_brain_is_bright_and_air_is_dark_but_not_silent(cortex):
    run = run_of(cortex, np.zeros((len(cortex.voxels), 3)), "air")
    anatomy = head(RESOLUTION)
    air = (anatomy.brain < 0.5) & (anatomy.brightness < 20)
    assert run[anatomy.brain > 0.5].mean() > 40 * run[air].mean()
    assert run[air].std() > 1
    assert run.min() >= 0


def test_temporal_snr_is_that_of_a_scanner(cortex):
    run = run_of(cortex, np.zeros((len(cortex.voxels), 48)), "tsnr")
    grey = head(RESOLUTION).grey > 0.6
    assert 40 < np.median(cleaned(run[grey]).tsnr) < 90


def test_a_response_changes_the_grey_matter_by_a_percent_or_two(cortex):
    n = len(cortex.voxels)
    rest, active = (run_of(cortex, np.full((n, 20), level), "same") for level in (0.0, 1.0))
    fraction = head(RESOLUTION).grey[tuple(cortex.voxels.T)]
    where = tuple(cortex.voxels[fraction > 0.5].T)
    change = (active[where] / rest[where]).mean(axis=1) - 1
    change /= fraction[fraction > 0.5]
    assert np.median(change) == pytest.approx(0.02, abs=0.005)


def test_selection_finds_the_visual_cortex(cortex):
    """Five short segments through the same functions as the pipeline's."""
    grid = cortex.grid
    labels = project(grid.affine, grid.shape, 4.0)
    scanner = Scanner(tr=2, n_volumes=18, drop_start=0)
    columns = ("kind", "family", "colour", "scene", "motion")
    z = []
    for segment in map(str, range(5)):
        takes = film.script(3, "train", segment, 36)
        shots = [
            {name: getattr(take.shot, name) for name in columns}
            | {"start": take.start, "end": take.end}
            for take in takes
        ]
        sight = look(film.frames(takes, FPS, PIXELS), shots)
        response = bold(cortex, sight, scanner)
        runs = [run_of(cortex, response, segment, r, snr=1.5) for r in "12"]
        z.append(segment_z(np.stack([cleaned(run[labels > 0]).values for run in runs])))
    result = over_segments(z, "greater")
    selection = select(
        result, labels[labels > 0], alpha=0.05, correction="fdr_bh", fraction=0.5
    )  # five segments are too few for Bonferroni
    visual = np.isin(
        labels[labels > 0], [label for area in VISUAL_AREAS for label in labels_of(area)]
    )
    assert len(selection.columns) > 50
    assert visual[selection.columns].mean() > 0.8
    assert np.median(result.r[visual]) > 0.2
    assert abs(np.median(result.r[~visual])) < 0.1
    assert stats.mannwhitneyu(result.r[visual], result.r[~visual]).pvalue < 1e-20
