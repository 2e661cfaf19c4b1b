"""Settings of the stages that read films."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from mindvideo.settings.base import Execution, Fraction, From, PathText, Section
from mindvideo.templates import check_template


class Clips(Section, section="clips"):
    """Film → clips of frames."""

    fps: PositiveFloat = Field(
        3,
        description="frames per second of a clip, up to the film's (paper 4.2): n / TR for a whole "
        "number n of frames; five digits are enough",
    )
    size: Annotated[int, Field(gt=0, multiple_of=8)] = Field(
        256, description="height and width of a frame [px] (paper B)"
    )
    fit: Literal["crop", "pad", "stretch"] = Field(
        "crop",
        description="how a film that is not square becomes so: its centre, the whole on black, or "
        "the whole distorted",
    )


class ClipSettings(Clips):
    tr: Annotated[PositiveFloat, From("dataset.tr")] = Field(description="duration of a clip [s]")
    n_clips: Annotated[PositiveInt, From("n_clips")] = Field(
        description="clips of the segment: kept volumes of its runs"
    )


class Captions(Section, section="captions"):
    """Frame → caption."""

    batch_size: Execution[PositiveInt] = Field(32, description="frames captioned together")
    max_tokens: PositiveInt = Field(30, description="longest caption [tokens]")


class CaptionSettings(Captions):
    captioner: Annotated[str, From("pretrained.captioner")]


class Cuts(Section):
    """How cuts are found."""

    cuts: list[Literal["pictures", "captions"]] = Field(
        ["pictures", "captions"],
        min_length=1,
        description="what indicates a cut: the film's pictures jump, the frames' captions change",
    )
    threshold: PositiveFloat = Field(
        8.0, description="how far pictures jump at a cut [percent of white, as ffmpeg's scdet]"
    )
    same_scene: Fraction = Field(
        0.6, description="captions of which at least this fraction of words agree are one scene"
    )


class Scenes(Cuts, section="scenes"):
    """Film and captions → scenes, and a caption a clip, joined by "Then" at a cut (paper 3.3)."""

    corrections: Annotated[PathText, Field(pattern=r"\{segment\}")] | None = Field(
        None,
        description="path template with {segment}: captions corrected by hand, which stand",
    )

    @model_validator(mode="after")
    def _template_can_be_filled_in(self) -> Self:
        if self.corrections:
            check_template("corrections", self.corrections, {"segment"})
        return self


class SceneSettings(Cuts, of="scenes"):
    fps: Annotated[PositiveFloat, From("clips.fps")] = Field(
        description="frames per second of the clips"
    )


class Latents(Section, section="latents"):
    """Frames → VAE latents, captions → text tokens."""

    batch_size: Execution[PositiveInt] = Field(16, description="frames encoded together")


class LatentSettings(Latents):
    stable_diffusion: Annotated[str, From("pretrained.stable_diffusion")]


class Embeddings(Section, section="embeddings"):
    """Frames and paraphrases of captions → CLIP embeddings (paper 3.3, B)."""

    batch_size: Execution[PositiveInt] = Field(64, description="frames embedded together")
    paraphrases: Annotated[int, Field(ge=0)] = Field(
        8, description="paraphrases of each caption; 0: the caption as it is"
    )
    synonyms: Fraction = Field(
        0.3, description="probability that a word that has WordNet synonyms is replaced by one"
    )
    word_swap: Fraction = Field(0.3, description="probability that two words of a paraphrase swap")
    seed: int = Field(0, description="of the paraphrases")

    renamed: ClassVar = {"wordings": "paraphrases"}


class EmbeddingSettings(Embeddings):
    clip: Annotated[str, From("pretrained.clip")]
