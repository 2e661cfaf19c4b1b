"""Score reconstructions against the clips shown, beside chance, a null and intervals."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips, load_shown
from mindvideo.io.tables import load_table, save_table
from mindvideo.metrics.embedding import cosine_similarity, identification
from mindvideo.metrics.n_way import enough_classes, n_way_chance, n_way_pairs, top_classes
from mindvideo.metrics.pixel import psnr, ssim
from mindvideo.metrics.statistics import (
    block_bootstrap,
    circular_null,
    confidence_interval,
    draw_shifts,
    p_value,
    pairs_to_shifts,
    shifted_scores,
)
from mindvideo.models.classifier import classify_clips, classify_frames
from mindvideo.models.pretrained import load_image_classifier, load_video_classifier
from mindvideo.progress import progress
from mindvideo.settings import ScoringSettings
from mindvideo.stages import Input, Inputs, Output

log = logging.getLogger(__name__)

PIXEL_SHIFTS = 24
"""Shifts of a segment that SSIM and PSNR are computed for: all pairs would take hours at 256 px."""


@dataclass(frozen=True)
class Metric:
    """Scores of all clips under one definition.

    scores : list of ndarray, (n_shifts, n_clips)
        By segment; row 0 is the true order, the others are circular shifts of the film.
    """

    name: str
    definition: str
    chance: float
    scores: list[np.ndarray]


def main(
    *,
    reconstructions: Input,
    table: Input,
    clips: Inputs,
    metrics: Output,
    per_clip: Output,
    settings: ScoringSettings,
) -> None:
    """Write a row a metric, and a row a clip."""
    made = load_clips(reconstructions)
    listing = load_table(table, ["segment", "clip"])
    shown = load_shown(made, listing, clips)
    if len(made) < 2:
        raise InputError(f"{reconstructions}: {len(made)} clips, at least 2 were needed to compare")
    groups = _by_segment(listing)
    rng = np.random.default_rng(settings.seed)

    found: list[Metric] = []
    found += _video_metrics(made, shown, groups, settings)
    found += _frame_metrics(made, shown, groups, settings)
    found += _pixel_metrics(made, shown, groups, rng)

    save_table(metrics, pd.DataFrame([summarise(m, settings, rng) for m in found]))
    order = np.concatenate(groups)
    own = {m.name: np.concatenate([s[0] for s in m.scores])[np.argsort(order)] for m in found}
    save_table(per_clip, listing[["segment", "clip"]].assign(**own))


def summarise(metric: Metric, settings: ScoringSettings, rng: np.random.Generator) -> dict:
    """Make a metric's row: value, 95% interval, chance, mean of the null, p."""
    own = [segment[0] for segment in metric.scores]
    value = float(np.concatenate(own).mean())
    means = block_bootstrap(own, block=settings.block, resamples=settings.resamples, rng=rng)
    low, high = confidence_interval(means)
    null = circular_null(metric.scores, permutations=settings.permutations, rng=rng)
    p = p_value(value, null)
    log.info("%s: %.3f (%.3f to %.3f), null %.3f", metric.name, value, low, high, null.mean())
    return {
        "metric": metric.name,
        "definition": metric.definition,
        "n_clips": sum(len(x) for x in own),
        "value": value,
        "ci_low": low,
        "ci_high": high,
        "chance": metric.chance,
        "null_mean": float(null.mean()),
        "p": p,
    }


def _by_segment(listing: pd.DataFrame) -> list[np.ndarray]:
    """Rows of each segment, in the order of its film."""
    groups = listing.groupby("segment", sort=False)
    return [np.asarray(rows.sort_values("clip").index) for _, rows in groups]


def _video_metrics(
    made: np.ndarray, shown: np.ndarray, groups: list[np.ndarray], settings: ScoringSettings
) -> list[Metric]:
    processor, model = load_video_classifier(settings.video_classifier)
    logits, seen = classify_clips(processor, model, made)
    true_logits, true_seen = classify_clips(processor, model, shown)
    pairs = identification(cosine_similarity(seen, true_seen))
    return [
        Metric(
            "identification_video",
            "share of other clips less like the reconstruction than its own; video classifier",
            0.5,
            [pairs_to_shifts(pairs[np.ix_(g, g)]) for g in groups],
        ),
        *_n_way_metrics("video", logits[:, None], true_logits[:, None], groups, settings),
    ]


def _frame_metrics(
    made: np.ndarray, shown: np.ndarray, groups: list[np.ndarray], settings: ScoringSettings
) -> list[Metric]:
    processor, model = load_image_classifier(settings.image_classifier)
    n_clips, n_frames = made.shape[:2]
    results = [
        classify_frames(processor, model, x.reshape(-1, *x.shape[2:])) for x in (made, shown)
    ]
    (logits, seen), (true_logits, true_seen) = [
        [x.reshape(n_clips, n_frames, -1) for x in result] for result in results
    ]
    pairs = identification(cosine_similarity(seen.mean(axis=1), true_seen.mean(axis=1)))
    return [
        Metric(
            "identification_frame",
            "the same by the image classifier; a clip's embedding is the mean of its frames'",
            0.5,
            [pairs_to_shifts(pairs[np.ix_(g, g)]) for g in groups],
        ),
        *_n_way_metrics("frame", logits, true_logits, groups, settings),
    ]


def _n_way_metrics(
    kind: str,
    logits: np.ndarray,
    true_logits: np.ndarray,
    groups: list[np.ndarray],
    settings: ScoringSettings,
) -> list[Metric]:
    """N-way accuracy for each N, from logits (n_clips, n_frames, n_classes)."""
    k, n_classes = settings.gt_classes, logits.shape[-1]
    classes = top_classes(true_logits, k)
    metrics = []
    for n_way in settings.n_way:
        if not enough_classes(n_way, n_classes, k):
            log.info(
                "%s %d-way left out: the classifier has %d classes, %d are the ground truth's",
                *(kind, n_way, n_classes, k),
            )
            continue
        scores = []
        for g in groups:
            frames = range(logits.shape[1])
            pairs = [n_way_pairs(logits[g, f], classes[g, f], n_way) for f in frames]
            scores.append(pairs_to_shifts(np.mean(pairs, axis=0)))
        metrics.append(
            Metric(
                f"{kind}_{n_way}_way",
                f"top-1 of {n_way} classes; ground truth: top {k}; expectation over all draws",
                n_way_chance(n_way, k),
                scores,
            )
        )
    return metrics


def _pixel_metrics(
    made: np.ndarray, shown: np.ndarray, groups: list[np.ndarray], rng: np.random.Generator
) -> list[Metric]:
    shifts = [draw_shifts(len(g), PIXEL_SHIFTS, rng) for g in groups]
    kinds = (
        ("ssim", ssim, "7 × 7 uniform window, RGB, data range 255; mean over frames"),
        ("psnr", psnr, "20 log10(255 / √MSE) [dB]; mean over frames"),
    )
    return [
        Metric(
            name,
            definition,
            float("nan"),
            [
                shifted_scores(function, shown[g], made[g], s)
                for g, s in progress(list(zip(groups, shifts)), desc=name, unit="segment")
            ],
        )
        for name, function, definition in kinds
    ]
