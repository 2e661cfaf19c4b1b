"""Films that were interrupted go on to the frames of films that were not."""

import copy

import numpy as np
import pytest
import torch
from diffusers import UniPCMultistepScheduler

from mindvideo.io.snapshots import load_snapshot, save_snapshot
from mindvideo.models.film import Film, film_noise
from tests.models.films import SAMPLERS, SHAPE, Toy, frames_of, windows


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("rate", "overlap"), [(1, 0), (1, 0.5), (2.5, 0), (2.5, 0.5)])
def test_an_interrupted_film_goes_on_to_the_same_frames(sampler, rate, overlap):
    """Left between blocks, between steps, and inside steps: a state after every few batches."""

    def make():
        noise = film_noise(SHAPE, seed=0, shared=0.5)
        settings = {"num_inference_steps": 5, "guidance_scale": 1, "batch_size": 1}
        return Film(Toy(sampler), windows(5), noise=noise, rate=rate, overlap=overlap, **settings)

    film, frames, states = make(), [], []
    for batch, finished in enumerate(film):
        frames += finished
        if batch % round(4 * rate) == 0:
            states.append((len(frames), film.state_dict()))
    assert len(frames) == round(30 * rate)
    assert len(states) > 5
    if overlap:
        assert any(step["batches"] for _, state in states for step in state["cascade"]["steps"])
    for done, state in states:
        resumed = make()
        resumed.load_state_dict(state)
        rest = [frame for frames in resumed for frame in frames]
        assert np.stack(frames[:done] + rest).tobytes() == np.stack(frames).tobytes()


def test_an_interrupted_film_of_the_pipeline_goes_on_to_the_same_frames(pipeline, tmp_path):
    """Under guidance, and through a file that is read without pickle."""
    generator = torch.Generator().manual_seed(1)
    fmri = torch.randn(4, 2, 32, generator=generator).numpy()
    negative = torch.randn(2, 32, generator=generator).numpy()
    side = 32 // pipeline.vae_factor
    noise = film_noise((pipeline.unet.config["in_channels"], side, side), seed=0, shared=0.5)
    settings = {"num_frames": 4, "num_inference_steps": 2, "guidance_scale": 3.0, "batch_size": 1}
    with_unipc = copy.copy(pipeline)
    with_unipc.scheduler = UniPCMultistepScheduler.from_config(pipeline.scheduler.config)

    def make():
        return Film(with_unipc, fmri, negative, noise=noise, **settings)

    film, frames, done = make(), [], 0
    for step, finished in enumerate(film):
        frames += finished
        if step == 8:
            save_snapshot(tmp_path / "film.pt", film.state_dict())
            done = len(frames)
    assert 0 < done < len(frames) == 16
    resumed = make()
    resumed.load_state_dict(load_snapshot(tmp_path / "film.pt"))
    rest = frames_of(resumed)
    assert rest.std() > 1
    assert rest.tobytes() == np.stack(frames[done:]).tobytes()


def test_a_film_goes_on_with_another_batch_size():
    """Up to rounding: the blocks under way keep their sizes, those that enter have another."""
    settings = {"num_inference_steps": 4, "guidance_scale": 1}

    def make(batch_size):
        noise = film_noise(SHAPE, seed=0, shared=0.5)
        return Film(Toy("unipc"), windows(6), noise=noise, batch_size=batch_size, **settings)

    first, before = make(3), []
    for step, finished in enumerate(first):
        before += finished
        if step == 9:
            break
    film = make(2)
    film.load_state_dict(first.state_dict())
    frames = np.stack(before + [frame for rest in film for frame in rest])
    np.testing.assert_allclose(frames, frames_of(make(3)), atol=1e-5 * np.abs(frames).max())


def test_a_resumed_film_encodes_no_window_again_and_reports_its_progress():
    settings = {"num_inference_steps": 4, "guidance_scale": 1, "batch_size": 2}
    reports: list[int] = []
    noise = film_noise(SHAPE, seed=0, shared=0.5)
    first = Film(Toy(), windows(9), noise=noise, **settings)
    for step, _ in enumerate(first):
        if step == 10:
            break
    toy = Toy()
    film = Film(
        toy, windows(9), noise=noise, watch=lambda views, total: reports.append(views), **settings
    )
    film.load_state_dict(first.state_dict())
    frames_of(film)
    assert sorted(toy.encoded + first._pipeline.encoded) == pytest.approx([i / 7 for i in range(9)])
    assert reports[0] == sum(first._pipeline.sizes)
    assert sum(reports[1:]) == sum(toy.sizes)
