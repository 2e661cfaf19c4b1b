"""Generation at Stable Diffusion 1.5's true size: ``python -m benchmarks.generation``

Weights are random, which suffices for timing. Times one guided step of one clip, of the inflated
UNet and of one with motion modules, and of diffusers' UNet on the same frames, one image at a time
and all in a batch; then a training step of each, three steps of inference, and the decoding. Each
part runs in a separate process, whose peak memory is reported.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from benchmarks.random_weights import SCHEDULE15, UNET15
from benchmarks.sizes import FULL, Sizes
from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.models.device import device
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.memory import decoder_memory
from mindvideo.models.motion_unet import MotionUNet
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.video_unet import VideoUNet
from mindvideo.settings.training import Training
from mindvideo.training.loop import adamw
from mindvideo.training.objectives.denoising import Denoising, FmriToVideo

FRAMES, LATENT, VOXELS = FULL.frames, FULL.latent, FULL.voxels
SIZE = 8 * LATENT


def build(kind: Any, **settings: Any) -> Any:
    """A model with random weights, which are drawn on the device."""
    with device():
        return kind(**settings).to(device())


def peak() -> float:
    """Peak memory so far [GiB]: of the GPU, or of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def seconds(run: Callable[[], object], n_repetitions: int = 1) -> float:
    """Time of the fastest call: wall clock on a GPU, CPU time on a CPU."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    best = float("inf")
    for _ in range(n_repetitions):
        start = clock()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        best = min(best, clock() - start)
    return best


@torch.no_grad()
def video(kind: type[ClipDenoiser] = VideoUNet) -> dict[str, Any]:
    unet = build(kind, **UNET15).eval()
    idle = peak()
    latents = torch.randn(2, 4, FRAMES, LATENT, LATENT, device=device())
    condition = torch.randn(2, 77, 768, device=device())
    duration = seconds(lambda: unet(latents, 500, condition), 2)
    estimate = unet.activation_memory(2 * FRAMES, LATENT, LATENT) / 2**30
    return {"seconds": duration, "peak": peak(), "added": peak() - idle, "estimate": estimate}


def motion_modules() -> dict[str, Any]:
    return video(MotionUNet)


def _images(at_once: int) -> dict[str, Any]:
    unet = build(UNet2DConditionModel, **UNET15).eval()
    idle = peak()
    latents = torch.randn(2 * FRAMES, 4, LATENT, LATENT, device=device())
    condition = torch.randn(2 * FRAMES, 77, 768, device=device())

    @torch.no_grad()
    def run() -> None:
        for x, c in zip(latents.split(at_once), condition.split(at_once)):
            unet(x, 500, c)

    return {"seconds": seconds(run, 2), "peak": peak(), "added": peak() - idle}


def frame_by_frame() -> dict[str, Any]:
    return _images(1)


def images_in_a_batch() -> dict[str, Any]:
    return _images(2 * FRAMES)


def video_model(sizes: Sizes = FULL, kind: type[ClipDenoiser] = VideoUNet) -> ClipDenoiser:
    """What video tuning trains."""
    unet = build(kind, **sizes.unet).train()
    unet.freeze_all_but()
    return unet


def fmri_to_video(sizes: Sizes = FULL) -> FmriToVideo:
    """What co-training trains."""
    encoder = build(FmriEncoder, num_voxels=sizes.voxels, **sizes.encoder)
    return FmriToVideo(encoder, video_model(sizes)).train()


def denoising(
    of: Literal["text", "fmri"], sizes: Sizes = FULL
) -> Callable[[nn.Module, int], Tensor]:
    """Loss of a model on a number of random clips, conditioned on text tokens or windows."""
    objective = Denoising(DDPMScheduler(**SCHEDULE15), lambda batch, _: batch[of])
    generator = torch.Generator().manual_seed(0)
    shape = {"text": (sizes.tokens, sizes.width), "fmri": (2, sizes.voxels)}[of]

    def loss(model: nn.Module, n: int) -> Tensor:
        latents = torch.randn(n, sizes.frames, 4, sizes.latent, sizes.latent, device=device())
        batch = {"latents": latents, of: torch.randn(n, *shape, device=device())}
        return objective(model, batch, generator)[0]

    return loss


def training(checkpointing: bool = True, kind: type[ClipDenoiser] = VideoUNet) -> dict[str, Any]:
    unet, loss = video_model(kind=kind), denoising("text")
    if checkpointing:
        unet.enable_gradient_checkpointing()
    optimizer = adamw(unet, Training(duration=1, batch_size=1, lr=2e-5))
    losses = []

    def step() -> None:
        value = loss(unet, 1)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(value.detach()))

    duration = seconds(step)
    trained = sum(weight.numel() for weight in unet.trainable_parameters().values())
    return {"seconds": duration, "peak": peak(), "trained": trained, "loss": losses[-1]}


def training_without_checkpointing() -> dict[str, Any]:
    return training(checkpointing=False)


def training_motion_modules() -> dict[str, Any]:
    return training(kind=MotionUNet)


def random_pipeline(sizes: Sizes = FULL) -> MindVideoPipeline:
    """A pipeline with random weights."""
    pipeline = MindVideoPipeline(
        vae=build(AutoencoderKL, **sizes.vae).eval(),
        unet=build(VideoUNet, **sizes.unet).eval(),
        fmri_encoder=build(FmriEncoder, num_voxels=sizes.voxels, **sizes.encoder).eval(),
        scheduler=DDIMScheduler(**SCHEDULE15, clip_sample=False, steps_offset=1),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def inference() -> dict[str, Any]:
    pipeline = random_pipeline()
    fmri, negative = torch.randn(1, 2, VOXELS), torch.randn(2, VOXELS)
    latents = torch.randn(1, 4, FRAMES, LATENT, LATENT)
    settings: dict[str, Any] = {"num_inference_steps": 3, "latents": latents}
    denoising = seconds(lambda: pipeline(fmri, negative, **settings, output_type="latent"))
    decoding = seconds(lambda: pipeline.decode(latents.to(device())))
    estimate = decoder_memory(pipeline.vae, FRAMES, SIZE, SIZE) / 2**30
    return {
        "seconds": denoising,
        "decoding": decoding,
        "peak": peak(),
        "decoder_estimate": estimate,
    }


PARTS: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "frame_by_frame": ("one guided step, diffusers' image UNet, image by image", frame_by_frame),
    "images_in_a_batch": ("the same, all 12 images in a batch", images_in_a_batch),
    "video": ("one guided step, the video UNet", video),
    "motion_modules": ("one guided step, the image UNet with motion modules", motion_modules),
    "training": ("one training step, gradient checkpointing", training),
    "training_without_checkpointing": (
        "one training step, without it",
        training_without_checkpointing,
    ),
    "training_motion_modules": (
        "one training step with motion modules, gradient checkpointing",
        training_motion_modules,
    ),
    "inference": ("three guided steps, encoder included", inference),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--alone", choices=PARTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        torch.manual_seed(0)
        print(json.dumps(PARTS[arguments.alone][1]()))
        return
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"{FRAMES} frames of {SIZE} × {SIZE} px, single precision, {where}\n")
    print("| | seconds | peak [GiB] | |\n|---|---|---|---|", flush=True)
    for name in arguments.parts:
        command = [sys.executable, "-m", "benchmarks.generation", "--alone", name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        result = SimpleNamespace(**json.loads(done.stdout.splitlines()[-1]))
        rest = {n: v for n, v in vars(result).items() if n not in ("seconds", "peak")}
        more = ", ".join(f"{n} {v:,.3g}" for n, v in rest.items())
        print(
            f"| {PARTS[name][0]} | {result.seconds:.1f} | {result.peak:.2f} | {more} |", flush=True
        )


if __name__ == "__main__":
    main()
