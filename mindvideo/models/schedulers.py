"""Samplers: ways from noise to latents, each in its own number of steps."""

from __future__ import annotations

from typing import Any

from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

# By setting: class, and what it is to do whatever the configuration of another sampler says.
_SAMPLERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {"clip_sample": False}),
    "dpm-solver++": (
        DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "timestep_spacing": "trailing"},
    ),
    "unipc": (UniPCMultistepScheduler, {"timestep_spacing": "trailing"}),
}


def make_scheduler(name: str, like: Any) -> Any:
    """A sampler of the process that another one undoes.

    Parameters
    ----------
    name
        ``ddim`` (Song et al. 2021; the paper's), ``dpm-solver++`` (Lu et al. 2022, second order)
        or ``unipc`` (Zhao et al. 2023): the last two need fewer steps.
    like
        A scheduler of any kind, whose noise schedule and meaning of the prediction it takes over.
        None of them clips or thresholds: some samplers' configurations leave out what others would
        then cut off at ±1, which latents exceed. The last two start at the last time, which is
        noise alone (`trailing`; Lin et al. 2024); Stable Diffusion's own spacing (`leading`) would
        make them start as early as 0.9 of it, at noise that they were not given.
    """
    kind, settings = _SAMPLERS[name]
    return kind.from_config(like.config, thresholding=False, **settings)
