"""Settings of the training runs, and the size of the encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from mindvideo.errors import InputError
from mindvideo.settings.base import (
    EXACT,
    Execution,
    Fraction,
    From,
    OnDevice,
    Precision,
    Section,
)
from mindvideo.settings.sources import IMAGE_PAPER, OFF, RELEASED, SEED, here, library, paper
from mindvideo.sizes import check_accumulation, check_heads, check_warmup

ADAMW = library("PyTorch")
TABLE = paper("Table B.1")
UNSAID = here("the paper does not say")
MIX = Field(
    False,
    description="average the repetitions of a window with random weights, drawn anew in each step, "
    "instead of equal ones: the noise of the mean is another each time",
)
SPEED = here("affects speed and memory only")


def _refuse(check: Callable[..., None], *values: Any, **names: Any) -> None:
    """Let pydantic name the section of what a check refuses."""
    try:
        check(*values, **names)
    except InputError as error:
        raise ValueError(str(error)) from None


class EncoderShape(Section, section="encoder"):
    """Size of the fMRI encoder and of the decoder that pre-trains it (paper Table B.1)."""

    patch_size: Annotated[PositiveInt, TABLE] = Field(16, description="voxels in a patch")
    embed_dim: Annotated[PositiveInt, TABLE] = Field(1024, description="width of a token")
    depth: Annotated[PositiveInt, TABLE] = Field(24, description="blocks")
    num_heads: Annotated[PositiveInt, TABLE] = Field(16, description="attention heads of a block")
    mlp_ratio: Annotated[PositiveFloat, TABLE] = Field(
        1.0, description="width within a block's MLP, in widths of a token"
    )
    decoder_embed_dim: Annotated[PositiveInt, TABLE] = Field(
        512, description="width of a token in the decoder"
    )
    decoder_depth: Annotated[PositiveInt, TABLE] = Field(8, description="blocks of the decoder")
    decoder_num_heads: Annotated[PositiveInt, TABLE] = Field(
        16, description="attention heads of the decoder"
    )

    @model_validator(mode="after")
    def _widths_are_shared_among_heads(self) -> Self:
        for of in ("", "decoder_"):
            names = f"{of}embed_dim", f"{of}num_heads"
            _refuse(check_heads, *(getattr(self, name) for name in names), names)
        return self


class Training(Section):
    """What all training runs have in common (see mindvideo.training.loop)."""

    duration: NonNegativeInt = Field(
        description="length of the training, in `unit`s; 0: no training, the model stays as it is "
        "at the start"
    )
    unit: Annotated[Literal["steps", "epochs"], paper("B")] = Field(
        "steps", description="of `duration` and `warmup`"
    )
    batch_size: PositiveInt = Field(description="examples in an optimizer step, over all devices")
    accumulate: Annotated[Execution[PositiveInt], SPEED] = Field(
        1, description="backward passes of one optimizer step"
    )
    lr: PositiveFloat = Field(description="peak learning rate")
    betas: Annotated[tuple[Fraction, Fraction], ADAMW] = Field((0.9, 0.999), description="of AdamW")
    weight_decay: Annotated[float, Field(ge=0), ADAMW] = Field(
        0.01, description="of AdamW, on matrices only"
    )
    clip_grad: Annotated[PositiveFloat, UNSAID] = Field(
        1.0, description="largest norm of the gradient"
    )
    schedule: Annotated[Literal["constant", "cosine"], UNSAID] = Field(
        "constant",
        description="learning rate after the warm-up; cosine: half a period, down to 0",
    )
    warmup: Annotated[int, Field(ge=0), UNSAID] = Field(0, description="warm-up, in `unit`s")
    precision: Annotated[Precision, EXACT] = Field(
        "fp32",
        description="number format of activations; weights stay in single precision. `fp16` needs "
        "a GPU; `auto`: `bf16` where the GPU or processor has it, else `fp32`",
    )
    compile: Annotated[Execution[bool], SPEED] = Field(
        False,
        description="compile the network (torch.compile): slow first steps, faster ones later",
    )
    gradient_checkpointing: Annotated[Execution[bool], SPEED] = Field(
        False, description="recompute activations in the backward pass: less memory, more time"
    )
    cpu_processes: Annotated[Execution[PositiveInt], SPEED] = Field(
        1,
        description="processes that share each batch on a machine without GPUs, at most the "
        "threads of the job. Two processes of one thread train a small network faster than two "
        "threads of one process",
    )
    checkpoint_minutes: Annotated[Execution[PositiveFloat], here("loses at most this")] = Field(
        5.0, description="time between checkpoints [min]"
    )
    log_every: Annotated[Execution[PositiveInt | None], here("a GPU waits each time")] = Field(
        None,
        description="steps between two looks at loss and gradient; the history has all steps. Not "
        "given: 1 on a CPU, 10 on a GPU",
    )
    validate_every: Annotated[Execution[PositiveInt | None], here("about 20 points")] = Field(
        None,
        description="steps between evaluations on the validation segments, if the data set has "
        "any; not given: a twentieth of the training run",
    )
    seed: Annotated[int, SEED] = Field(
        0, description="of initial weights, batches, masks, noise and dropout"
    )

    decomposes: ClassVar[bool] = True
    """Whether a batch's loss is the mean of its parts'."""

    @property
    def trains(self) -> bool:
        """Whether anything is trained."""
        return self.duration > 0

    @model_validator(mode="after")
    def _warms_up_and_accumulates(self) -> Self:
        _refuse(check_warmup, self.warmup, self.duration, self.unit)
        _refuse(check_accumulation, self.batch_size, self.accumulate, decomposes=self.decomposes)
        return self


class Mbm(Training, section="pretraining"):
    """Masked brain modelling on the pre-training samples (paper Table B.1)."""

    duration: Annotated[NonNegativeInt, TABLE] = 500
    unit: Annotated[Literal["steps", "epochs"], TABLE] = "epochs"
    batch_size: Annotated[PositiveInt, TABLE] = 500
    lr: Annotated[PositiveFloat, TABLE] = 2.5e-4
    betas: Annotated[tuple[Fraction, Fraction], IMAGE_PAPER] = (0.9, 0.95)
    weight_decay: Annotated[float, Field(ge=0), TABLE] = 0.05
    clip_grad: Annotated[PositiveFloat, TABLE] = 0.8
    schedule: Annotated[Literal["constant", "cosine"], IMAGE_PAPER] = "cosine"
    warmup: Annotated[int, Field(ge=0), TABLE] = 40
    mask_ratio: Annotated[float, Field(gt=0, lt=1), TABLE] = Field(
        0.75, description="fraction of the patches that are masked"
    )


class MbmTuning(Mbm, section="mbm_tuning"):
    """The same on the target subject, briefly. The paper (B) says "a small learning rate and
    epochs"; the numbers are those of the image paper's code."""

    duration: Annotated[NonNegativeInt, IMAGE_PAPER] = 15
    unit: Annotated[Literal["steps", "epochs"], IMAGE_PAPER] = "epochs"
    lr: Annotated[PositiveFloat, IMAGE_PAPER] = 5.3e-5
    weight_decay: Annotated[float, Field(ge=0), IMAGE_PAPER] = 0.05
    clip_grad: Annotated[PositiveFloat, IMAGE_PAPER] = 0.8
    warmup: Annotated[int, Field(ge=0), IMAGE_PAPER] = 2
    batch_size: Annotated[PositiveInt, IMAGE_PAPER] = 16
    mask_ratio: Annotated[float, Field(gt=0, lt=1), IMAGE_PAPER] = 0.75


