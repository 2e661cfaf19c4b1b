"""Films against the pipeline's own clips, against a plain loop, and against their promises."""

import copy
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from einops import rearrange

from mindvideo.errors import InputError
from mindvideo.io.snapshots import load_snapshot, save_snapshot
from mindvideo.models.film import Film, film_noise
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.video_unet import inflate
from mindvideo.models.views import plan_views

SHAPE = (4, 3, 3)
SAMPLERS = {
    "ddim": DDIMScheduler(clip_sample=False),
    "dpm-solver++": DPMSolverMultistepScheduler(),
    "unipc": UniPCMultistepScheduler(),
}


class Toy:
    """Encodes a window as its one number; a frame's noise depends on its view and condition."""

    _execution_device = torch.device("cpu")

    def __init__(self, sampler="ddim"):
        self.scheduler = copy.deepcopy(SAMPLERS[sampler])
        self.encoded, self.sizes = [], []

    def encode(self, windows, negative, scale):
        assert scale == 1
        self.encoded += windows[:, 0, 0].tolist()
        return torch.as_tensor(windows).float()

    def predict(self, latents, t, condition, scale):
        self.sizes.append(len(latents))
        mixed = latents.mean(dim=2, keepdim=True) - latents.roll(1, 2)
        return torch.sin(latents + mixed) + condition.mean((1, 2))[:, None, None, None, None]

    def decode(self, latents):
        return rearrange(latents, "b c f h w -> b f h w c").numpy()

    def maybe_free_model_hooks(self):
        self.freed = True


def windows(n):
    return [np.full((1, 1), i / 7, np.float32) for i in range(n)]


def film(toy, n, **settings):
    settings = {"num_frames": 6, "num_inference_steps": 5, "guidance_scale": 1} | settings
    settings = {"noise": film_noise(SHAPE, seed=0, shared=0.5)} | settings
    return frames_of(Film(toy, windows(n), **settings))


def frames_of(made):
    return np.stack([frame for frames in made for frame in frames])


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("rate", "overlap", "n"),
    [(1, 0.5, 5), (1, 0.8, 2), (2, 0.5, 4), (4 / 3, 0.3, 3), (8 / 3, 0, 3)],
)
def test_the_cascade_is_the_whole_film_denoised_at_once(sampler, rate, overlap, n):
    """A loop over steps, and in each over all views, with one scheduler for the whole film."""
    found = film(Toy(sampler), n, rate=rate, overlap=overlap, batch_size=2)
    grid, toy = plan_views(n, 6, rate, overlap), Toy(sampler)
    noise = film_noise(SHAPE, seed=0, shared=0.5)
    x = torch.stack([noise(g / rate) for g in range(grid.dense.length)], dim=1)
    toy.scheduler.set_timesteps(5)
    for step, t in enumerate(toy.scheduler.timesteps):
        views = grid.dense if step % 2 else grid.spread
        total, weight = torch.zeros_like(x), torch.zeros(x.shape[1], 1, 1)
        for view in range(len(views)):
            places = [views.start(view) + offset for offset in views.offsets]
            time = min(max((np.mean(places) / rate - 2.5) / 6, 0), n - 1)
            condition = torch.full((1, 1, 1), time / 7)
            predicted = toy.predict(x[None, :, places], t, condition, 1)[0]
            for k, place in enumerate(places):
                w = math.sin(math.pi * (k + 0.5) / 6) ** 2
                total[:, place] += w * predicted[:, k]
                weight[place] += w
        x = toy.scheduler.step((total / weight)[None], t, x[None]).prev_sample[0]
    expected = rearrange(x, "c f h w -> f h w c")[: grid.film].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert found.std() > 0.1


@pytest.fixture(scope="module")
def pipeline():
    """The zoo's image model, inflated, with an untrained encoder."""
    torch.manual_seed(0)
    unet = inflate(load_stable_diffusion("zoo:stable-diffusion", "unet"))
    for name, weight in unet.named_parameters():
        if "attn_temp" in name:
            torch.nn.init.normal_(weight, std=0.1)
    encoder = FmriEncoder(
        num_voxels=32,
        patch_size=8,
        embed_dim=8,
        depth=1,
        num_heads=2,
        out_channel=5,
        out_dim=unet.config["cross_attention_dim"],
    )
    scheduler = load_stable_diffusion("zoo:stable-diffusion", "scheduler")
    vae = load_stable_diffusion("zoo:stable-diffusion", "vae")
    made = MindVideoPipeline(
        vae=vae, unet=unet.eval(), fmri_encoder=encoder.eval(), scheduler=scheduler
    )
    made.set_progress_bar_config(disable=True)
    return made


