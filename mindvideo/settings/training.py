"""Settings of the trainings, and the size of the encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from mindvideo.errors import InputError
from mindvideo.settings.base import Execution, Fraction, From, Precision, Section
from mindvideo.sizes import check_accumulation, check_heads, check_warmup


def _refuse(check: Callable[..., None], *values: Any, **names: Any) -> None:
    """Let pydantic name the section of what a check refuses."""
    try:
        check(*values, **names)
    except InputError as error:
        raise ValueError(str(error)) from None


class EncoderShape(Section, section="encoder"):
    """Size of the fMRI encoder and of the decoder that pre-trains it (paper Table B.1)."""

    patch_size: PositiveInt = Field(16, description="voxels in a patch")
    embed_dim: PositiveInt = Field(1024, description="width of a token")
    depth: PositiveInt = Field(24, description="blocks")
    num_heads: PositiveInt = Field(16, description="attention heads of a block")
    mlp_ratio: PositiveFloat = Field(
        1.0, description="width within a block's MLP, in widths of a token"
    )
    decoder_embed_dim: PositiveInt = Field(512, description="width of a token in the decoder")
    decoder_depth: PositiveInt = Field(8, description="blocks of the decoder")
    decoder_num_heads: PositiveInt = Field(16, description="attention heads of the decoder")

    @model_validator(mode="after")
    def _widths_are_shared_among_heads(self) -> Self:
        for of in ("", "decoder_"):
            names = f"{of}embed_dim", f"{of}num_heads"
            _refuse(check_heads, *(getattr(self, name) for name in names), names)
        return self


class Training(Section):
    """What all trainings have in common (see mindvideo.training.loop)."""

    duration: PositiveInt = Field(description="length of the training, in `unit`s")
    unit: Literal["steps", "epochs"] = Field("steps", description="of `duration` and `warmup`")
    batch_size: PositiveInt = Field(description="examples in an optimizer step, over all devices")
    accumulate: Execution[PositiveInt] = Field(
        1, description="backward passes in one optimizer step"
    )
    lr: PositiveFloat = Field(description="peak learning rate")
    betas: tuple[Fraction, Fraction] = Field((0.9, 0.999), description="of AdamW")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        0.01, description="of AdamW, on matrices only"
    )
    clip_grad: PositiveFloat = Field(1.0, description="largest norm of the gradient")
    schedule: Literal["constant", "cosine"] = Field(
        "constant",
        description="of the learning rate after the warm-up; cosine: half a period, down to 0",
    )
    warmup: Annotated[int, Field(ge=0)] = Field(0, description="warm-up, in `unit`s")
    precision: Precision = Field(
        "fp32", description="of activations; weights stay float32 (fp16 needs a GPU)"
    )
    compile: Execution[bool] = Field(
        False, description="compile the network (torch.compile): slow first steps, faster later"
    )
    gradient_checkpointing: Execution[bool] = Field(
        False, description="compute activations again in the backward pass: less memory, more time"
    )
    checkpoint_minutes: Execution[PositiveFloat] = Field(
        5.0, description="time between checkpoints [min]"
    )
    seed: int = Field(0, description="of initial weights, batches, masks, noise and dropout")

    decomposes: ClassVar[bool] = True
    """Whether a batch's loss is the mean of its parts'."""

    @model_validator(mode="after")
    def _warms_up_and_accumulates(self) -> Self:
        _refuse(check_warmup, self.warmup, self.duration, self.unit)
        _refuse(check_accumulation, self.batch_size, self.accumulate, decomposes=self.decomposes)
        return self


class Mbm(Training, section="pretraining"):
    """Masked brain modelling on the pre-training samples (paper Table B.1)."""

    duration: PositiveInt = 500
    unit: Literal["steps", "epochs"] = "epochs"
    batch_size: PositiveInt = 500
    lr: PositiveFloat = 2.5e-4
    betas: tuple[Fraction, Fraction] = (0.9, 0.95)
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    clip_grad: PositiveFloat = 0.8
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup: Annotated[int, Field(ge=0)] = 40
    mask_ratio: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.75, description="fraction of the patches that are masked"
    )


class MbmTuning(Mbm, section="mbm_tuning"):
    """The same on the target subject, briefly (rates of the image paper, Chen et al. CVPR 2023)."""

    duration: PositiveInt = 15
    lr: PositiveFloat = 5.3e-5
    warmup: Annotated[int, Field(ge=0)] = 2
    batch_size: PositiveInt = 16


class MbmSettings(Mbm):
    encoder: Annotated[EncoderShape, From("encoder")]


class Contrastive(Training, section="contrastive"):
    """fMRI–text–image contrastive learning (paper 3.3, B)."""

    decomposes: ClassVar[bool] = False
    duration: PositiveInt = 1200
    batch_size: PositiveInt = 20
    lr: PositiveFloat = 2e-5
    modalities: list[Literal["text", "image"]] = Field(
        ["text", "image"],
        description="what fMRI is brought near to; none: the stage trains nothing, and co-training "
        "starts from masked brain modelling (Table 1, w/o contrastive)",
    )
    dropout: Fraction = Field(0.6, description="dropout of the projection head (paper B)")
    sparsify: Fraction = Field(0.2, description="fraction of voxels set to zero (paper B)")
    crop: Fraction = Field(0.5, description="probability of a random crop of the frame (paper B)")
    apart: bool = Field(True, description="keep clips of one scene out of a batch (paper 3.3)")
    learn_scale: bool = Field(True, description="learn the scale of Eq. 3")
    align_tokens: Annotated[float, Field(ge=0)] = Field(
        0.0,
        description="weight of the squared error between fMRI tokens and the text tokens that "
        "condition Stable Diffusion (not in the paper: lets short co-trainings start near)",
    )


class ContrastiveSettings(Contrastive):
    encoder: Annotated[EncoderShape, From("encoder")]
    clip: Annotated[str, From("pretrained.clip")]


class Denoiser(Training):
    """What the two trainings of the video UNet have in common."""

    min_snr: PositiveFloat | None = Field(
        None,
        description="weigh times by min(SNR, this) / SNR (Hang et al. 2023), so that nearly clean "
        "latents, which depend little on the condition, do not dominate the training; without "
        "(paper), all times weigh alike",
    )


class Drawings(Section):
    """Clips generated from captions while the video UNet is tuned, for a figure."""

    times: Annotated[int, Field(ge=2)] = Field(
        5, description="how often, evenly from before the first step to after the last"
    )
    captions: PositiveInt = Field(4, description="captions, evenly from those of the training")
    steps: PositiveInt = Field(20, description="denoising steps, of DPM-Solver++")
    guidance: Annotated[float, Field(ge=1)] = Field(
        7.5, description="guidance scale, away from the empty caption"
    )


class VideoTuning(Denoiser, section="video_tuning"):
    """Text-conditioned tuning of the inflated UNet (paper B)."""

    duration: PositiveInt = 800
    batch_size: PositiveInt = 14
    lr: PositiveFloat = 2e-5
    drop_condition: Fraction = Field(
        0.1, description="fraction of captions replaced by the empty one"
    )
    drawings: Execution[Drawings] = Drawings()


class VideoTuningSettings(VideoTuning):
    stable_diffusion: Annotated[str, From("pretrained.stable_diffusion")]


class Cotraining(Denoiser, section="cotraining"):
    """fMRI-conditioned tuning of encoder and UNet together (paper B)."""

    duration: PositiveInt = 1500
    batch_size: PositiveInt = 9
    lr: PositiveFloat = 3e-5
    dropout: Fraction = Field(0.0, description="dropout of the projection head")
    sparsify: Fraction = Field(0.0, description="fraction of voxels set to zero")


class CotrainingSettings(Cotraining):
    stable_diffusion: Annotated[str, From("pretrained.stable_diffusion")]