class MbmSettings(Mbm, OnDevice):
    encoder: Annotated[EncoderShape, From("encoder")]
    most: Annotated[PositiveInt | None, From("samples.most", only="pretraining")] = Field(
        None, description="maximum number of samples; if there are more, some are drawn"
    )


class Contrastive(Training, section="contrastive"):
    """fMRI–text–image contrastive learning (paper 3.3, B)."""

    decomposes: ClassVar[bool] = False
    duration: Annotated[NonNegativeInt, paper("B")] = 1200
    batch_size: Annotated[PositiveInt, paper("B")] = Field(
        20,
        description="examples in an optimizer step, over all devices; the paper uses 32 for "
        "subject 3",
    )
    lr: Annotated[PositiveFloat, paper("B")] = 2e-5
    modalities: Annotated[list[Literal["text", "image"]], paper("3.3")] = Field(
        ["text", "image"],
        description="what fMRI embeddings are aligned with; none: the stage trains nothing, and "
        "co-training starts from masked brain modelling (Table 1, w/o contrastive)",
    )
    dropout: Annotated[Fraction, paper("B")] = Field(
        0.6, description="dropout of the projection head"
    )
    sparsify: Annotated[Fraction, paper("B")] = Field(
        0.2, description="fraction of voxels set to zero"
    )
    crop: Annotated[Fraction, paper("B")] = Field(
        0.5, description="probability of a random crop of the frame"
    )
    apart: Annotated[bool, paper("3.3")] = Field(
        True, description="at most one clip of a scene in a batch"
    )
    learn_scale: Annotated[bool, RELEASED] = Field(True, description="learn the scale of Eq. 3")
    align_tokens: Annotated[float, Field(ge=0), OFF] = Field(
        0.0,
        description="weight of the squared error between fMRI tokens and the text tokens that "
        "condition Stable Diffusion; shortens co-training",
    )
    project_embedding: Annotated[Literal["none", "mean", "tokens"], RELEASED] = Field(
        "none",
        description="let a linear map of the mean token, or of all tokens, be the embedding of a "
        "window, so that `align_tokens` does not pull the embedding away from CLIP's; none: the "
        "mean token is the embedding",
    )
    mix_repetitions: Annotated[bool, OFF] = MIX

    @property
    def trains(self) -> bool:
        return super().trains and bool(self.modalities)


