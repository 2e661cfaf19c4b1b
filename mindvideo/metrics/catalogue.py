"""All metrics: each is a :class:`Metric` with its definition, chance level and null distribution.

The outputs of networks are passed as arrays. By default every reconstruction is compared with all
clips of its segment; metrics that are slow for every pair use only some of them (`PIXEL_SHIFTS`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mindvideo.metrics.attributes import Attribute, answers, right_pairs
from mindvideo.metrics.embedding import (
    adjacent_consistency,
    all_pairs_consistency,
    cosine_similarity,
    frame_similarity,
    identification,
    retrieval,
)
from mindvideo.metrics.motion import direction_agreement, end_point_error, optical_flow
from mindvideo.metrics.n_way import (
    enough_classes,
    n_way_accuracy,
    n_way_chance,
    n_way_pairs,
    n_way_trials,
    top_classes,
)
from mindvideo.metrics.paired_clips import Compute, FrameMetric, Keep, PairedClips
from mindvideo.metrics.pixel import GAUSSIAN, hue, hue_cosine, psnr, ssim, ssim_grey
from mindvideo.metrics.shifts import pairs_to_shifts
from mindvideo.metrics.summary import Metric, shifts_by_segment

Rows = list[np.ndarray]
"""By segment, in the order of its film: rows of the table of clips, (n_clips,) each."""

PIXEL_SHIFTS = 24
"""Number of shifts at which pixels are compared: all pairs would take hours at 256 px."""

GATE = 0.6
"""Mind-Animator's "CLIP-pcc" is 0 for clips that are at most this similar."""


def identification_metric(
    kind: str, definition: str, embeddings: np.ndarray, stimulus_embeddings: np.ndarray, rows: Rows
) -> Metric:
    """Pairwise identification from embeddings (n_clips, dim)."""
    pairs = identification(cosine_similarity(embeddings, stimulus_embeddings))
    scores = shifts_by_segment(pairs, rows)
    return Metric(f"identification_{kind}", definition, 0.5, rows, scores, in_subset=True)


def n_way_metrics(
    kind: str,
    logits: np.ndarray,
    stimulus_logits: np.ndarray,
    rows: Rows,
    *,
    n_way: Iterable[int],
    k: int,
) -> list[Metric]:
    """N-way accuracy for each N, from logits (n_clips, n_frames, n_classes).

    N is left out if the classifier has too few classes for it.
    """
    n_classes = logits.shape[-1]
    classes = top_classes(stimulus_logits, k)
    metrics = []
    for n in n_way:
        if not enough_classes(n, n_classes, k):
            continue
        scores = []
        for g in rows:
            frames = range(logits.shape[1])
            pairs = [n_way_pairs(logits[g, f], classes[g, f], n) for f in frames]
            scores.append(pairs_to_shifts(np.mean(pairs, axis=0)))
        metrics.append(
            Metric(
                f"{kind}_{n}_way",
                f"top-1 of {n} classes; ground truth: top {k}; expectation over all draws",
                n_way_chance(n, k),
                rows,
                scores,
                ceiling=n_way_accuracy(stimulus_logits, classes, n).mean(axis=1),
            )
        )
    return metrics


def n_way_trial_metrics(
    kind: str,
    logits: np.ndarray,
    stimulus_logits: np.ndarray,
    rows: Rows,
    *,
    n_way: Iterable[int],
    k: int,
    trials: int,
    rng: np.random.Generator,
) -> list[Metric]:
    """The same by random trials, as in the paper; without a null, which would take hours."""
    n_clips, n_frames, n_classes = logits.shape
    classes = top_classes(stimulus_logits, k).reshape(-1, k)
    metrics = []
    for n in n_way:
        if not enough_classes(n, n_classes, k):
            continue
        flat = logits.reshape(-1, n_classes)
        accuracy = n_way_trials(flat, classes, n, trials=trials, rng=rng)
        scores = accuracy.reshape(n_clips, n_frames).mean(axis=1)
        definition = f"top-1 of {n} classes; ground truth: top {k}; {trials} random draws"
        by_segment = [scores[g][None] for g in rows]
        metrics.append(
            Metric(f"{kind}_{n}_way_trials", definition, n_way_chance(n, k), rows, by_segment)
        )
    return metrics


