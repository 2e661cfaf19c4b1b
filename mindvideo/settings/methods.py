"""All settings that a methods section reports."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from mindvideo.run import Evaluated, Split
from mindvideo.run_files import Form
from mindvideo.settings.base import From, Pretrained, RunTiming, Section
from mindvideo.settings.evaluation import Motion, Reconstruction, Scoring
from mindvideo.settings.fmri import Clean, Regions, Samples, Selection, Windows
from mindvideo.settings.stimuli import Clips, Embeddings, Scenes
from mindvideo.settings.training import (
    Contrastive,
    Cotraining,
    EncoderShape,
    Mbm,
    MbmTuning,
    Ridge,
    VideoModel,
    VideoTuning,
)


class SegmentRecording(Section):
    """How one segment was recorded in a subject."""

    name: str
    split: Split
    runs: PositiveInt = Field(description="repetitions that are used")
    clips: PositiveInt
    left_out: NonNegativeInt = Field(0, description="further clips, without volumes")
    volumes: PositiveInt = Field(description="volumes kept")
    during: PositiveInt = Field(description="volumes during the film")
    timing: list[RunTiming] = Field(description="each different one of its runs")
    film_onset: float | None = Field(description="after the start of the run [s]")


class Recordings(Section):
    """The runs of one subject."""

    subject: str
    variant: str = Field(description="of the model; empty: the full model")
    segments: list[SegmentRecording]
    excluded: list[str] = Field(description="runs left out, as SEGMENT_REPETITION")
    masked: bool = Field(description="whether brain masks limit the voxels")
    pretraining_subjects: PositiveInt | None = Field(description="None: all on the disk")


class MethodsSettings(Section):
    """The sections, and what is known of the data set."""

    dataset: Annotated[str, From("dataset.name")]
    reference: Annotated[str | None, From("dataset.reference")]
    pretraining_reference: Annotated[str | None, From("pretraining_data.reference")]
    pretraining_tr: Annotated[PositiveFloat | None, From("pretraining_data.tr")]
    given_pretraining: Annotated[bool, From("given_pretraining")] = False
    space: Annotated[Form, From("dataset.space")]
    tr: Annotated[PositiveFloat, From("dataset.tr")]
    clip_seconds: Annotated[PositiveFloat, From("clip_seconds")]
    lag: Annotated[int, From("lag")]
    recordings: Annotated[Recordings, From("recordings")]
    evaluate: Annotated[Evaluated, From("evaluate")] = "test"
    num_frames: Annotated[PositiveInt, From("num_frames")]
    regions: Annotated[Regions, From("regions")]
    clean: Annotated[Clean, From("clean")]
    selection: Annotated[Selection, From("selection")]
    windows: Annotated[Windows, From("windows")]
    samples: Annotated[Samples, From("samples")]
    clips: Annotated[Clips, From("clips")]
    scenes: Annotated[Scenes, From("scenes")]
    embeddings: Annotated[Embeddings, From("embeddings")]
    encoder: Annotated[EncoderShape, From("encoder")]
    pretraining: Annotated[Mbm, From("own_pretraining")]
    mbm_tuning: Annotated[MbmTuning, From("mbm_tuning")]
    contrastive: Annotated[Contrastive, From("contrastive")]
    ridge: Annotated[Ridge, From("ridge")]
    video_tuning: Annotated[VideoTuning, From("video_tuning")]
    video_model: Annotated[VideoModel, From("video_model")]
    cotraining: Annotated[Cotraining, From("cotraining")]
    motion: Annotated[Motion, From("motion")]
    reconstruction: Annotated[Reconstruction, From("reconstruction")]
    scoring: Annotated[Scoring, From("scoring")]
    pretrained: Annotated[Pretrained, From("pretrained")]
    replicates: Annotated[PositiveInt, From("replicates")] = 1