def test_without_overlap_it_is_the_pipelines_own_clips_side_by_side(pipeline):
    generator = torch.Generator().manual_seed(1)
    fmri = torch.randn(3, 2, 32, generator=generator).numpy()
    negative = torch.randn(2, 32, generator=generator).numpy()
    channels, side = pipeline.unet.config["in_channels"], 32 // pipeline.vae_factor
    start = torch.randn(3, channels, 4, side, side, generator=generator)
    settings = {"num_frames": 4, "num_inference_steps": 3, "guidance_scale": 3.0}
    clips = pipeline(fmri, negative, **settings, height=32, width=32, latents=start)

    def noise(time):
        return start[int(time) // 4, :, int(time) % 4]

    made = Film(pipeline, fmri, negative, **settings, noise=noise, overlap=0, batch_size=2)
    found = frames_of(made).astype(int)
    assert np.abs(found - clips.reshape(found.shape)).max() <= 1
    assert found.std() > 1
    blended = Film(pipeline, fmri, negative, **settings, noise=noise, overlap=0.5)
    assert np.abs(frames_of(blended) - found).max() > 1


@pytest.mark.parametrize("rate", [1, 3, 1.7])
def test_a_steady_condition_and_steady_noise_make_a_still(rate):
    still = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    made = Film(
        Toy(), [np.ones((1, 1), np.float32)] * 4, noise=lambda time: still, guidance_scale=1,
        num_inference_steps=4, rate=rate,
    )  # fmt: skip
    frames = frames_of(made)
    np.testing.assert_allclose(frames, np.broadcast_to(frames[:1], frames.shape), atol=1e-3)


@pytest.mark.parametrize("rate", [1 / 6, 0.25, 0.5, 2 / 3, 1, 4 / 3, 8 / 3, 25 / 3, 29.97 / 3])
@pytest.mark.parametrize("clips", [1, 2, 7])
def test_any_frame_rate_gives_the_films_duration(rate, clips):
    frames = film(Toy(), clips, rate=rate, num_inference_steps=2)
    assert len(frames) == round(clips * 6 * rate)
    assert np.isfinite(frames).all()


@pytest.mark.parametrize("rate", [1, 4 / 3, 1.5, 2, 8 / 3, 29.97 / 3, 0.4])
@pytest.mark.parametrize("overlap", [0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("clips", [1, 2, 9])
def test_views_see_every_frame_in_order_and_nothing_beyond(rate, overlap, clips):
    grid = plan_views(clips, 6, rate, overlap)
    for views in (grid.spread, grid.dense):
        starts = [views.start(view) for view in range(len(views))]
        for view in range(len(views)):
            assert views.reached(view) <= min(starts[view:])
        assert views.reached(len(views)) == views.length
        seen = {start + offset for start in starts for offset in views.offsets}
        assert seen == set(range(views.length))


def test_a_spread_view_moves_at_the_models_speed():
    grid = plan_views(8, 6, 8 / 3, 0.5)  # 8 frames a second, of a model of 3
    times = np.array(grid.spread.offsets) / 8
    np.testing.assert_allclose(times, np.arange(6) / 3, atol=0.5 / 8)
    assert plan_views(8, 6, 2, 0.5).spread.offsets == (0, 2, 4, 6, 8, 10)


@pytest.mark.parametrize(("overlap", "n"), [(0.5, 20), (0.75, 40)])
def test_weights_of_overlapping_views_sum_to_a_constant(overlap, n):
    views = plan_views(n, 8, 1, overlap).dense
    total = torch.zeros(views.length)
    for view in range(len(views)):
        total[views.start(view) + torch.arange(8)] += views.weights
    inside = total[8:-8]
    assert torch.allclose(inside, inside.new_tensor(0.5 / (1 - overlap)))


def test_views_at_the_time_of_a_window_are_conditioned_on_it_alone():
    for rate in (1, 2, 8 / 3):
        grid = plan_views(4, 6, rate, 0.5)
        assert grid.time_of(0, grid.spread) == pytest.approx(0, abs=0.02)
        assert grid.time_of(round(12 * rate), grid.spread) == pytest.approx(2, abs=0.02)
    dense = plan_views(4, 6, 2, 0.5).dense  # three frames of a clip long, from 6 to 9
    assert plan_views(4, 6, 2, 0.5).time_of(12, dense) == pytest.approx((7.25 - 2.5) / 6)


def test_each_window_is_encoded_once_and_batches_are_kept():
    toy = Toy()
    film(toy, 30, batch_size=3, rate=2)
    assert sorted(toy.encoded) == pytest.approx([i / 7 for i in range(30)])
    assert max(toy.sizes) == 3
    assert np.mean(toy.sizes) > 2
    assert toy.freed


def test_the_batch_size_does_not_matter():
    films = [film(Toy(), 5, batch_size=size, rate=2) for size in (1, 4)]
    np.testing.assert_allclose(*films, atol=1e-5)


def test_tells_how_far_it_is():
    told = []
    film(Toy(), 4, rate=2, watch=lambda views, total: told.append((views, total)))
    assert {sum(views for views, _ in told)} == {total for _, total in told}


# --- interruptions --------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("rate", "overlap"), [(1, 0), (1, 0.5), (2.5, 0), (2.5, 0.5)])
def test_an_interrupted_film_goes_on_to_the_same_frames(sampler, rate, overlap):
    """Left between blocks, between steps, and inside steps: a state after every fourth batch."""

    def make():
        noise = film_noise(SHAPE, seed=0, shared=0.5)
        settings = {"num_inference_steps": 5, "guidance_scale": 1, "batch_size": 1}
        return Film(Toy(sampler), windows(5), noise=noise, rate=rate, overlap=overlap, **settings)

    film, frames, states = make(), [], []
    for batch, finished in enumerate(film):
        frames += finished
        if batch % 4 == 0:
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
    own = copy.copy(pipeline)
    own.scheduler = UniPCMultistepScheduler.from_config(pipeline.scheduler.config)

    def make():
        return Film(own, fmri, negative, noise=noise, **settings)

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
    found = np.stack(before + [frame for frames in film for frame in frames])
    np.testing.assert_allclose(found, frames_of(make(3)), atol=1e-5 * np.abs(found).max())


def test_a_resumed_film_encodes_no_window_again_and_says_how_far_it_is():
    settings = {"num_inference_steps": 4, "guidance_scale": 1, "batch_size": 2}
    told: list[int] = []
    noise = film_noise(SHAPE, seed=0, shared=0.5)
    first = Film(Toy(), windows(9), noise=noise, **settings)
    for step, _ in enumerate(first):
        if step == 10:
            break
    toy = Toy()
    film = Film(
        toy, windows(9), noise=noise, watch=lambda views, total: told.append(views), **settings
    )
    film.load_state_dict(first.state_dict())
    frames_of(film)
    assert sorted(toy.encoded + first._pipeline.encoded) == pytest.approx([i / 7 for i in range(9)])
    assert told[0] == sum(first._pipeline.sizes)
    assert sum(told[1:]) == sum(toy.sizes)


# --- noise ----------------------------------------------------------------------------------------


def test_a_frames_noise_depends_on_seed_and_time_alone():
    first, second = (film_noise(SHAPE, seed=3, shared=0.3) for _ in range(2))
    backwards = [second(k / 2) for k in reversed(range(300))][::-1]
    assert all(torch.equal(first(k / 2), backwards[k]) for k in range(300))
    assert not torch.equal(first(4), film_noise(SHAPE, seed=4, shared=0.3)(4))


@pytest.mark.parametrize("shared", [0.0, 0.6])
def test_noise_has_variance_1_and_neighbours_in_time_have_it_in_common(shared):
    noise = film_noise((4, 64, 64), seed=0, shared=shared)
    frames = torch.stack([noise(k / 2).flatten() for k in range(5)])
    assert torch.allclose(frames.std(dim=1), torch.ones(5), atol=0.03)
    own = torch.zeros(5, 5)  # 1 at the same time, cos(π/4) at half a frame
    for i in range(5):
        for j in range(5):
            own[i, j] = {0: 1, 1: 0.5**0.5, 2: 0.5 if i % 2 else 0}.get(abs(i - j), 0)
    expected = shared + (1 - shared) * own
    assert torch.allclose(torch.corrcoef(frames), expected, atol=0.04)


# --- memory ---------------------------------------------------------------------------------------

MEASURE = """
import resource, sys, numpy as np, torch
from diffusers import DDIMScheduler
from mindvideo.models.film import Film, film_noise

class Toy:
    scheduler, _execution_device = DDIMScheduler(clip_sample=False), torch.device("cpu")
    def encode(self, windows, negative, scale): return torch.as_tensor(windows)
    def predict(self, latents, t, condition, scale): return latents * condition.mean()
    def decode(self, latents): return latents.movedim(1, -1).numpy()
    def maybe_free_model_hooks(self): ...

class Windows:
    def __init__(self, n): self.n = n
    def __len__(self): return self.n
    def __getitem__(self, i): return np.full((64, 128), i % 3, np.float32)  # 32 KiB

def peak(n):
    noise = film_noise((4, 32, 32), seed=0, shared=0.5)
    film = Film(Toy(), Windows(n), noise=noise, guidance_scale=1, num_inference_steps=4)
    assert sum(map(len, film)) == len(film) == 6 * n
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

peak(40)
print(peak(40), peak(400))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_memory_does_not_grow_with_the_film():
    """Ten times the film: latents and tokens of all of it would be 49 MiB more."""
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True)
    short, long = map(int, done.stdout.split())
    assert long - short < 8 * 1024, f"{short} KiB → {long} KiB"


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clips", "changes", "message"),
    [
        (0, {}, "no windows"),
        (2, {"rate": 0}, "0 times a clip's frame rate"),
        (2, {"rate": math.nan}, "nan times"),
        (2, {"rate": 0.01}, "no frame at all"),
        (2, {"overlap": 1}, "overlap by 1 of their length"),
        (2, {"overlap": -0.5}, "overlap by -0.5"),
    ],
)
def test_refuses_what_makes_no_film(clips, changes, message):
    with pytest.raises(InputError, match=message):
        film(Toy(), clips, **changes)


def test_refuses_a_scheduler_that_scales_what_the_unet_sees():
    pipeline = SimpleNamespace(scheduler=EulerDiscreteScheduler())
    with pytest.raises(InputError, match="EulerDiscreteScheduler scales"):
        film(pipeline, 2)
