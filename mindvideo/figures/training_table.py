"""The table of training runs in a methods section."""

from __future__ import annotations

from mindvideo.figures.baselines import is_linear
from mindvideo.figures.wording import listed, sentences
from mindvideo.settings.methods import MethodsSettings
from mindvideo.settings.training import Denoiser, Training

TRAININGS = {
    "pretraining": "masked brain modelling, other subjects",
    "mbm_tuning": "masked brain modelling, this subject",
    "contrastive": "contrastive learning",
    "video_tuning": "video tuning",
    "cotraining": "co-training",
}
COLUMNS = (
    "training",
    "length",
    "batch",
    "learning rate",
    "warm-up",
    "schedule",
    "β",
    "decay",
    "clipping",
)


def training_table(s: MethodsSettings) -> list[tuple[str, ...]]:
    """A row for each training that took place, in the order of `COLUMNS`."""
    return [_settings_of(TRAININGS[name], t) for name, t in _trained(s).items()]


def _trained(s: MethodsSettings) -> dict[str, Training]:
    """Settings of the trainings that took place, in order."""
    if s.reconstruction.method == "nearest":
        return {}
    replaced = ("pretraining", "mbm_tuning", "contrastive") if is_linear(s) else ()
    trainings = {name: getattr(s, name) for name in TRAININGS if name not in replaced}
    return {name: training for name, training in trainings.items() if training.trains}


def _settings_of(name: str, t: Training) -> tuple[str, ...]:
    return (
        name,
        f"{t.duration:,} {t.unit}",
        f"{t.batch_size:,}",
        f"{t.lr:g}",
        f"{t.warmup:,} {t.unit}" if t.warmup else "none",
        t.schedule,
        ", ".join(f"{beta:g}" for beta in t.betas),
        f"{t.weight_decay:g}",
        f"{t.clip_grad:g}",
    )


def table_note(s: MethodsSettings) -> str:
    """The optimizer, and what some of the training runs have that the table does not say."""
    trained = _trained(s)
    mixed = [
        f"{TRAININGS[name]} ({training.precision})"
        for name, training in trained.items()
        if training.precision != "fp32"
    ]
    weighed = [
        f"{TRAININGS[name]} ({training.min_snr:g})"
        for name, training in trained.items()
        if isinstance(training, Denoiser) and training.min_snr
    ]
    return sentences(
        "Optimizer: AdamW (Loshchilov & Hutter 2019). β: its exponential decay rates; decay: its "
        "weight decay; clipping: largest norm of the gradient.",
        f"Losses were weighted by min-SNR (Hang et al. 2023) in {listed(weighed)}."
        if weighed
        else "",
        f"Activations were of reduced precision in {listed(mixed)}." if mixed else "",
    )
