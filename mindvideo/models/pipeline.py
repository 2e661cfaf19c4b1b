"""Windows of fMRI → clips: denoising under adversarial guidance (paper 3.4, Eq. 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Generator, Tensor, nn

from mindvideo.errors import InputError
from mindvideo.io.released import read_encoder, read_unet
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.guidance import decode_latents, denoise, guided_noise
from mindvideo.models.memory import check_fits
from mindvideo.models.noise import moving_noise
from mindvideo.models.official import encoder_from_official, unet_from_official
from mindvideo.models.pretrained import load_stable_diffusion, resolve
from mindvideo.models.schedulers import make_scheduler
from mindvideo.models.video_unet import VideoUNet

PARTS = ("fmri_encoder", "scheduler", "unet", "vae")
"""Folders in a pipeline's folder."""


class MindVideoPipeline(DiffusionPipeline):
    """All that turns fMRI into frames; saved and loaded as one folder.

    Parameters
    ----------
    vae
        Decoder of latents, as Stable Diffusion's.
    unet
        Denoiser of clips.
    fmri_encoder
        Maker of its condition.
    scheduler
        Steps of the denoising (see :func:`~mindvideo.models.schedulers.make_scheduler`).
    """

    model_cpu_offload_seq = "fmri_encoder->unet->vae"  # type: ignore[assignment]

    def __init__(
        self,
        vae: AutoencoderKL,
        unet: VideoUNet,
        fmri_encoder: FmriEncoder,
        scheduler: SchedulerMixin,
    ) -> None:
        super().__init__()
        made, needed = fmri_encoder.config["out_dim"], unet.config["cross_attention_dim"]
        if made != needed:
            raise InputError(
                f"the fMRI encoder makes tokens of width {made}, the UNet is conditioned on "
                f"{needed}: take both from one co-training"
            )
        self.register_modules(vae=vae, unet=unet, fmri_encoder=fmri_encoder, scheduler=scheduler)

    @classmethod
    def from_pretrained(cls, folder: str | Path, **kwargs: Any) -> Self:  # type: ignore[override]
        """Load what ``save_pretrained`` wrote, or a checkpoint as MinD-Video released it.

        Parameters
        ----------
        folder
            A folder, or the hub name of one.
        **kwargs
            Those of diffusers. For a released checkpoint `torch_dtype`, and parts to take in place
            of its own (e.g. ``scheduler=…``).

        Raises
        ------
        InputError
            If it is neither, or a part's weights do not fit its configuration.
        """
        place = Path(resolve(str(folder)))
        if not place.is_dir() or (place / "model_index.json").is_file():
            return super().from_pretrained(str(place), **kwargs)
        if missing := [name for name in PARTS if not (place / name).is_dir()]:
            found = ", ".join(sorted(path.name for path in place.iterdir())) or "nothing"
            raise InputError(
                f"{place}: no pipeline: it has no model_index.json, which save_pretrained writes, "
                f"and to be a released checkpoint it lacks {', '.join(missing)} (found: {found})"
            )
        return cls._from_released(place, **kwargs)

    @classmethod
    def _from_released(
        cls, folder: Path, *, torch_dtype: torch.dtype = torch.float32, **given: Any
    ) -> Self:
        make: dict[str, Callable[[], Any]] = {
            "vae": lambda: load_stable_diffusion(str(folder), "vae"),
            "unet": lambda: unet_from_official(*read_unet(folder)),
            "fmri_encoder": lambda: encoder_from_official(*read_encoder(folder)),
            "scheduler": lambda: make_scheduler(
                "ddim", load_stable_diffusion(str(folder), "scheduler")
            ),
        }
        parts = {name: given.pop(name) if name in given else load() for name, load in make.items()}
        return cls(**parts, **given).in_precision(torch_dtype)

    def in_precision(self, dtype: torch.dtype) -> Self:
        """Let the networks compute in a precision; in place. Latents stay in single precision."""
        for part in (self.fmri_encoder, self.unet, self.vae):
            nn.Module.to(part, dtype)  # diffusers' own warns of what does not apply
        return self

    @property
    def vae_factor(self) -> int:
        """Pixels along a side of one latent."""
        return 2 ** (len(self.vae.config["block_out_channels"]) - 1)

    @torch.no_grad()
    def __call__(
        self,
        fmri: Tensor | np.ndarray,
        negative_fmri: Tensor | np.ndarray | None = None,
        *,
        num_frames: int = 6,
        height: int = 256,
        width: int = 256,
        num_inference_steps: int = 200,
        guidance_scale: float = 12.5,
        generator: Generator | Sequence[Generator] | None = None,
        latents: Tensor | None = None,
        shared_noise: float = 0.0,
        motion: np.ndarray | None = None,
        output_type: Literal["np", "latent"] = "np",
    ) -> np.ndarray | Tensor:
        """Reconstruct the clip of each window.

        Noise is predicted as ``ε(negative) + s·(ε(fmri) − ε(negative))``, both in one batch. Clips
        of a batch do not touch each other: with a generator each, a clip is the same in any batch,
        up to rounding.

        Parameters
        ----------
        fmri
            Windows ``(b, w, v)``.
        negative_fmri
            The window of the negative condition ``(w, v)``, which guidance pushes away from.
        num_frames
            Frames in a clip, f.
        height, width
            Of a frame [px]; multiples of :attr:`vae_factor`.
        num_inference_steps
            Denoising steps (paper: 200).
        guidance_scale
            s; 1 is no guidance, and only then may `negative_fmri` be left out.
        generator
            Draws the noise that denoising starts from: one a clip, or one for all.
        latents
            That noise itself, in place of a draw: ``(b, c, f, h, w)``, standard deviation 1.
        shared_noise
            Share of the drawn noise's variance that a clip's frames have in common, 0…1: the more,
            the steadier the clip (mixed noise; Ge et al., "Preserve your own correlation", 2023).
        motion
            How that common part moves in each clip, ``(b, 3)``, as
            :func:`~mindvideo.models.noise.moving_noise` takes it; none: it stands still.
        output_type
            ``np``: frames; ``latent``: latents as the VAE takes them.

        Returns
        -------
        ndarray, uint8, ``(b, f, height, width, 3)``
            Or Tensor ``(b, c, f, h, w)``.

        Raises
        ------
        InputError
            If windows, sizes, generators or latents do not fit the models or each other, or the
            clips do not fit into memory.
        """
        shape = self._latent_shape(len(fmri), num_frames, height, width)
        check_fits(self.unet, self.vae, shape, guidance_scale != 1, self._execution_device)
        condition = self.encode(fmri, negative_fmri, guidance_scale)  #     (1 or 2)·b tokens d
        latents = self._start(shape, generator, latents, shared_noise, motion)  #   b c f h w
        latents = denoise(
            *(self.unet, self.scheduler, latents, condition),
            *(guidance_scale, num_inference_steps, self.progress_bar),
        )
        frames = latents if output_type == "latent" else self.decode(latents)
        self.maybe_free_model_hooks()
        return frames

    @torch.no_grad()
    def encode(self, fmri: Any, negative_fmri: Any = None, guidance_scale: float = 1.0) -> Tensor:
        """Windows ``(b, w, v)`` → conditions ``(b, tokens, d)``.

        Under guidance (a scale other than 1) ``(2·b, tokens, d)``: first the negative window's
        for each, then their own. For :meth:`predict` with the same scale.
        """
        windows = torch.as_tensor(fmri).to(self._execution_device, self.fmri_encoder.dtype)
        condition = self.fmri_encoder(windows)  #                                    b tokens d
        if guidance_scale == 1:
            return condition
        negative = self._encode_negative(negative_fmri, windows, guidance_scale)
        return torch.cat([negative.expand_as(condition), condition])  #            2·b tokens d

    @torch.no_grad()
    def predict(
        self, latents: Tensor, t: Tensor, condition: Tensor, guidance_scale: float
    ) -> Tensor:
        """Noise in latents ``(b, c, f, h, w)`` at time `t`, guided away from the negative window.

        `condition` is :meth:`encode`'s.
        """
        return guided_noise(self.unet, self.scheduler, latents, t, condition, guidance_scale)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> np.ndarray:
        """Latents ``(b, c, f, h, w)`` → frames, uint8 ``(b, f, height, width, 3)``."""
        return decode_latents(self.vae, latents)

    def _encode_negative(self, negative: Any, windows: Tensor, scale: float) -> Tensor:
        if negative is None:
            raise InputError(
                f"guidance of scale {scale} without a negative condition: give `negative_fmri`, "
                "or a scale of 1 for no guidance"
            )
        window = torch.as_tensor(negative).to(windows)
        if window.shape != windows.shape[1:]:
            raise InputError(
                f"the null window has shape {tuple(window.shape)}, the windows "
                f"{tuple(windows.shape[1:])}: make both with the same stage `windows`"
            )
        return self.fmri_encoder(window[None])

    def _latent_shape(self, clips: int, frames: int, height: int, width: int) -> tuple[int, ...]:
        factor = self.vae_factor
        if height % factor or width % factor or min(height, width, frames) < 1:
            raise InputError(
                f"clips of {frames} frames of {height} × {width} px: height and width must be "
                f"multiples of {factor}, by which the VAE scales"
            )
        return (clips, self.unet.config["in_channels"], frames, height // factor, width // factor)

    def _start(
        self,
        shape: tuple[int, ...],
        generator: Any,
        latents: Tensor | None,
        shared: float,
        motion: np.ndarray | None,
    ) -> Tensor:
        device = self._execution_device
        if latents is not None:
            if tuple(latents.shape) != shape:
                raise InputError(f"latents of shape {tuple(latents.shape)}, {shape} were needed")
            return latents.to(device, torch.float32)
        if isinstance(generator, Sequence):
            if len(generator) != shape[0]:
                raise InputError(
                    f"{len(generator)} generators for {shape[0]} clips: give one a clip"
                )
            generator = list(generator)
        if motion is not None:
            _check_motion(motion, shape[0], shared)
        own = randn_tensor(shape, generator=generator, device=device, dtype=torch.float32)
        if not shared:
            return own
        if motion is None:
            of_one_frame = (*shape[:2], 1, *shape[3:])
            common = randn_tensor(of_one_frame, generator=generator, device=device, dtype=own.dtype)
        else:
            generators = generator if isinstance(generator, list) else [generator] * shape[0]
            moving = [moving_noise(shape[1:], *pair) for pair in zip(motion, generators)]
            common = torch.stack(moving).to(own)
        return shared**0.5 * common + (1 - shared) ** 0.5 * own


def _check_motion(motion: np.ndarray, clips: int, shared: float) -> None:
    if motion.shape != (clips, 3):
        raise InputError(
            f"motion of shape {motion.shape} for {clips} clips: ({clips}, 3) was needed, right, "
            "down and expansion of each"
        )
    if not np.isfinite(motion).all():
        raise InputError("motion: a number is not finite; decode it again")
    if not shared:
        raise InputError("motion, but shared_noise is 0: only noise that frames share can move")
