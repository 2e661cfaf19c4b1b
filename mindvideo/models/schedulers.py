"""Samplers, which differ in the number of steps that they need from noise to latents."""

from __future__ import annotations

from typing import Any

from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

# By setting: class, and options that override the configuration of another sampler.
_SAMPLERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {"clip_sample": False}),
    "dpm-solver++": (
        DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "timestep_spacing": "trailing"},
    ),
    "unipc": (UniPCMultistepScheduler, {"timestep_spacing": "trailing"}),
}


def make_scheduler(name: str, like: Any) -> Any:
    """A sampler for the same diffusion process as another one.

    Parameters
    ----------
    name
        ``ddim`` (Song et al. 2021; the paper's), ``dpm-solver++`` (Lu et al. 2022, second order)
        or ``unipc`` (Zhao et al. 2023): the last two need fewer steps.
    like
        A scheduler of any kind, whose noise schedule and type of prediction are used. Clipping and
        thresholding are disabled: the configurations of some samplers omit these options, and
        others would then clip latents at ±1, which they exceed. The last two start at the last
        time, which is pure noise (`trailing`; Lin et al. 2024); with Stable Diffusion's own spacing
        (`leading`) they would start at 0.9 of it, a noise level that does not match their input.
    """
    kind, settings = _SAMPLERS[name]
    return kind.from_config(like.config, thresholding=False, **settings)