def attribute_metrics(
    kind: str,
    requested: list[tuple[Attribute, np.ndarray]],
    logits: np.ndarray,
    stimulus_logits: np.ndarray,
    rows: Rows,
) -> list[Metric]:
    """Accuracy of the classifier's answers for each attribute.

    Parameters
    ----------
    kind : str
        What the classifier looks at, for the definition: "image" or "video".
    requested : list of (Attribute, ndarray of bool, (n_values, n_classes))
        Each attribute, and the classes that name its values
        (:func:`mindvideo.metrics.attributes.naming_classes`).
    logits, true_logits : ndarray, (n_clips, n_frames, n_classes)
        Of reconstructions and of stimuli.
    rows
        As in :class:`mindvideo.metrics.summary.Metric`.
    """
    metrics = []
    for attribute, named in requested:
        n_values, truth = len(attribute.values), attribute.truth
        metrics.append(
            Metric(
                f"{attribute.name}_accuracy",
                f"the {kind} classifier's most probable {attribute.name} of {n_values} is that of "
                "the stimulus",
                1 / n_values,
                rows,
                shifts_by_segment(right_pairs(answers(logits, named), truth), rows),
                ceiling=(answers(stimulus_logits, named) == truth).astype(float),
                in_subset=True,
            )
        )
    return metrics


def clip_metrics(
    embeddings: np.ndarray, stimulus_embeddings: np.ndarray, rows: Rows, *, top: Iterable[int]
) -> list[Metric]:
    """Similarity and consistency in CLIP's space, from embeddings (n_clips, n_frames, dim).

    Retrieval is reported for each k of `top` that is below the number of clips.
    """
    alike, n = frame_similarity(embeddings, stimulus_embeddings), len(embeddings)
    steady, stimulus_steady = map(adjacent_consistency, (embeddings, stimulus_embeddings))
    means = cosine_similarity(embeddings.mean(axis=1), stimulus_embeddings.mean(axis=1))
    metrics = [
        Metric(
            f"retrieval_top_{k}",
            f"its clip is among the {k} most like it of all {n}: cosine of mean CLIP embeddings",
            k / n,
            rows,
            shifts_by_segment(retrieval(means, k), rows),
        )
        for k in top
        if k < n
    ]
    consistency = all_pairs_consistency(embeddings)
    return [
        *metrics,
        Metric(
            "clip_similarity",
            "cosine between CLIP embeddings of frames at the same time; mean over frames",
            float("nan"),
            rows,
            shifts_by_segment(alike, rows),
        ),
        Metric(
            "clip_consistency",
            "cosine between CLIP embeddings of all pairs of a clip's frames (NEURONS' CLIP-pcc)",
            float("nan"),
            rows,
            [consistency[g][None] for g in rows],
            ceiling=all_pairs_consistency(stimulus_embeddings),
        ),
        Metric(
            "clip_consistency_gated",
            "cosine between CLIP embeddings of adjacent frames, 0 where clip_similarity is at most "
            f"{GATE} (Mind-Animator's CLIP-pcc, which gates by another network)",
            float("nan"),
            rows,
            shifts_by_segment(np.where(alike > GATE, steady[:, None], 0), rows),
            ceiling=stimulus_steady,
        ),
    ]


def at_once(_: str, n: int, compute: Compute) -> np.ndarray:
    """Compute all rows at once, without saving them."""
    return compute(range(n))


def pixel_metrics(
    reconstructions: np.ndarray,
    stimuli: np.ndarray,
    rows: Rows,
    rng: np.random.Generator,
    keep: Keep = at_once,
    most: int = PIXEL_SHIFTS,
) -> list[Metric]:
    """Similarity of pixels, hues and motion, from clips uint8 (n_clips, n_frames, h, w, 3).

    Parameters
    ----------
    keep : callable
        Computes a segment's scores: one row per pair of clips, one column per metric. It may
        compute them in parts, and reuse rows saved before.
    most : int
        Maximum number of shifts of a segment, including the true order.
    """
    clips = PairedClips.at_random_shifts(reconstructions, stimuli, rows, most, rng)
    pixels = [
        FrameMetric("ssim", ssim, "7 × 7 uniform window, RGB, data range 255; mean over frames"),
        FrameMetric("psnr", psnr, "20 log10(255 / √MSE) [dB]; mean over frames"),
    ]
    if min(reconstructions.shape[2:4]) >= len(GAUSSIAN):
        definition = "11 × 11 Gaussian window, grey; mean over frames"
        pixels.append(FrameMetric("ssim_grey", ssim_grey, definition))
    hues = FrameMetric(
        "hue_cosine",
        hue_cosine,
        "cosine between HSV hues, pixel by pixel (published as Hue-pcc); mean over frames",
    )
    settings = "Farnebäck (0.5, 3, 15, 3, 5, 1.2), at the clips' size and rate; mean over steps"
    flows = [
        FrameMetric(
            "flow_agreement", direction_agreement, f"cosine between optical flows; {settings}"
        ),
        FrameMetric(
            "flow_error",
            end_point_error,
            f"distance between optical flows (EPE) [px a frame]; {settings}",
            better="lower",
        ),
    ]
    return [
        *clips.score("pixels", pixels, keep),
        *clips.score("hues", [hues], keep, prepare=hue),
        *clips.score("optical-flow", flows, keep, prepare=optical_flow),
    ]