class ContrastiveSettings(Contrastive, OnDevice):
    encoder: Annotated[EncoderShape, From("encoder")]
    clip: Annotated[str, From("pretrained.clip")]


class Ridge(Section, section="ridge"):
    """Linear decoding of a window's text tokens and CLIP embedding, by ridge regression (not in the
    paper): a baseline, and the encoder where `cotraining.encoder` is `ridge`."""

    variance: Annotated[float, Field(gt=0, le=1), here("the rest is negligible")] = Field(
        0.999,
        description="fraction of the variance of the text tokens that their principal components, "
        "which are predicted, explain",
    )
    stretch: Annotated[bool, here("ridge regression underestimates variance")] = Field(
        True,
        description="rescale predicted tokens to the variance of the training clips' text tokens; "
        "the embedding is not rescaled",
    )


DenoiserKind = Literal["inflated", "motion-adapter"]
DenoiserPart = Literal["spatial", "temporal"]


class VideoModel(Section, section="video_model"):
    """Denoiser of clips, and what it generates; read by its training runs and at test time."""

    kind: Annotated[DenoiserKind, paper("3.4")] = Field(
        "inflated",
        description="how Stable Diffusion's image UNet becomes one of clips: `inflated` by sparse "
        "causal and temporal attention (the paper), or with the motion modules of AnimateDiff "
        "(`motion-adapter`; `pretrained.motion_adapter`); with `still` it is the image UNet alone",
    )

    still: Annotated[bool, OFF] = Field(
        False,
        description="generate one image for a clip, without temporal layers: training uses the "
        "middle frame of each clip, and a reconstruction is its image, repeated",
    )


Still = Annotated[bool, From("video_model.still")]


class ClipNoise(Section):
    """Noise of the frames of a clip."""

    shared_noise: Annotated[Fraction, OFF] = Field(
        0.0,
        description="fraction of the noise's variance that all frames of a clip share; reduces "
        "flicker",
    )
    moving_noise: Annotated[bool, OFF] = Field(
        False,
        description="let the shared noise (`shared_noise`) move as the clip does: in training by "
        "the clip's own motion, in reconstruction by the motion that is decoded from fMRI "
        "(section `motion`)",
    )

    @model_validator(mode="after")
    def _something_moves(self) -> Self:
        if self.moving_noise and not self.shared_noise:
            raise ValueError(
                "moving_noise: true, but shared_noise is 0: only noise that frames share can move "
                "from one to the next; set shared_noise above 0, 1 say"
            )
        return self


def check_still(still: bool, *sections: ClipNoise) -> None:
    """Raise an error if the noise of one image should move, or its frames be combined.

    Raises
    ------
    ValueError
        Naming all sections that want it.
    """
    temporal = [
        f"{training.section_name}.unet_parts"
        for training in sections
        if isinstance(training, Denoiser) and "spatial" not in training.unet_parts
    ]
    if still and temporal:
        raise ValueError(
            f"video_model.still: true, but {', '.join(temporal)}: [temporal]: one image has no "
            "temporal part; set unet_parts: [spatial]"
        )
    moving = [f"{noise.section_name}.moving_noise" for noise in sections if noise.moving_noise]
    if still and moving:
        raise ValueError(
            f"video_model.still: true, but {', '.join(moving)}: true: in one image nothing moves; "
            "set moving_noise: false"
        )


