"""Score reconstructions against the stimuli: chance, null distribution, confidence intervals."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips, load_stimuli
from mindvideo.io.kept import KeptRows, compute_rows
from mindvideo.io.scenes import load_scenes
from mindvideo.io.shots import describe_clips, load_shots, marked_clips
from mindvideo.io.tables import load_table, save_table
from mindvideo.metrics import catalogue, threads
from mindvideo.metrics.attributes import Attribute, naming_classes
from mindvideo.metrics.n_way import enough_classes
from mindvideo.metrics.paired_clips import Compute
from mindvideo.metrics.summary import (
    Metric,
    over_marked,
    scores_per_clip,
    segment_rows,
    summarise,
    without,
)
from mindvideo.models.classifier import class_labels, classify_clips, classify_frames
from mindvideo.models.encoding import embed_frames
from mindvideo.models.precision import put
from mindvideo.models.pretrained import load_clip, load_image_classifier, load_video_classifier
from mindvideo.settings.evaluation import ScoringSettings
from mindvideo.stages import Input, Inputs, Output, State, chapter, makes

log = logging.getLogger(__name__)

FRAMES, CLIPS, PAIRS = 32, 8, 16
"""Batch sizes: frames and clips of a network, and pairs of clips whose pixels a thread compares."""


@chapter("evaluation")
@makes("scoring", made_from=["reconstruction", "clips", "scenes"])
def main(
    *,
    reconstructions: Input,
    table: Input,
    clips: Inputs,
    shots: Inputs | None,
    scenes: Inputs | None,
    metrics: Output,
    per_clip: Output,
    state: State,
    settings: ScoringSettings,
) -> None:
    """Write a table with one row per metric, and a table with one row per clip.

    `shots` are the tables of shots of the films, one for each of `clips` in the same order; only
    the settings `attributes` and `subset` need them. Only `leave_out_cuts` needs `scenes`. The
    outputs of the networks and the scores of pixels are saved, so that an interrupted stage
    computes only the rest.
    """
    reconstructed = load_clips(reconstructions)
    listing = load_table(table, ["segment", "clip"])
    stimuli = load_stimuli(reconstructed, listing, clips)
    if len(reconstructed) < 2:
        raise InputError(
            f"{reconstructions}: {len(reconstructed)} clips, but at least 2 are needed to compare"
        )
    groups = segment_rows(listing)
    segments = ", ".join(dict.fromkeys(listing["segment"].astype(str)))
    log.info("scores of %d %s clips (%s)", len(listing), settings.evaluate, segments)
    attributes, marked = _read_shots(listing, clips, shots or [], settings)
    left_out = _with_a_cut(listing, scenes or []) if settings.leave_out_cuts else None
    if left_out is not None and marked is not None and not (marked & ~left_out).any():
        raise InputError(
            f"{settings.subset}: all {marked.sum()} clips of this subset have a cut, but at least "
            "1 without a cut is needed: remove scoring.leave_out_cuts or scoring.subset"
        )
    rng = np.random.default_rng(settings.seed)

    results: list[Metric] = []
    for judge, name in (
        (_video_metrics, settings.video_classifier),
        (_frame_metrics, settings.image_classifier),
        (_clip_metrics, settings.clip),
    ):
        if name is not None:
            results += judge(reconstructed, stimuli, groups, attributes, state, settings)
    keep = partial(_keep_scores, state)
    results += catalogue.pixel_metrics(reconstructed, stimuli, groups, rng, keep)
    if left_out is not None:
        results = [without(m, left_out, "clips with a cut") for m in results]
    scores = {m.name: scores_per_clip(m) for m in results}
    if marked is not None:
        results += [over_marked(m, marked, str(settings.subset)) for m in results if m.in_subset]

    counts = settings.model_dump(include={"block", "resamples", "permutations"})
    save_table(metrics, summarise(results, **counts, rng=rng))
    save_table(per_clip, listing[["segment", "clip"]].assign(**scores))


def _with_a_cut(listing: pd.DataFrame, scenes: Inputs) -> np.ndarray:
    """Find the clips whose frames belong to several scenes, (n_clips,) of bool."""
    cut = {
        (path.stem, clip): len(set(frames)) > 1
        for path in scenes
        for clip, frames in enumerate(load_scenes(path)[1].tolist())
    }
    keys = list(zip(listing["segment"].astype(str), listing["clip"]))
    if missing := [f"{segment} {clip}" for segment, clip in keys if (segment, clip) not in cut]:
        raise InputError(
            f"no scenes for {len(missing)} clips, first {missing[0]}: scoring.leave_out_cuts needs "
            "the tables of scenes of all scored segments"
        )
    has_cut = np.array([cut[key] for key in keys])
    if has_cut.all():
        raise InputError(
            f"all {len(has_cut)} clips have a cut, but at least 1 without a cut is needed: remove "
            "scoring.leave_out_cuts, or raise scenes.threshold"
        )
    log.info("%d of %d clips have a cut: left out", has_cut.sum(), len(has_cut))
    return has_cut


def _read_shots(
    listing: pd.DataFrame, clips: Inputs, shots: Inputs, settings: ScoringSettings
) -> tuple[list[Attribute], np.ndarray | None]:
    """Read the attributes of each stimulus, and whether it is in the subset, (n_clips,) of bool.

    A clip's values are those of the shot that fills most of its time. The values of an attribute
    are all that its column has in any of the tables.
    """
    columns = [*settings.attributes, *([settings.subset] if settings.subset else [])]
    if not columns:
        return [], None
    if len(shots) != len(clips):
        raise InputError(
            f"{len(shots)} tables of shots for {len(clips)} films: attributes and subset "
            f"({', '.join(columns)}) need one table per film, in the same order"
        )
    text = dict.fromkeys(settings.attributes, str)
    tables = {c.stem: load_shots(path, columns).astype(text) for c, path in zip(clips, shots)}
    clip_values = describe_clips(listing, tables, settings.seconds, settings.film_start)
    shot_values = pd.concat(tables.values())
    attributes = []
    for name in settings.attributes:
        values = sorted(set(shot_values[name]))
        truth = [values.index(value) for value in clip_values[name]]
        attributes.append(Attribute(name, values, np.array(truth)))
    if settings.subset is None:
        return attributes, None
    return attributes, marked_clips(clip_values, shot_values, settings.subset)


def _video_metrics(
    reconstructions: np.ndarray,
    stimuli: np.ndarray,
    groups: list[np.ndarray],
    attributes: list[Attribute],
    state: State,
    settings: ScoringSettings,
) -> list[Metric]:
    processor, model = load_video_classifier(str(settings.video_classifier))
    put(model, settings.precision)
    requested = _requested("video", class_labels(model), attributes, settings)

    def classify(clips: np.ndarray) -> dict[str, np.ndarray]:
        return classify_clips(processor, model, clips)._asdict()

    kept = _of_both("classify-clips", classify, (reconstructions, stimuli), CLIPS, state)
    logits, stimulus_logits = [x.array("logits")[:, None] for x in kept]  # a clip is one view
    embeddings, stimulus_embeddings = [x.array("embeddings") for x in kept]
    definition = (
        "fraction of other clips less similar to the reconstruction than its own; video classifier"
    )
    return [
        catalogue.identification_metric(
            "video", definition, embeddings, stimulus_embeddings, groups
        ),
        *_n_way("video", logits, stimulus_logits, groups, settings),
        *catalogue.attribute_metrics("video", requested, logits, stimulus_logits, groups),
    ]


def _frame_metrics(
    reconstructions: np.ndarray,
    stimuli: np.ndarray,
    groups: list[np.ndarray],
    attributes: list[Attribute],
    state: State,
    settings: ScoringSettings,
) -> list[Metric]:
    processor, model = load_image_classifier(str(settings.image_classifier))
    put(model, settings.precision)
    requested = _requested("image", class_labels(model), attributes, settings)

    def classify(frames: np.ndarray) -> dict[str, np.ndarray]:
        return classify_frames(processor, model, frames)._asdict()

    frames = [_frames(x) for x in (reconstructions, stimuli)]
    kept = _of_both("classify-frames", classify, frames, FRAMES, state)
    shape = reconstructions.shape[:2]
    logits, stimulus_logits = [x.array("logits").reshape(*shape, -1) for x in kept]
    embeddings, stimulus_embeddings = [
        x.array("embeddings").reshape(*shape, -1).mean(axis=1) for x in kept
    ]
    definition = "the same by the image classifier; a clip's embedding is the mean of its frames'"
    return [
        catalogue.identification_metric(
            "frame", definition, embeddings, stimulus_embeddings, groups
        ),
        *_n_way("frame", logits, stimulus_logits, groups, settings),
        *catalogue.attribute_metrics("image", requested, logits, stimulus_logits, groups),
    ]


def _clip_metrics(
    reconstructions: np.ndarray,
    stimuli: np.ndarray,
    groups: list[np.ndarray],
    _: list[Attribute],
    state: State,
    settings: ScoringSettings,
) -> list[Metric]:
    clip = load_clip(str(settings.clip))
    put(clip.model, settings.precision)

    def embed(frames: np.ndarray) -> dict[str, np.ndarray]:
        return {"embeddings": embed_frames(clip, [*frames]).cpu().numpy()}

    frames = [_frames(x) for x in (reconstructions, stimuli)]
    kept = _of_both("embed-frames", embed, frames, FRAMES, state)
    shape = reconstructions.shape[:2]
    embeddings, stimulus_embeddings = [x.array("embeddings").reshape(*shape, -1) for x in kept]
    return catalogue.clip_metrics(embeddings, stimulus_embeddings, groups, top=settings.retrieval)


def _frames(clips: np.ndarray) -> np.ndarray:
    """The frames of clips one after the other, (n_clips · n_frames, h, w, 3)."""
    return clips.reshape(-1, *clips.shape[2:])


def _of_both(
    name: str,
    network: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    both: Sequence[np.ndarray],
    size: int,
    state: State,
) -> list[KeptRows]:
    """Outputs of a network for reconstructions and stimuli, `size` clips or frames at a time."""

    def keep(of: str, inputs: np.ndarray) -> KeptRows:
        return compute_rows(
            state, f"{name}-{of}", len(inputs), lambda rows: network(inputs[rows]), size=size
        )

    reconstructions, stimuli = both
    return [keep("reconstructions", reconstructions), keep("stimuli", stimuli)]


def _keep_scores(state: State, name: str, n: int, compute: Compute) -> np.ndarray:
    size = PAIRS * threads.count()
    kept = compute_rows(state, name, n, lambda rows: {"scores": compute(rows)}, size=size)
    return kept.array("scores")


def _n_way(
    kind: str,
    logits: np.ndarray,
    stimulus_logits: np.ndarray,
    groups: list[np.ndarray],
    settings: ScoringSettings,
) -> list[Metric]:
    k, n_classes = settings.gt_classes, logits.shape[-1]
    for n_way in settings.n_way:
        if not enough_classes(n_way, n_classes, k):
            log.info(
                "%s %d-way left out: the classifier has %d classes, %d describe the ground truth",
                kind,
                n_way,
                n_classes,
                k,
            )
    results = catalogue.n_way_metrics(
        kind, logits, stimulus_logits, groups, n_way=settings.n_way, k=k
    )
    if settings.trials:
        results += catalogue.n_way_trial_metrics(
            kind,
            logits,
            stimulus_logits,
            groups,
            n_way=settings.n_way,
            k=k,
            trials=settings.trials,
            rng=np.random.default_rng(settings.seed),
        )
    return results


def _requested(
    kind: Literal["image", "video"],
    labels: list[str],
    attributes: list[Attribute],
    settings: ScoringSettings,
) -> list[tuple[Attribute, np.ndarray]]:
    """The attributes that this classifier scores, and its classes that name their values."""
    classifier = f"{kind} classifier {getattr(settings, f'{kind}_classifier')}"
    return [
        (attribute, naming_classes(attribute, labels, classifier))
        for attribute in attributes
        if settings.attributes[attribute.name] == kind
    ]
