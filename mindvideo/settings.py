"""Every setting of every stage: unit, meaning, source.

The configuration file (:mod:`mindvideo.config`) has a *section* for each stage: what a person
chooses. The *settings* that the stage receives are its section plus what follows from the data set
(TR, counts of volumes, names of pretrained models), filled in by the rules. Physical quantities
have no default: they come from the data set. Numbers named "paper" are those of Chen, Qing & Zhou,
"Cinematic Mindscapes", NeurIPS 2023 (its section or table follows).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Section(BaseModel):
    """Base of all settings: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# --- the recording, and models that others trained -----------------------------------------------


class Timing(Section):
    """How the recording of a segment lies against its film."""

    drop_start: int = Field(ge=0, description="volumes dropped at the start of a run")
    drop_end: int = Field(ge=0, description="volumes dropped at the end of a run")


class Pretrained(Section):
    """Models that others trained: a hub name, a folder, or `zoo:NAME` (shipped with mindvideo)."""

    stable_diffusion: str = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    clip: str = "hf-hub:timm/vit_large_patch14_clip_224.openai"
    captioner: str = "Salesforce/blip-image-captioning-base"
    image_classifier: str = "google/vit-base-patch16-224"
    video_classifier: str = "MCG-NJU/videomae-base-finetuned-kinetics"


# --- stimuli --------------------------------------------------------------------------------------


