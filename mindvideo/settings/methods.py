"""All settings that a methods section reports."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import PositiveFloat, PositiveInt

from mindvideo.settings.base import From, Pretrained, Section
from mindvideo.settings.evaluation import Reconstruction, Scoring
from mindvideo.settings.fmri import Clean, Samples, Selection, Windows
from mindvideo.settings.training import (
    Contrastive,
    Cotraining,
    EncoderShape,
    Mbm,
    MbmTuning,
    VideoTuning,
)


class MethodsSettings(Section):
    """The sections, and what is known of the data set."""

    dataset: Annotated[str, From("dataset.name")]
    space: Annotated[Literal["volume", "cifti"], From("dataset.space")]
    tr: Annotated[PositiveFloat, From("dataset.tr")]
    lag: Annotated[int, From("dataset.lag")]
    n_train: Annotated[PositiveInt, From("n_train")]
    n_test: Annotated[PositiveInt, From("n_test")]
    train_repetitions: Annotated[PositiveInt, From("train_repetitions")]
    test_repetitions: Annotated[PositiveInt, From("test_repetitions")]
    fps: Annotated[PositiveFloat, From("clips.fps")]
    num_frames: Annotated[PositiveInt, From("num_frames")]
    size: Annotated[PositiveInt, From("clips.size")]
    clean: Annotated[Clean, From("clean")]
    selection: Annotated[Selection, From("selection")]
    windows: Annotated[Windows, From("windows")]
    samples: Annotated[Samples, From("samples")]
    encoder: Annotated[EncoderShape, From("encoder")]
    pretraining: Annotated[Mbm, From("pretraining")]
    mbm_tuning: Annotated[MbmTuning, From("mbm_tuning")]
    contrastive: Annotated[Contrastive, From("contrastive")]
    video_tuning: Annotated[VideoTuning, From("video_tuning")]
    cotraining: Annotated[Cotraining, From("cotraining")]
    reconstruction: Annotated[Reconstruction, From("reconstruction")]
    scoring: Annotated[Scoring, From("scoring")]
    pretrained: Annotated[Pretrained, From("pretrained")]
