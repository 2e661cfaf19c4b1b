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
from torch import Generator, Tensor, nn

from mindvideo.errors import InputError
from mindvideo.models.checkpoints import Encoder, load_fmri_encoder, load_video_unet
from mindvideo.models.conditions import Tokens
from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.models.guidance import decode_latents, denoise, guided_noise
from mindvideo.models.hub import HubModel
from mindvideo.models.memory import check_fits
from mindvideo.models.noise import noise_of_clips
from mindvideo.models.pretrained import load_stable_diffusion, resolve
from mindvideo.models.schedulers import make_scheduler

PARTS = ("fmri_encoder", "scheduler", "unet", "vae")
"""Folders in a pipeline's folder."""


class MindVideoPipeline(DiffusionPipeline):
    """All models that turn fMRI into frames; saved and loaded as one folder.

    Parameters
    ----------
    vae
        Decoder of latents, as Stable Diffusion's.
    unet
        Denoiser of clips.
    fmri_encoder
        Encoder of its condition.
    scheduler
        Steps of the denoising (see :func:`~mindvideo.models.schedulers.make_scheduler`).

    Examples
    --------
    The demo's small Stable Diffusion, inflated, with an untrained encoder of 32 voxels:

    >>> from mindvideo.models.fmri_encoder import FmriEncoder
    >>> from mindvideo.models.video_unet import inflate
    >>> unet = inflate(load_stable_diffusion("zoo:stable-diffusion", "unet"))
    >>> encoder = FmriEncoder(
    ...     num_voxels=32, patch_size=8, embed_dim=16, depth=1, num_heads=2,
    ...     out_channel=5, out_dim=unet.condition_width,
    ... )
    >>> pipeline = MindVideoPipeline(
    ...     vae=load_stable_diffusion("zoo:stable-diffusion", "vae"),
    ...     unet=unet,
    ...     fmri_encoder=encoder,
    ...     scheduler=load_stable_diffusion("zoo:stable-diffusion", "scheduler"),
    ... )
    >>> pipeline.set_progress_bar_config(disable=True)

    Three windows of two volumes become three clips of six frames; the negative condition is the
    mean window:

    >>> windows = np.random.default_rng(0).standard_normal((3, 2, 32))
    >>> clips = pipeline(
    ...     windows,
    ...     windows.mean(axis=0),
    ...     num_frames=6,
    ...     height=32,
    ...     width=32,
    ...     num_inference_steps=2,
    ...     generator=[torch.Generator().manual_seed(clip) for clip in range(3)],
    ... )
    >>> clips.shape, clips.dtype
    ((3, 6, 32, 32, 3), dtype('uint8'))
    """

    model_cpu_offload_seq = "fmri_encoder->unet->vae"  # type: ignore[assignment]

    def __init__(
        self,
        vae: AutoencoderKL,
        unet: ClipDenoiser,
        fmri_encoder: Encoder,
        scheduler: SchedulerMixin,
    ) -> None:
        super().__init__()
        width, expected = fmri_encoder.config["out_dim"], unet.condition_width
        if width != expected:
            raise InputError(
                f"the fMRI encoder has tokens of width {width}, but the UNet is conditioned on "
                f"width {expected}: use both from the same co-training"
            )
        self.register_modules(vae=vae, unet=unet, fmri_encoder=fmri_encoder, scheduler=scheduler)

    @classmethod
    def from_pretrained(cls, folder: str | Path, **kwargs: Any) -> Self:  # type: ignore[override]
        """Load a folder written by ``save_pretrained``, or a checkpoint as released by MinD-Video.

        Parameters
        ----------
        folder
            A folder, or the hub name of one (``ORG/MODEL``, or ``ORG/MODEL@REVISION``).
        **kwargs
            Passed to diffusers. For a released checkpoint: `torch_dtype`, and parts that replace
            those of the checkpoint (e.g. ``scheduler=…``).

        Raises
        ------
        InputError
            If the folder contains neither, or a part's weights do not match its configuration.
        """
        place = resolve(str(folder))
        if isinstance(place, HubModel):
            revision = {"revision": place.revision} if place.revision else {}
            return super().from_pretrained(place.repo, **revision, **kwargs)
        if (place / "model_index.json").is_file():
            return super().from_pretrained(str(place), **kwargs)
        if missing := [name for name in PARTS if not (place / name).is_dir()]:
            entries = ", ".join(sorted(path.name for path in place.iterdir())) or "nothing"
            raise InputError(
                f"{place}: not a pipeline: it has no model_index.json, which save_pretrained "
                f"writes, and for a released checkpoint it lacks {', '.join(missing)} (found: "
                f"{entries})"
            )
        return cls._from_released(place, **kwargs)

    @classmethod
    def _from_released(
        cls, folder: Path, *, torch_dtype: torch.dtype = torch.float32, **replaced: Any
    ) -> Self:
        make: dict[str, Callable[[], Any]] = {
            "vae": lambda: load_stable_diffusion(str(folder), "vae"),
            "unet": lambda: load_video_unet(folder),
            "fmri_encoder": lambda: load_fmri_encoder(folder),
            "scheduler": lambda: make_scheduler(
                "ddim", load_stable_diffusion(str(folder), "scheduler")
            ),
        }
        parts = {
            name: replaced.pop(name) if name in replaced else load() for name, load in make.items()
        }
        return cls(**parts, **replaced).in_precision(torch_dtype)

    def in_precision(self, dtype: torch.dtype) -> Self:
        """Convert the networks to a precision; in place. Latents stay in single precision."""
        for part in (self.fmri_encoder, self.unet, self.vae):
            nn.Module.to(part, dtype)  # diffusers' method gives irrelevant warnings
        return self

    def ready(self, *, compiled: bool = False) -> Self:
        """Prepare for many calls on the device and in the precision that the networks have.

        Done in place, and last: what is `ready` can no longer be saved.

        - UNet and VAE are laid out (:func:`lay_out`).
        - If `compiled`, the UNet is compiled (torch.compile): minutes at the first call, and other
          rounding.
        """
        for part in (self.unet, self.vae):
            lay_out(part)
        if compiled:
            self.unet.compile()
        return self

    @property
    def vae_factor(self) -> int:
        """Number of pixels per latent along a side."""
        return 2 ** (len(self.vae.config["block_out_channels"]) - 1)

    @torch.no_grad()
    def __call__(
        self,
        fmri: Tensor | np.ndarray | Tokens,
        negative_fmri: Tensor | np.ndarray | Tokens | None = None,
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

        Noise is predicted as ``ε(negative) + s·(ε(fmri) − ε(negative))``, both in one batch. The
        clips of a batch are independent: with a generator each, a clip is the same in any batch, up
        to rounding.

        Parameters
        ----------
        fmri
            Windows ``(b, w, v)``, or tokens in place of the encoder's.
        negative_fmri
            The window of the negative condition ``(w, v)``, from which guidance leads away; or its
            tokens (b = 1).
        num_frames
            Frames in a clip, f.
        height, width
            Of a frame [px]; multiples of :attr:`vae_factor`.
        num_inference_steps
            Denoising steps (paper: 200).
        guidance_scale
            s; with 1 there is no guidance, and `negative_fmri` may be omitted.
        generator
            Draws the noise that denoising starts from: one per clip, or one for all.
        latents
            The noise itself, instead of a random draw: ``(b, c, f, h, w)``, standard deviation 1.
        shared_noise
            Fraction of the noise's variance that the frames of a clip share, 0…1; larger values
            give less flicker (mixed noise; Ge et al., "Preserve your own correlation", 2023).
        motion
            Motion of the shared part in each clip, ``(b, 3)``, in the units of
            :func:`~mindvideo.models.noise.moving_noise`; by default it does not move.
        output_type
            ``np``: frames; ``latent``: latents, the input of the VAE's decoder.

        Returns
        -------
        ndarray, uint8, ``(b, f, height, width, 3)``
            Or Tensor ``(b, c, f, h, w)``.

        Raises
        ------
        InputError
            If windows, sizes, generators or latents do not match the models or each other, or the
            clips do not fit into memory.
        """
        shape = self._latent_shape(len(fmri), num_frames, height, width)
        check_fits(self.unet, self.vae, shape, guidance_scale != 1, self._execution_device)
        condition = self.encode(fmri, negative_fmri, guidance_scale)  #     (1 or 2)·b tokens d
        latents = self._start(shape, generator, latents, shared_noise, motion)  #   b c f h w
        latents = denoise(
            self.unet,
            self.scheduler,
            latents,
            condition,
            scale=guidance_scale,
            steps=num_inference_steps,
            bar=self.progress_bar,
        )
        frames = latents if output_type == "latent" else self.decode(latents)
        self.maybe_free_model_hooks()
        return frames

    @torch.no_grad()
    def encode(self, fmri: Any, negative_fmri: Any = None, guidance_scale: float = 1.0) -> Tensor:
        """Windows ``(b, w, v)``, or tokens → conditions ``(b, tokens, d)``.

        Under guidance (a scale other than 1) ``(2·b, tokens, d)``: the negative condition of each
        window, then the conditions of the windows. For :meth:`predict` with the same scale.
        """
        condition = self._tokens_of(fmri)  #                                         b tokens d
        if guidance_scale == 1:
            return condition
        if negative_fmri is None:
            raise InputError(
                f"guidance with scale {guidance_scale} needs a negative condition: pass "
                "`negative_fmri`, or a scale of 1 for no guidance"
            )
        if not isinstance(negative_fmri, Tokens):
            if not isinstance(fmri, Tokens):
                _check_negative(negative_fmri, fmri)
            negative_fmri = torch.as_tensor(negative_fmri)[None]
        negative = self._tokens_of(negative_fmri)  #                                 1 tokens d
        if negative.shape[1:] != condition.shape[1:]:
            raise InputError(
                f"a negative condition of {negative.shape[1]} tokens of width {negative.shape[2]}, "
                f"but the conditions have {condition.shape[1]} of width {condition.shape[2]}: "
                "compute both with the same stable_diffusion"
            )
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

    def _tokens_of(self, given: Any) -> Tensor:
        """Tokens ``(b, tokens, d)`` of windows ``(b, w, v)``, or those that are given."""
        is_tokens = isinstance(given, Tokens)
        values = torch.as_tensor(given.values if is_tokens else given)
        values = values.to(self._execution_device, self.fmri_encoder.dtype)
        return values if is_tokens else self.fmri_encoder(values)

    def _latent_shape(self, clips: int, frames: int, height: int, width: int) -> tuple[int, ...]:
        factor = self.vae_factor
        if height % factor or width % factor or min(height, width, frames) < 1:
            raise InputError(
                f"clips of {frames} frames of {height} × {width} px: height and width must be "
                f"multiples of {factor}, the VAE's scale factor"
            )
        return (clips, self.unet.latent_channels, frames, height // factor, width // factor)

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
                raise InputError(f"latents of shape {tuple(latents.shape)}; expected {shape}")
            return latents.to(device, torch.float32)
        if isinstance(generator, Sequence):
            if len(generator) != shape[0]:
                raise InputError(
                    f"{len(generator)} generators for {shape[0]} clips: pass one per clip"
                )
            generator = list(generator)
        return noise_of_clips(shape, generator, shared=shared, motion=motion, device=device)


def lay_out(network: Any) -> None:
    """Let convolutions keep the channels of a pixel together; in place.

    Only in half precision, and on a GPU, whose tensor cores read them so: it changes rounding. In
    single precision on a CPU the layout stays. diffusers cannot save a network that is laid out so.
    """
    if network.dtype != torch.float32 or network.device.type == "cuda":
        nn.Module.to(network, memory_format=torch.channels_last)


def _check_negative(window: Any, windows: Any) -> None:
    if tuple(window.shape) != tuple(windows.shape[1:]):
        raise InputError(
            f"the null window has shape {tuple(window.shape)}, but the windows have "
            f"{tuple(windows.shape[1:])}: compute both from the same run of the stage `windows`"
        )
