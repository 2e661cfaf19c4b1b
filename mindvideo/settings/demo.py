"""Settings of the embedded data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mindvideo.settings.base import From, Section, Timing
from mindvideo.settings.sources import SEED, WEN, here

CORES = here("a demo for two CPU cores")


class DemoFilm(Section):
    """The rendered films (mindvideo.demo)."""

    seed: Annotated[int, SEED] = Field(2026, description="of the films")
    size: Annotated[PositiveInt, CORES] = Field(128, description="height and width of a film [px]")
    fps: Annotated[PositiveInt, WEN] = Field(30, description="frames per second of a film")


class DemoFilmSettings(DemoFilm, of="demo.film"):
    split: Annotated[Literal["train", "test"], From("split")]
    seconds: Annotated[PositiveFloat, From("film_seconds")]


class DemoBrain(Section):
    """The simulated brains (mindvideo.demo.brain)."""

    seed: Annotated[int, SEED] = Field(2018, description="of the brains and their noise")
    resolution: Annotated[PositiveInt, CORES] = Field(4, description="voxel size [mm]")
    snr: Annotated[PositiveFloat, here("the unit of the ratio")] = Field(
        1.0, description="factor of the signal relative to the noise"
    )


class DemoBrainSettings(DemoBrain, of="demo.brain"):
    tr: Annotated[PositiveFloat, From("dataset.tr")]
    timing: Annotated[Timing, From("timing")]
    n_volumes: Annotated[PositiveInt, From("n_volumes_of_film")]


class DemoRest(Section):
    """The simulated pre-training subjects."""

    seed: Annotated[int, SEED] = Field(1200, description="of the resting brains")
    n_volumes: Annotated[PositiveInt, CORES] = Field(300, description="volumes of a run")


class DemoRestSettings(DemoRest, of="demo.rest"):
    tr: Annotated[PositiveFloat, From("pretraining_data.tr")]


class Zoo(Section):
    """The small models of the demo (mindvideo.demo.zoo_build).

    Models that score reconstructions are trained on films of another seed than those that generate
    them.
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
    """The embedded data set; read with `dataset: config/datasets/demo.yaml` only."""

    film: DemoFilm = DemoFilm()
    brain: DemoBrain = DemoBrain()
    rest: DemoRest = DemoRest()
