"""What a methods section says of masked brain modelling."""

from __future__ import annotations

from mindvideo.figures.references import citation
from mindvideo.figures.wording import at_probability, count, listed
from mindvideo.settings.fmri import Samples
from mindvideo.settings.methods import MethodsSettings


def masked_modelling(s: MethodsSettings) -> str:
    """The trainings on other subjects and on this one, and the weights that they start from."""
    trainings = [t for t in (s.pretraining, s.mbm_tuning) if t.trains]
    start = ", from random weights"
    if s.given_pretraining:
        given = "Its weights were first those of an encoder that others had trained by masked brain"
        if not trainings:
            return f"{given} modelling."
        start = ", from the weights of a model that others had trained in this way"
    elif not trainings:
        return "Masked brain modelling was omitted: the weights were random at first."
    data = f" ({citation(s.pretraining_reference)})" if s.pretraining_reference else ""
    n = s.recordings.pretraining_subjects
    averaged = f"averaged over {s.samples.seconds:g} s"
    if s.pretraining_tr:
        averaged += f" ({count(round(s.samples.seconds / s.pretraining_tr), 'volume')})"
    first, last = trainings[0].mask_ratio, trainings[-1].mask_ratio
    remasked = "" if last == first else f" ({at_probability(last)} masked)"
    on_others = (
        f"on fMRI runs of {count(n, 'other subject') if n else 'other subjects'}{data}, in "
        f"{listed(s.samples.areas)}, {averaged}{_before_averaging(s.samples)}"
    )
    on_subject = f"on the volumes of the training windows of the subject{remasked}"
    if not s.pretraining.trains:
        on_subject += start
    parts = [
        part
        for part, training in ((on_others, s.pretraining), (on_subject, s.mbm_tuning))
        if training.trains
    ]
    return (
        "It was first trained by masked brain modelling, that is, as a masked autoencoder (He et "
        "al. 2022; Chen et al. 2023), which predicts masked patches of a volume from the others "
        f"({at_probability(first)} of the patches masked): {'; then '.join(parts)}."
    )


def _before_averaging(samples: Samples) -> str:
    """What was done to pre-training runs and samples: clauses that begin with a comma."""
    removed = [
        clause
        for clause, done in (
            ("the mean over the run", samples.centre),
            (f"a polynomial drift of order {samples.detrend_order}", samples.detrend_order),
        )
        if done
    ]
    clauses = []
    if removed:
        clauses.append(f"after {listed(removed)} had been subtracted")
    if samples.standardize == "voxel":
        clauses.append("each grayordinate z-scored over the samples of its run")
    if samples.most:
        clauses.append(
            f"at most {samples.most:,} samples, drawn at random in proportion from all subjects"
        )
    return "".join(f", {clause}" for clause in clauses)