class Clips(Section):
    """Film → clips of frames."""

    fps: PositiveFloat = Field(
        3, description="frames per second of a clip, up to the film's (paper 4.2)"
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
    tr: PositiveFloat = Field(description="duration of a clip [s]")
    n_clips: PositiveInt = Field(description="clips that the segment's runs ask for")


class Captions(Section):
    """Frame → caption."""

    batch_size: PositiveInt = 32
    max_tokens: PositiveInt = Field(30, description="longest caption [tokens]")


class CaptionSettings(Captions):
    captioner: str


class Cuts(Section):
    """How cuts are found."""

    cuts: list[Literal["pictures", "captions"]] = Field(
        ["pictures", "captions"],
        min_length=1,
        description="what tells a cut: the film's pictures jump, the frames' captions change",
    )
    threshold: PositiveFloat = Field(
        8.0, description="how far pictures jump at a cut [percent of white, as ffmpeg's scdet]"
    )
    same_scene: Share = Field(
        0.6, description="captions whose share of common words is at least this are one scene"
    )


class Scenes(Cuts):
    """Film and captions → scenes, and a caption a clip, joined by "Then" at a cut (paper 3.3)."""

    corrections: Annotated[str, Field(pattern=r"\{segment\}")] | None = Field(
        None,
        description="path template with {segment}: captions corrected by hand, which stand",
    )


class SceneSettings(Cuts):
    fps: PositiveFloat = Field(description="frames per second of the clips")


class Latents(Section):
    """Frames → VAE latents, captions → text tokens."""

    batch_size: PositiveInt = 16


class LatentSettings(Latents):
    stable_diffusion: str


class Embeddings(Section):
    """Frames and wordings of captions → CLIP embeddings (paper 3.3, B)."""

    batch_size: PositiveInt = 64
    wordings: Annotated[int, Field(ge=0)] = Field(
        8, description="wordings drawn of each caption; 0: the caption as it is"
    )
    synonyms: Share = Field(
        0.3, description="probability that a word that has WordNet synonyms is replaced by one"
    )
    word_swap: Share = Field(0.3, description="probability that two words of a wording swap")
    seed: int = 0


class EmbeddingSettings(Embeddings):
    clip: str


# --- fMRI -----------------------------------------------------------------------------------------


class Regions(Section):
    """Which voxels are taken: those of Glasser's areas, on volumes or grayordinates."""

    max_distance: PositiveFloat = Field(
        4.0, description="farthest a voxel may lie from the cortical surface [mm]"
    )
    grayordinates: Literal["cortex", "all"] = Field(
        "cortex", description="of CIFTI runs: the cortical ones, or those below the cortex too"
    )
    atlas: bool = Field(
        True,
        description="volumes are in MNI152 space; false: in native space, all voxels of "
        "dataset.mask are taken, and none has an area",
    )


class RegionSettings(Regions):
    space: Literal["volume", "cifti"] = Field(description="what the runs are")


class Clean(Section):
    """Trim each run, take out drift and confounds in one step, z-score it."""

    detrend_order: int = Field(4, ge=0, description="order of the polynomial drift (Wen 2018)")
    high_pass: PositiveFloat | None = Field(
        None, description="instead of the polynomial: cosines of periods down to this [s]"
    )
    confounds: list[str] = Field(
        [],
        description="columns of dataset.confounds (fMRIPrep), or sets of them: motion6, motion12, "
        "motion24, wm_csf, acompcor (with fMRIPrep's cosines)",
    )
    smooth: PositiveFloat | None = Field(
        None, description="FWHM of a Gaussian, in the volume or along the cortex [mm]"
    )
    keep_test_repeats: bool = Field(
        False, description="keep each cleaned test run; else just their mean, all that is used"
    )


class CleanSettings(Clean):
    tr: PositiveFloat = Field(description="[s]; a header that says otherwise is warned of")
    timing: Timing
    n_volumes: PositiveInt = Field(description="volumes kept = clips of the segment")
    average: bool = Field(False, description="write the repeats' mean only")


class Selection(Section):
    """Voxels whose response repeats (paper 3.2)."""

    statistic: Literal["t", "wilcoxon"] = Field(
        "t", description="one-sample test of the segments' z: Student's t (paper 3.2), signed ranks"
    )
    tail: Literal["two-sided", "greater"] = "greater"
    correction: Literal["bonferroni", "fdr_bh"] = Field(
        "bonferroni", description="for the voxels tested (paper 3.2)"
    )
    alpha: Share = Field(0.01, description="significance after correction (paper 3.2)")
    share: Share = Field(
        0.5, description="share of the significant voxels kept, those of highest t (paper 3.2)"
    )
    areas: list[str] = Field([], description="only in these Glasser areas; empty: all voxels")


class Windows(Section):
    """Consecutive volumes that the encoder sees at once."""

    size: PositiveInt = Field(
        2, description="volumes in a window, forward from its clip (paper 3.3, Table 1)"
    )
    lag: int | None = Field(
        None, ge=0, description="volumes between a clip and its window; without, dataset.lag"
    )
    shuffle: bool = Field(False, description="control: windows shuffled against the clips")
    seed: int = 0
    null: Literal["train-mean", "test-mean"] = Field(
        "train-mean", description="window of the negative condition; the paper's is test-mean"
    )


class WindowSettings(Windows):
    lag: Annotated[int, Field(ge=0)]
    patch_size: PositiveInt


class Samples(Section):
    """Pre-training runs → samples of V1–V4."""

    seconds: PositiveFloat = Field(
        7.2, description="time averaged into one sample [s]; 10 volumes of the HCP (image paper)"
    )
    areas: list[str] = ["V1", "V2", "V3", "V4"]
    centre: bool = Field(
        True,
        description="subtract each grayordinate's mean over the run, as the target runs' cleaning "
        "does; without, samples are mostly the scanner's image of the brain",
    )


class SampleSettings(Samples):
    tr: PositiveFloat
    patch_size: PositiveInt


# --- models and training --------------------------------------------------------------------------


class EncoderShape(Section):
    """Size of the fMRI encoder and of the decoder that pre-trains it (paper Table B.1)."""

    patch_size: PositiveInt = Field(16, description="voxels in a patch")
    embed_dim: PositiveInt = 1024
    depth: PositiveInt = 24
    num_heads: PositiveInt = 16
    mlp_ratio: PositiveFloat = 1.0
    decoder_embed_dim: PositiveInt = 512
    decoder_depth: PositiveInt = 8
    decoder_num_heads: PositiveInt = 16


class Training(Section):
    """What all trainings have in common (see mindvideo.training.loop)."""

    duration: PositiveInt = Field(description="length of the training, in `unit`s")
    unit: Literal["steps", "epochs"] = "steps"
    batch_size: PositiveInt = Field(description="examples in an optimizer step, over all devices")
    accumulate: PositiveInt = Field(1, description="backward passes in one optimizer step")
    lr: PositiveFloat = Field(description="peak learning rate")
    betas: tuple[Share, Share] = (0.9, 0.999)
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip_grad: PositiveFloat = Field(1.0, description="largest norm of the gradient")
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: Annotated[int, Field(ge=0)] = Field(0, description="warm-up, in `unit`s")
    precision: Literal["no", "bf16", "fp16"] = "no"
    checkpoint_minutes: PositiveFloat = Field(5.0, description="time between checkpoints [min]")
    seed: int = 0


class Mbm(Training):
    """Masked brain modelling on the pre-training samples (paper Table B.1)."""

    duration: PositiveInt = 500
    unit: Literal["steps", "epochs"] = "epochs"
    batch_size: PositiveInt = 500
    lr: PositiveFloat = 2.5e-4
    betas: tuple[Share, Share] = (0.9, 0.95)
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    clip_grad: PositiveFloat = 0.8
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup: Annotated[int, Field(ge=0)] = 40
    mask_ratio: Share = Field(0.75, description="share of the patches hidden")


class MbmTuning(Mbm):
    """The same on the target subject, briefly (rates of the image paper, Chen et al. CVPR 2023)."""

    duration: PositiveInt = 15
    lr: PositiveFloat = 5.3e-5
    warmup: Annotated[int, Field(ge=0)] = 2
    batch_size: PositiveInt = 16


class MbmSettings(Mbm):
    encoder: EncoderShape


class Contrastive(Training):
    """fMRI–text–image contrastive learning (paper 3.3, B)."""

    duration: PositiveInt = 1200
    batch_size: PositiveInt = 20
    lr: PositiveFloat = 2e-5
    modalities: list[Literal["text", "image"]] = Field(["text", "image"], min_length=1)
    dropout: Share = Field(0.6, description="dropout of the projection head (paper B)")
    sparsify: Share = Field(0.2, description="share of voxels set to zero (paper B)")
    crop: Share = Field(0.5, description="probability of a random crop of the frame (paper B)")
    apart: bool = Field(True, description="keep clips of one scene out of a batch (paper 3.3)")
    learn_scale: bool = Field(True, description="learn the scale of Eq. 3")
    align_tokens: Annotated[float, Field(ge=0)] = Field(
        0.0,
        description="weight of the squared error between fMRI tokens and the text tokens that "
        "condition Stable Diffusion (not in the paper: lets short co-trainings start near)",
    )


class ContrastiveSettings(Contrastive):
    encoder: EncoderShape
    clip: str


class Denoiser(Training):
    """What the two trainings of the video UNet have in common."""

    min_snr: PositiveFloat | None = Field(
        None,
        description="weigh times by min(SNR, this) / SNR (Hang et al. 2023), so that nearly clean "
        "latents, which tell little of the condition, do not take most of the training; without "
        "(paper), all times weigh alike",
    )


class VideoTuning(Denoiser):
    """Text-conditioned tuning of the inflated UNet (paper B)."""

    duration: PositiveInt = 800
    batch_size: PositiveInt = 14
    lr: PositiveFloat = 2e-5
    drop_condition: Share = Field(0.1, description="share of captions replaced by the empty one")


class VideoTuningSettings(VideoTuning):
    stable_diffusion: str


class Cotraining(Denoiser):
    """fMRI-conditioned tuning of encoder and UNet together (paper B)."""

    duration: PositiveInt = 1500
    batch_size: PositiveInt = 9
    lr: PositiveFloat = 3e-5
    dropout: Share = Field(0.0, description="dropout of the projection head")
    sparsify: Share = Field(0.0, description="share of voxels set to zero")


class CotrainingSettings(Cotraining):
    stable_diffusion: str


# --- reconstruction and evaluation ----------------------------------------------------------------


class Reconstruction(Section):
    """DDIM under adversarial guidance (paper 3.4, B)."""

    steps: PositiveInt = Field(200, description="denoising steps (paper 4.2)")
    guidance: Annotated[float, Field(ge=1)] = Field(12.5, description="guidance scale (paper B)")
    negative: Literal["null-window", "zero", "none"] = Field(
        "null-window", description="negative condition; `none`: no guidance (Table 1, w/o AG)"
    )
    shared_noise: Share = Field(
        0.0,
        description="share of the starting noise's variance that a clip's frames have in common "
        "(not in the paper: steadies clips)",
    )
    batch_size: PositiveInt = 4
    seed: int = 0


class ReconstructionSettings(Reconstruction):
    stable_diffusion: str
    num_frames: PositiveInt = Field(description="frames of a clip")
    size: PositiveInt = Field(description="height and width of a frame [px]")


class Scoring(Section):
    """Metrics beside their chance levels."""

    n_way: list[Annotated[int, Field(ge=2)]] = Field([2, 50], description="N (paper 4.3)")
    gt_classes: PositiveInt = Field(3, description="top classes that count as ground truth")
    permutations: PositiveInt = Field(5000, description="circular shifts that make the null")
    resamples: PositiveInt = Field(2000, description="bootstrap samples of an interval")
    block: PositiveInt = Field(
        5, description="neighbours that a bootstrap sample draws together [clips]"
    )
    seed: int = 0
    leave_out_cuts: bool = Field(
        False, description="leave out of all scores the clips in which the film is cut"
    )
    attributes: dict[str, Literal["image", "video"]] = Field(
        {},
        description="column of the tables of shots: classifier that is asked whether it sees the "
        "shown clip's value in the reconstruction (needs dataset.shots)",
    )
    subset: str | None = Field(
        None,
        description="0/1 column of the tables of shots: identification and attributes are also "
        "told over the clips that it marks (needs dataset.shots)",
    )


class ScoringSettings(Scoring):
    tr: PositiveFloat = Field(description="duration of a clip [s]")
    image_classifier: str
    video_classifier: str


class VideoSettings(Section):
    """The mp4 files and their page."""

    fps: PositiveFloat
    title: str


class FigureSettings(Section):
    """The strip of reconstructions, training curves, and the map of selected voxels."""

    every: PositiveInt = Field(10, description="the strip shows every n-th clip")


# --- the embedded data set ------------------------------------------------------------------------


class DemoFilm(Section):
    """The film world (mindvideo.demo)."""

    seed: int = 2026
    size: PositiveInt = Field(128, description="height and width of the films [px]")
    fps: PositiveInt = 30


class DemoFilmSettings(DemoFilm):
    split: Literal["train", "test"]
    seconds: PositiveFloat


class DemoBrain(Section):
    """The simulated brains (mindvideo.demo.brain)."""

    seed: int = 2018
    resolution: PositiveInt = Field(4, description="voxel size [mm]")
    snr: PositiveFloat = Field(1.0, description="scales the signal against the noise")


class DemoBrainSettings(DemoBrain):
    tr: PositiveFloat
    timing: Timing
    n_volumes: PositiveInt


class DemoRest(Section):
    """The simulated pre-training subjects."""

    seed: int = 1200
    n_volumes: PositiveInt = 300


class DemoRestSettings(DemoRest):
    tr: PositiveFloat


class Zoo(Section):
    """The small models of the demo (mindvideo.demo.zoo_build).

    Those that judge reconstructions learn from another seed than those that make them.
    """

    generator_seed: int = 101
    judge_seed: int = 202
    held_out_seed: int = 303
    n_pictures: PositiveInt = Field(30000, description="frames for the generating models")
    n_latents: PositiveInt = Field(20000, description="of them, for the denoiser")
    n_judge_pictures: PositiveInt = 20000
    n_judge_clips: PositiveInt = 7000
    n_held_out: Annotated[int, Field(ge=50, multiple_of=50)] = Field(
        500, description="frames for the figures of the model cards"
    )
    vae_steps: PositiveInt = 2400
    decoder_steps: PositiveInt = 1800
    clip_steps: PositiveInt = 1000
    blip_steps: PositiveInt = 2000
    image_steps: PositiveInt = 4500
    video_steps: PositiveInt = 4200
    unet_steps: PositiveInt = 3600


class Demo(Section):
    film: DemoFilm = DemoFilm()
    brain: DemoBrain = DemoBrain()
    rest: DemoRest = DemoRest()
