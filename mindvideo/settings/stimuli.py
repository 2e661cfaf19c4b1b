"""Settings of the stages that read films."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mindvideo.settings.base import (
    Execution,
    Fraction,
    From,
    Networks,
    OnDevice,
    PathText,
    Section,
)
from mindvideo.settings.sources import MEMORY, SEED, here, paper
from mindvideo.templates import check_template


class Clips(Section, section="clips"):
    """Film → clips of frames."""

    seconds: Annotated[PositiveFloat | None, here("a clip for each volume, as in the paper")] = (
        Field(None, description="duration of a clip [s]; not given: the repetition time")
    )
    frames: Annotated[PositiveInt | None, here("from fps, as in the paper")] = Field(
        None, description="frames of a clip, from which its frame rate follows, in place of `fps`"
    )
    fps: Annotated[PositiveFloat, paper("4.2")] = Field(
        3,
        description="frames per second of a clip, at most the film's, so that a clip has a whole "
        "number of frames; five digits are enough",
    )
    size: Annotated[int, Field(gt=0, multiple_of=8), paper("4.2")] = Field(
        256, description="height and width of a frame [px]"
    )
    fit: Annotated[Literal["crop", "pad", "stretch"], here("the paper does not say")] = Field(
        "crop",
        description="how a film that is not square is made square: crop to its centre, pad with "
        "black, or stretch",
    )


class ClipSettings(Clips):
    seconds: Annotated[PositiveFloat, From("clip_seconds")] = Field(
        description="duration of a clip [s]"
    )
    start: Annotated[NonNegativeFloat, From("film_start")] = Field(
        0.0, description="where the segment starts in its film [s]"
    )
    n_clips: Annotated[PositiveInt, From("n_clips")] = Field(description="clips of the segment")


class ClipMotion(Section):
    """Measuring the motion of clips: nothing to set."""


class Captions(Networks, section="captions"):
    """Frame → caption."""

    batch_size: Annotated[Execution[PositiveInt], MEMORY] = Field(
        32, description="frames captioned together"
    )
    max_tokens: Annotated[PositiveInt, here("more than a sentence needs")] = Field(
        30, description="longest caption [tokens]"
    )


class CaptionSettings(Captions, OnDevice):
    captioner: Annotated[str, From("pretrained.captioner")]


class MotionPhrases(Section):
    """Phrases for what optical flow finds to move in a clip; an empty one appends nothing."""

    left: Annotated[str, here("plain English")] = Field(
        "moving left", description="the subject moves to the left"
    )
    right: Annotated[str, here("plain English")] = Field(
        "moving right", description="it moves to the right"
    )
    up: Annotated[str, here("plain English")] = Field("moving up", description="it moves up")
    down: Annotated[str, here("plain English")] = Field("moving down", description="it moves down")
    towards: Annotated[str, here("plain English")] = Field(
        "moving towards the camera", description="it grows"
    )
    away: Annotated[str, here("plain English")] = Field(
        "moving away from the camera", description="it shrinks"
    )
    camera: Annotated[str, here("plain English")] = Field(
        "as the camera moves", description="the whole picture moves to one side"
    )
    other: Annotated[str, here("tells nothing")] = Field(
        "", description="it moves in another way, or in several"
    )
    still: Annotated[str, here("plain English")] = Field(
        "standing still", description="nothing moves"
    )


class SceneChoices(Section):
    """How cuts are found, and what the captions of clips tell."""

    cuts: Annotated[
        list[Literal["pictures", "captions"]], here("the paper does not say how it finds cuts")
    ] = Field(
        ["pictures", "captions"],
        min_length=1,
        description="what indicates a cut: an abrupt change of the film's pictures, or of the "
        "frames' captions",
    )
    threshold: Annotated[PositiveFloat, here("finds the cuts of real and simulated films")] = Field(
        8.0,
        description="change of the pictures from which it is a cut [percent of white, as ffmpeg's "
        "scdet]",
    )
    same_scene: Annotated[Fraction, here("tolerates rephrased captions")] = Field(
        0.6,
        description="captions that share at least this fraction of their words belong to one scene",
    )
    motion: Annotated[MotionPhrases | None, here("the paper's captions are of single frames")] = (
        Field(
            None,
            description="append a phrase to each caption that tells the motion of the clip, as its "
            "optical flow shows it (`{}`: with the phrases below); by default none",
        )
    )


class Scenes(SceneChoices, section="scenes"):
    """Film and captions → scenes, and one caption a clip, with "Then" at a cut (paper 3.3)."""

    corrections: Annotated[
        Annotated[PathText, Field(pattern=r"\{segment\}")] | None, here("none needed")
    ] = Field(
        None,
        description="path template with {segment}: captions corrected by hand, used as they are",
    )

    @model_validator(mode="after")
    def _template_can_be_filled_in(self) -> Self:
        if self.corrections:
            check_template("corrections", self.corrections, {"segment"})
        return self


class SceneSettings(SceneChoices, of="scenes"):
    fps: Annotated[PositiveFloat, From("clips.fps")] = Field(
        description="frames per second of the clips"
    )


class Latents(Networks, section="latents"):
    """Frames → VAE latents, captions → text tokens."""

    batch_size: Annotated[Execution[PositiveInt], MEMORY] = Field(
        16, description="frames encoded together"
    )


class LatentSettings(Latents, OnDevice):
    stable_diffusion: Annotated[str, From("pretrained.stable_diffusion")]


class Embeddings(Networks, section="embeddings"):
    """Frames and paraphrases of captions → CLIP embeddings (paper 3.3, B)."""

    batch_size: Annotated[Execution[PositiveInt], MEMORY] = Field(
        64, description="frames embedded together"
    )
    paraphrases: Annotated[int, Field(ge=0), here("the paper gives no number")] = Field(
        8, description="paraphrases of each caption; 0: the caption as it is"
    )
    synonyms: Annotated[Fraction, here("the paper gives no number")] = Field(
        0.3, description="probability that a word that has WordNet synonyms is replaced by one"
    )
    word_swap: Annotated[Fraction, here("the paper gives no number")] = Field(
        0.3, description="probability that two words of a paraphrase are swapped"
    )
    seed: Annotated[int, SEED] = Field(0, description="of the paraphrases")

    renamed: ClassVar = {"wordings": "paraphrases"}


class EmbeddingSettings(Embeddings, OnDevice):
    clip: Annotated[str, From("pretrained.clip")]
