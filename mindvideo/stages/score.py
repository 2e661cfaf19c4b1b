"""Score reconstructions against the clips shown, beside chance, a null and intervals."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips, load_shown
from mindvideo.io.scenes import load_scenes
from mindvideo.io.shots import describe_clips, load_shots
from mindvideo.io.tables import load_table, save_table
from mindvideo.metrics import catalogue
from mindvideo.metrics.attributes import Attribute, naming_classes
from mindvideo.metrics.n_way import enough_classes
from mindvideo.metrics.summary import (
    Metric,
    over_marked,
    own_scores,
    segment_rows,
    summarise,
    without,
)
from mindvideo.models.classifier import class_labels, classify_clips, classify_frames
from mindvideo.models.encoding import embed_frames
from mindvideo.models.pretrained import load_clip, load_image_classifier, load_video_classifier
from mindvideo.progress import progress
from mindvideo.settings import ScoringSettings
from mindvideo.stages import Input, Inputs, Output

log = logging.getLogger(__name__)

BATCH = 32
"""Frames that CLIP embeds at a time."""


def main(
    *,
    reconstructions: Input,
    table: Input,
    clips: Inputs,
    shots: Inputs | None,
    scenes: Inputs | None,
    metrics: Output,
    per_clip: Output,
    settings: ScoringSettings,
) -> None:
    """Write a row a metric, and a row a clip.

    `shots` are the tables of what the films show, one for each of `clips` in the same order; only
    `attributes` and `subset` of the settings need them. So do `leave_out_cuts` the `scenes`.
    """
    made = load_clips(reconstructions)
    listing = load_table(table, ["segment", "clip"])
    shown = load_shown(made, listing, clips)
    if len(made) < 2:
        raise InputError(f"{reconstructions}: {len(made)} clips, at least 2 were needed to compare")
    groups = segment_rows(listing)
    attributes, marked = _read_shots(listing, clips, shots or [], settings)
    left_out = _with_a_cut(listing, scenes or []) if settings.leave_out_cuts else None
    if left_out is not None and marked is not None and not (marked & ~left_out).any():
        raise InputError(
            f"{settings.subset}: all {marked.sum()} clips that it marks have a cut, at least 1 "
            "without was needed: leave out scoring.leave_out_cuts or scoring.subset"
        )
    rng = np.random.default_rng(settings.seed)

    found: list[Metric] = []
    for judge, name in (
        (_video_metrics, settings.video_classifier),
        (_frame_metrics, settings.image_classifier),
        (_clip_metrics, settings.clip),
    ):
        if name is not None:
            found += judge(made, shown, groups, attributes, settings)
    found += catalogue.pixel_metrics(made, shown, groups, rng, _bar)
    if left_out is not None:
        found = [without(m, left_out, "clips with a cut") for m in found]
    own = {m.name: own_scores(m) for m in found}
    if marked is not None:
        found += [over_marked(m, marked, str(settings.subset)) for m in found if m.in_subset]

    counts = settings.model_dump(include={"block", "resamples", "permutations"})
    save_table(metrics, pd.DataFrame([summarise(m, **counts, rng=rng) for m in found]))
    save_table(per_clip, listing[["segment", "clip"]].assign(**own))


def _with_a_cut(listing: pd.DataFrame, scenes: Inputs) -> np.ndarray:
    """Tell of each clip whether its frames are of several scenes, (n_clips,) of bool."""
    cut = {
        (path.stem, clip): len(set(frames)) > 1
        for path in scenes
        for clip, frames in enumerate(load_scenes(path)[1].tolist())
    }
    keys = list(zip(listing["segment"].astype(str), listing["clip"]))
    if missing := [f"{segment} {clip}" for segment, clip in keys if (segment, clip) not in cut]:
        raise InputError(
            f"no scenes of {len(missing)} clips, first {missing[0]}: scoring.leave_out_cuts needs "
            "the tables of scenes of all test segments"
        )
    found = np.array([cut[key] for key in keys])
    if found.all():
        raise InputError(
            f"all {len(found)} clips have a cut, at least 1 without was needed: leave out "
            "scoring.leave_out_cuts, or raise scenes.threshold"
        )
    log.info("%d of %d clips have a cut: left out", found.sum(), len(found))
    return found


def _read_shots(
    listing: pd.DataFrame, clips: Inputs, shots: Inputs, settings: ScoringSettings
) -> tuple[list[Attribute], np.ndarray | None]:
    """Read the attributes of each clip shown, and whether it is in the subset, (n_clips,) of bool.

    A clip's values are those of the shot that fills most of its time. The values of an attribute
    are all that its column has in any of the tables.
    """
    columns = [*settings.attributes, *([settings.subset] if settings.subset else [])]
    if not columns:
        return [], None
    if len(shots) != len(clips):
        raise InputError(
            f"{len(shots)} tables of shots, {len(clips)} films cut into clips: attributes and "
            f"subset ({', '.join(columns)}) need one for each, in the same order"
        )
    text = dict.fromkeys(settings.attributes, str)
    tables = {c.stem: load_shots(path, columns).astype(text) for c, path in zip(clips, shots)}
    clip_values = describe_clips(listing, tables, settings.tr)
    shot_values = pd.concat(tables.values())
    attributes = []
    for name in settings.attributes:
        values = sorted(set(shot_values[name]))
        truth = [values.index(value) for value in clip_values[name]]
        attributes.append(Attribute(name, values, np.array(truth)))
    return attributes, _marked(clip_values, shot_values, settings.subset)


def _marked(
    clip_values: pd.DataFrame, shot_values: pd.DataFrame, subset: str | None
) -> np.ndarray | None:
    if subset is None:
        return None
    if not (right := shot_values[subset].isin([0, 1])).all():
        raise InputError(
            f"{subset}: {shot_values[subset][~right].iloc[0]!r} in a table of shots, 0 or 1 was "
            "needed: scoring.subset names a column that marks shots by 1"
        )
    marked = (clip_values[subset] == 1).to_numpy()
    if not marked.any():
        raise InputError(
            f"{subset}: marks none of the {len(marked)} clips, at least 1 was needed: mark some "
            "by 1 in the tables of shots, or leave out scoring.subset"
        )
    return marked


def _video_metrics(
    made: np.ndarray,
    shown: np.ndarray,
    groups: list[np.ndarray],
    attributes: list[Attribute],
    settings: ScoringSettings,
) -> list[Metric]:
    processor, model = load_video_classifier(str(settings.video_classifier))
    asked = _asked("video", class_labels(model), attributes, settings)
    (logits, seen), (true_logits, true_seen) = [
        classify_clips(processor, model, x) for x in (made, shown)
    ]
    views = logits[:, None], true_logits[:, None]  # a clip is one view
    definition = "share of other clips less like the reconstruction than its own; video classifier"
    return [
        catalogue.identification_metric("video", definition, seen, true_seen, groups),
        *_n_way("video", *views, groups, settings),
        *catalogue.attribute_metrics("video", asked, *views, groups),
    ]


def _frame_metrics(
    made: np.ndarray,
    shown: np.ndarray,
    groups: list[np.ndarray],
    attributes: list[Attribute],
    settings: ScoringSettings,
) -> list[Metric]:
    processor, model = load_image_classifier(str(settings.image_classifier))
    asked = _asked("image", class_labels(model), attributes, settings)
    n_clips, n_frames = made.shape[:2]
    results = [
        classify_frames(processor, model, x.reshape(-1, *x.shape[2:])) for x in (made, shown)
    ]
    (logits, seen), (true_logits, true_seen) = [
        [x.reshape(n_clips, n_frames, -1) for x in result] for result in results
    ]
    definition = "the same by the image classifier; a clip's embedding is the mean of its frames'"
    seen, true_seen = seen.mean(axis=1), true_seen.mean(axis=1)
    return [
        catalogue.identification_metric("frame", definition, seen, true_seen, groups),
        *_n_way("frame", logits, true_logits, groups, settings),
        *catalogue.attribute_metrics("image", asked, logits, true_logits, groups),
    ]


def _clip_metrics(
    made: np.ndarray,
    shown: np.ndarray,
    groups: list[np.ndarray],
    _: list[Attribute],
    settings: ScoringSettings,
) -> list[Metric]:
    clip = load_clip(str(settings.clip))
    embeddings = []
    for clips in (made, shown):
        frames = clips.reshape(-1, *clips.shape[2:])
        starts = progress(range(0, len(frames), BATCH), desc="embed frames", unit="batch")
        parts = [embed_frames(clip, [*frames[i : i + BATCH]]).cpu().numpy() for i in starts]
        embeddings.append(np.concatenate(parts).reshape(*clips.shape[:2], -1))
    seen, true_seen = embeddings
    return catalogue.clip_metrics(seen, true_seen, groups, top=settings.retrieval)


def _n_way(
    kind: str,
    logits: np.ndarray,
    true_logits: np.ndarray,
    groups: list[np.ndarray],
    settings: ScoringSettings,
) -> list[Metric]:
    k, n_classes = settings.gt_classes, logits.shape[-1]
    for n_way in settings.n_way:
        if not enough_classes(n_way, n_classes, k):
            log.info(
                "%s %d-way left out: the classifier has %d classes, %d are the ground truth's",
                *(kind, n_way, n_classes, k),
            )
    found = catalogue.n_way_metrics(kind, logits, true_logits, groups, n_way=settings.n_way, k=k)
    if settings.trials:
        found += catalogue.n_way_trial_metrics(
            kind,
            logits,
            true_logits,
            groups,
            n_way=settings.n_way,
            k=k,
            trials=settings.trials,
            rng=np.random.default_rng(settings.seed),
        )
    return found


def _asked(
    kind: Literal["image", "video"],
    labels: list[str],
    attributes: list[Attribute],
    settings: ScoringSettings,
) -> list[tuple[Attribute, np.ndarray]]:
    """The attributes that this classifier is asked for, and its classes that name their values."""
    classifier = f"{kind} classifier {getattr(settings, f'{kind}_classifier')}"
    return [
        (attribute, naming_classes(attribute, labels, classifier))
        for attribute in attributes
        if settings.attributes[attribute.name] == kind
    ]


def _bar(segments: Sequence, name: str) -> Iterable:
    return progress(segments, desc=name, unit="segment")
