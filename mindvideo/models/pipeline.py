"""Windows of fMRI → clips: DDIM under adversarial guidance (paper 3.4, Eq. 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.utils.torch_utils import randn_tensor
from einops import rearrange, repeat
from torch import Generator, Tensor

from mindvideo.errors import InputError
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.video_unet import VideoUNet

DECODED_AT_ONCE = 8
"""Frames that the VAE decodes together: bounds its memory, which is larger than the UNet's."""


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
        Steps of the denoising.
    """

    model_cpu_offload_seq = "fmri_encoder->unet->vae"  # type: ignore[assignment]

    def __init__(
        self,
        vae: AutoencoderKL,
        unet: VideoUNet,
        fmri_encoder: FmriEncoder,
        scheduler: DDIMScheduler,
    ) -> None:
        super().__init__()
        made, needed = fmri_encoder.config["out_dim"], unet.config["cross_attention_dim"]
        if made != needed:
            raise InputError(
                f"the fMRI encoder makes tokens of width {made}, the UNet is conditioned on "
                f"{needed}: take both from one co-training"
            )
        self.register_modules(vae=vae, unet=unet, fmri_encoder=fmri_encoder, scheduler=scheduler)

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
        output_type
            ``np``: frames; ``latent``: latents as the VAE takes them.

        Returns
        -------
        ndarray, uint8, ``(b, f, height, width, 3)``
            Or Tensor ``(b, c, f, h, w)``.

        Raises
        ------
        InputError
            If windows, sizes, generators or latents do not fit the models or each other.
        """
        condition = self.encode(fmri, negative_fmri, guidance_scale)  #     (1 or 2)·b tokens d
        shape = self._latent_shape(len(fmri), num_frames, height, width)
        latents = self._start(shape, generator, latents, shared_noise)  #           b c f h w

        self.scheduler.set_timesteps(num_inference_steps, device=latents.device)
        latents = latents * self.scheduler.init_noise_sigma
        for t in self.progress_bar(self.scheduler.timesteps):
            noise = self.predict(latents, t, condition, guidance_scale)  #          b c f h w
            latents = self.scheduler.step(noise, t, latents).prev_sample

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
        dtype, guided = self.unet.dtype, guidance_scale != 1
        x = repeat(latents, "b ... -> (n b) ...", n=2 if guided else 1)
        x = self.scheduler.scale_model_input(x, t).to(dtype)  #              (1 or 2)·b c f h w
        noise = self.unet(x, t, condition.to(dtype)).to(latents.dtype)
        if not guided:
            return noise
        away, towards = noise.chunk(2)  #                                           b c f h w
        return away + guidance_scale * (towards - away)  #                          b c f h w

    @torch.no_grad()
    def decode(self, latents: Tensor) -> np.ndarray:
        """Latents ``(b, c, f, h, w)`` → frames, uint8 ``(b, f, height, width, 3)``."""
        images = rearrange(latents, "b c f h w -> (b f) c h w") / self.vae.config["scaling_factor"]
        frames = []
        for some in images.to(self.vae.dtype).split(DECODED_AT_ONCE):
            pixels = (self.vae.decode(some).sample.float() + 1) * 127.5  # the VAE's are in -1…1
            frames.append(pixels.round().clamp(0, 255).to(torch.uint8).cpu())
        clips = rearrange(torch.cat(frames), "(b f) c h w -> b f h w c", b=len(latents))
        return np.ascontiguousarray(clips.numpy())

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
        self, shape: tuple[int, ...], generator: Any, latents: Tensor | None, shared: float
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
        own = randn_tensor(shape, generator=generator, device=device, dtype=torch.float32)
        if not shared:
            return own
        of_one_frame = (*shape[:2], 1, *shape[3:])
        common = randn_tensor(of_one_frame, generator=generator, device=device, dtype=own.dtype)
        return shared**0.5 * common + (1 - shared) ** 0.5 * own
