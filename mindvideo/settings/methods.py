"""All settings that a methods section tells of."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from mindvideo.settings.base import Pretrained, Section
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

    dataset: str
    space: Literal["volume", "cifti"]
    tr: PositiveFloat
    lag: int
    n_train: PositiveInt
    n_test: PositiveInt
    train_repetitions: PositiveInt
    test_repetitions: PositiveInt
    fps: PositiveFloat
    num_frames: PositiveInt
    size: PositiveInt
    clean: Clean
    selection: Selection
    windows: Windows
    samples: Samples
    encoder: EncoderShape
    pretraining: Mbm
    mbm_tuning: MbmTuning
    contrastive: Contrastive
    video_tuning: VideoTuning
    cotraining: Cotraining
    reconstruction: Reconstruction
    scoring: Scoring
    pretrained: Pretrained
