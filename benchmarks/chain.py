"""The steps of the chain at full size, each compared with a straightforward baseline.

A :class:`Part` prepares its inputs, and returns the function to be timed. Weights and data are
random.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import decoding, encoder, fmri_front_end, generation, random_weights
from benchmarks.random_weights import UNET15, VAE15
from mindvideo.models.device import device
from mindvideo.models.precision import put
from mindvideo.settings.fmri import SelectionSettings

N_FRAMES, SIZE, LATENT, WIDTH = 6, 256, 32, 768
CAPTIONED, CLIPS, FILM_SECONDS = 6, 120, 60

Timed = Callable[[], object]


class Part(NamedTuple):
    """A step that is timed, and how many units one call computes."""

    name: str
    unit: str
    count: float
    ours: Callable[[Path], Timed]
    baseline_name: str
    baseline: Callable[[Path], Timed]


def _runs(folder: Path) -> dict[str, list[Path]]:
    return fmri_front_end.subject(folder, 2)


def front_end(folder: Path) -> Timed:
    segments = _runs(folder)
    # With two segments, hardly a voxel passes the paper's threshold.
    few = SelectionSettings(correction="fdr_bh", alpha=0.5)
    return lambda: fmri_front_end.chain(segments, Path(tempfile.mkdtemp(dir=folder)), few)


def reading(folder: Path) -> Timed:
    paths = [path for runs in _runs(folder).values() for path in runs]
    return lambda: fmri_front_end.read(paths)


def _film(folder: Path) -> Path:
    from tests.purdue import write_film

    path = folder / "film.mp4"
    return path if path.exists() else write_film(path, FILM_SECONDS, 30, "testsrc2=s=1280x720")


def cutting(folder: Path) -> Timed:
    film = _film(folder)
    return lambda: decoding.cut(film, FILM_SECONDS)


def ffmpeg(folder: Path) -> Timed:
    film = _film(folder)
    return lambda: decoding.ffmpeg_alone(film, FILM_SECONDS)


def _captioner(folder: Path, batch_size: int) -> Timed:
    from mindvideo.models.captioner import caption_frames
    from mindvideo.models.pretrained import load_captioner

    place = random_weights.write_models(folder, ["captioner"])["captioner"]
    processor, model = load_captioner(place)
    put(model)
    frames = _pictures((CAPTIONED, SIZE, SIZE, 3))
    return lambda: list(
        caption_frames(processor, model, frames, batch_size=batch_size, max_tokens=20)
    )


def captioning(folder: Path) -> Timed:
    return _captioner(folder, CAPTIONED)


def captioning_one_by_one(folder: Path) -> Timed:
    return _captioner(folder, 1)


def _pictures(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _step(model: nn.Module, loss: Callable[[], Tensor]) -> Timed:
    """An optimizer step."""
    from mindvideo.settings.training import Mbm
    from mindvideo.training.loop import adamw

    optimizer = adamw(model, Mbm())

    def step() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def brain_modelling(_: Path) -> Timed:
    model = encoder.autoencoder().to(device()).train()
    return _step(model, lambda: encoder.masked(model, 8))


def brain_modelling_plain(_: Path) -> Timed:
    model = encoder.PlainAutoencoder().to(device()).train()
    return _step(model, lambda: encoder.masked(model, 8))


def contrasting(_: Path) -> Timed:
    model = encoder.encoder().to(device()).train()
    return _step(model, lambda: encoder.contrast(model, 2))


def contrasting_with_clip(folder: Path) -> Timed:
    """Frames and captions go through CLIP in every step."""
    from mindvideo.models.encoding import embed_frames, embed_texts
    from mindvideo.models.pretrained import load_clip

    model = encoder.encoder().to(device()).train()
    clip = load_clip(random_weights.write_models(folder, ["clip"])["clip"])
    put(clip.model)
    step = _step(model, lambda: encoder.contrast(model, 2))
    frames = list(_pictures((2, SIZE, SIZE, 3)))

    def run() -> None:
        embed_frames(clip, frames)
        embed_texts(clip, ["a man riding a wave on top of a surfboard"] * 2)
        step()

    return run


def video_tuning(_: Path) -> Timed:
    unet, loss = generation.video_model(), generation.denoising("text")
    unet.enable_gradient_checkpointing()
    return _step(unet, lambda: loss(unet, 1))


def cotraining(_: Path) -> Timed:
    model, loss = generation.fmri_to_video(), generation.denoising("fmri")
    model.unet.enable_gradient_checkpointing()
    return _step(model, lambda: loss(model, 1))


def _with_vae(training: Callable[[Path], Timed]) -> Callable[[Path], Timed]:
    """The same, but frames go through the VAE in every step."""

    def make(folder: Path) -> Timed:
        from diffusers import AutoencoderKL

        from mindvideo.models.encoding import encode_frames

        vae, clip = put(AutoencoderKL(**VAE15).eval()), _pictures((1, N_FRAMES, SIZE, SIZE, 3))
        step = training(folder)

        def run() -> None:
            list(encode_frames(vae, clip, batch_size=N_FRAMES))
            step()

        return run

    return make


def guided_step(_: Path, dtype: torch.dtype = torch.float32) -> Timed:
    """As reconstruction calls it, with the keys and values of the condition from before."""
    from mindvideo.models.pipeline import lay_out
    from mindvideo.models.video_unet import VideoUNet

    unet = nn.Module.to(generation.build(VideoUNet, **UNET15).eval(), dtype)
    lay_out(unet)
    latents = torch.randn(2, 4, N_FRAMES, LATENT, LATENT, device=device(), dtype=dtype)
    condition = torch.randn(2, 77, WIDTH, device=device(), dtype=dtype)
    with torch.no_grad():
        projected = unet.project(condition)
    return torch.no_grad()(lambda: unet(latents, 500, projected))


def guided_step_in_half_precision(folder: Path) -> Timed:
    return guided_step(folder, torch.bfloat16)


def guided_step_by_image(_: Path) -> Timed:
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel(**UNET15).to(device()).eval()
    latents = torch.randn(2 * N_FRAMES, 4, LATENT, LATENT, device=device())
    condition = torch.randn(2 * N_FRAMES, 77, WIDTH, device=device())
    pairs = list(zip(latents.split(1), condition.split(1)))
    return torch.no_grad()(lambda: [unet(x, 500, c) for x, c in pairs])


def _scored() -> tuple[np.ndarray, np.ndarray]:
    return tuple(_pictures((2, CLIPS, N_FRAMES, SIZE, SIZE, 3)))  # type: ignore[return-value]


def pixel_metrics(_: Path) -> Timed:
    from mindvideo.metrics.catalogue import pixel_metrics

    stimuli, reconstructions = _scored()
    rows, rng = [np.arange(CLIPS)], np.random.default_rng(0)
    return lambda: pixel_metrics(reconstructions, stimuli, rows, rng, most=1)


def pixel_metrics_by_scikit_image(_: Path) -> Timed:
    """SSIM in both definitions and hues by scikit-image, flow by OpenCV, frame by frame."""
    from skimage.color import rgb2gray, rgb2hsv
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    from mindvideo.metrics.motion import direction_agreement, end_point_error, optical_flow
    from mindvideo.metrics.pixel import hue_cosine

    stimuli, reconstructions = _scored()
    grey = {"gaussian_weights": True, "data_range": 1, "use_sample_covariance": False}

    def run() -> None:
        for a, b in zip(stimuli, reconstructions):
            for x, y in zip(a, b):
                structural_similarity(x, y, channel_axis=-1, data_range=255)
                structural_similarity(rgb2gray(x), rgb2gray(y), **grey)
                peak_signal_noise_ratio(x, y)
                hue_cosine(rgb2hsv(x)[..., 0], rgb2hsv(y)[..., 0])
            flows = optical_flow(a), optical_flow(b)
            direction_agreement(*flows)
            end_point_error(*flows)

    return run


def _logits() -> tuple[np.ndarray, np.ndarray]:
    from mindvideo.metrics.n_way import top_classes

    truth, scores = np.random.default_rng(0).normal(size=(2, N_FRAMES * CLIPS, 1000))
    return scores, top_classes(truth, 3)


def n_way(_: Path) -> Timed:
    from mindvideo.metrics.n_way import n_way_accuracy

    scores, classes = _logits()
    return lambda: n_way_accuracy(scores, classes, 50)


def n_way_by_trials(_: Path) -> Timed:
    from mindvideo.metrics.n_way import n_way_trials

    scores, classes = _logits()
    rng = np.random.default_rng(0)
    return lambda: n_way_trials(scores, classes, 50, trials=100, rng=rng)


PARTS = [
    Part(
        "front end: CIFTI runs → windows",
        "runs",
        14,
        front_end,
        "reading the runs with nibabel",
        reading,
    ),
    Part("film → clips", "s of film", FILM_SECONDS, cutting, "ffmpeg alone", ffmpeg),
    Part(
        "captioning (BLIP base)",
        "frames",
        CAPTIONED,
        captioning,
        "frame by frame",
        captioning_one_by_one,
    ),
    Part(
        "masked brain modelling, step of 8",
        "samples",
        8,
        brain_modelling,
        "torch's own transformer layers",
        brain_modelling_plain,
    ),
    Part(
        "contrastive, step of 2",
        "windows",
        2,
        contrasting,
        "CLIP ViT-L/14 in every step",
        contrasting_with_clip,
    ),
    Part(
        "video tuning, step of 1",
        "clips",
        1,
        video_tuning,
        "VAE in every step",
        _with_vae(video_tuning),
    ),
    Part(
        "co-training, step of 1", "clips", 1, cotraining, "VAE in every step", _with_vae(cotraining)
    ),
    Part(
        "guided step of a clip",
        "clips",
        1,
        guided_step,
        "diffusers' image U-Net, image by image",
        guided_step_by_image,
    ),
    Part(
        "guided step of a clip in bf16",
        "clips",
        1,
        guided_step_in_half_precision,
        "diffusers' image U-Net, image by image, in fp32",
        guided_step_by_image,
    ),
    Part(
        "metrics of pixels, hues and flow",
        "clips",
        CLIPS,
        pixel_metrics,
        "scikit-image, frame by frame",
        pixel_metrics_by_scikit_image,
    ),
    Part("50-way accuracy", "clips", CLIPS, n_way, "100 random trials", n_way_by_trials),
]