class MaybeStill(ClipNoise):
    """Settings of the stages that generate clips, or train the model that does."""

    still: Still = False

    @model_validator(mode="after")
    def _an_image_does_not_move(self) -> Self:
        check_still(self.still, self)
        return self


class Denoiser(ClipNoise, Training):
    """What the two training runs of the video UNet have in common."""

    min_snr: Annotated[PositiveFloat | None, OFF] = Field(
        None,
        description="weight the loss by min(SNR, this) / SNR (Hang et al. 2023), so that nearly "
        "clean latents, which depend little on the condition, do not dominate; not given: all "
        "times have equal weight",
    )
    unet_parts: Annotated[list[DenoiserPart], paper("B")] = Field(
        ["spatial", "temporal"],
        min_length=1,
        description="parts of the video UNet that are trained: `spatial`, the projections of its "
        "attentions to frames and condition; `temporal`, the attention between frames, or the "
        "motion modules",
    )
    lora_rank: Annotated[PositiveInt | None, OFF] = Field(
        None,
        description="train updates of this rank of the linear layers of these parts (LoRA; Hu et "
        "al. 2022), instead of whole weights; they are added to the weights after training",
    )


class Drawings(Section):
    """Clips generated from captions while the video UNet is tuned, for a figure."""

    times: Annotated[int, Field(ge=2), here("enough to see the course")] = Field(
        5, description="how often: evenly from before the first step to after the last"
    )
    captions: Annotated[PositiveInt, here("fit a figure")] = Field(
        4, description="number of captions, evenly from those of the training clips"
    )
    steps: Annotated[PositiveInt, here("takes seconds")] = Field(
        20, description="denoising steps of DPM-Solver++"
    )
    guidance: Annotated[float, Field(ge=1), library("diffusers")] = Field(
        7.5, description="guidance scale, away from the empty caption"
    )


class VideoTuning(Denoiser, section="video_tuning"):
    """Text-conditioned tuning of the inflated UNet (paper B)."""

    duration: Annotated[NonNegativeInt, paper("B")] = 800
    batch_size: Annotated[PositiveInt, paper("B")] = 14
    lr: Annotated[PositiveFloat, paper("B")] = 2e-5
    drop_condition: Annotated[Fraction, here("usual for classifier-free guidance")] = Field(
        0.1, description="fraction of captions replaced by the empty one"
    )
    drawings: Execution[Drawings] = Drawings()


class VideoTuningSettings(VideoTuning, MaybeStill, OnDevice):
    stable_diffusion: Annotated[str, From("pretrained.stable_diffusion")]
    kind: Annotated[DenoiserKind, From("denoiser")] = "inflated"
    motion_adapter: Annotated[str | None, From("motion_adapter")] = None


class Cotraining(Denoiser, section="cotraining"):
    """fMRI-conditioned tuning of encoder and UNet together (paper B)."""

    duration: Annotated[NonNegativeInt, paper("B")] = 1500
    batch_size: Annotated[PositiveInt, paper("B")] = 9
    lr: Annotated[PositiveFloat, paper("B")] = 3e-5
    dropout: Annotated[Fraction, UNSAID] = Field(0.0, description="dropout of the projection head")
    sparsify: Annotated[Fraction, UNSAID] = Field(0.0, description="fraction of voxels set to zero")
    mix_repetitions: Annotated[bool, OFF] = MIX
    encoder: Annotated[Literal["contrastive", "ridge"], OFF] = Field(
        "contrastive",
        description="stage whose encoder conditions the UNet: that of contrastive learning, or the "
        "linear encoder of `ridge`",
    )
    train: Annotated[list[Literal["encoder", "unet"]], paper("B")] = Field(
        ["encoder", "unet"], min_length=1, description="what is trained; the other is frozen"
    )

    @model_validator(mode="after")
    def _has_what_it_drops(self) -> Self:
        if self.encoder == "ridge" and self.dropout:
            raise ValueError(
                f"dropout: {self.dropout:g}, but encoder: ridge has no projection head: set "
                "dropout to 0"
            )
        return self


class CotrainingSettings(Cotraining, MaybeStill, OnDevice):
    stable_diffusion: Annotated[str, From("pretrained.stable_diffusion")]
