"""Films against the pipeline's own clips, against a plain loop, and against their promises."""

import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler

from mindvideo.errors import InputError
from mindvideo.models.film import Film, denoise_whole_film, film_noise
from mindvideo.models.views import plan_views
from tests.models.films import SAMPLERS, SHAPE, Toy, film, frames_of, windows


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("rate", "overlap", "n"),
    [(1, 0.5, 5), (1, 0.8, 2), (2, 0.5, 4), (4 / 3, 0.3, 3), (8 / 3, 0, 3)],
)
def test_the_cascade_is_the_whole_film_denoised_at_once(sampler, rate, overlap, n):
    """A loop over steps, and in each over all views, with one scheduler for the whole film."""
    frames = film(Toy(sampler), n, rate=rate, overlap=overlap, batch_size=2)
    expected = denoise_whole_film(
        Toy(sampler),
        windows(n),
        noise=film_noise(SHAPE, seed=0, shared=0.5),
        num_inference_steps=5,
        guidance_scale=1,
        rate=rate,
        overlap=overlap,
    )
    np.testing.assert_allclose(frames, expected, atol=1e-5 * np.abs(expected).max())
    assert frames.std() > 0.1


@pytest.mark.parametrize("rate", [1, 4 / 3, 2, 8 / 3])
def test_views_have_hann_weights_and_the_mean_time_of_their_frames(rate):
    grid = plan_views(4, 6, rate, 0.5)
    for views in (grid.spread, grid.dense):
        hann = [math.sin(math.pi * (k + 0.5) / 6) ** 2 for k in range(6)]
        assert views.weights.tolist() == pytest.approx(hann)
        for start in map(views.start, range(len(views))):
            mean = np.mean([start + offset for offset in views.offsets])
            assert grid.time_of(start, views) == pytest.approx((mean / rate - 2.5) / 6)


def test_without_overlap_a_film_is_the_pipelines_clips_in_a_row(pipeline):
    generator = torch.Generator().manual_seed(1)
    fmri = torch.randn(3, 2, 32, generator=generator).numpy()
    negative = torch.randn(2, 32, generator=generator).numpy()
    channels, side = pipeline.unet.config["in_channels"], 32 // pipeline.vae_factor
    start = torch.randn(3, channels, 4, side, side, generator=generator)
    settings = {"num_frames": 4, "num_inference_steps": 3, "guidance_scale": 3.0}
    clips = pipeline(fmri, negative, **settings, height=32, width=32, latents=start)

    def noise(time):
        return start[int(time) // 4, :, int(time) % 4]

    apart = Film(pipeline, fmri, negative, **settings, noise=noise, overlap=0, batch_size=2)
    frames = frames_of(apart).astype(int)
    assert np.abs(frames - clips.reshape(frames.shape)).max() <= 1
    assert frames.std() > 1
    blended = Film(pipeline, fmri, negative, **settings, noise=noise, overlap=0.5)
    assert np.abs(frames_of(blended) - frames).max() > 1


@pytest.mark.parametrize("rate", [1, 3, 1.7])
def test_a_steady_condition_and_steady_noise_make_a_still(rate):
    still = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    frames = frames_of(
        Film(
            Toy(),
            [np.ones((1, 1), np.float32)] * 4,
            noise=lambda time: still,
            guidance_scale=1,
            num_inference_steps=4,
            rate=rate,
        )
    )
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
        covered = {start + offset for start in starts for offset in views.offsets}
        assert covered == set(range(views.length))


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


def test_reports_its_progress():
    reports = []
    film(Toy(), 4, rate=2, watch=lambda views, total: reports.append((views, total)))
    assert {sum(views for views, _ in reports)} == {total for _, total in reports}


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
    independent = torch.zeros(5, 5)  # 1 at the same time, cos(π/4) at half a frame
    for i in range(5):
        for j in range(5):
            independent[i, j] = {0: 1, 1: 0.5**0.5, 2: 0.5 if i % 2 else 0}.get(abs(i - j), 0)
    expected = shared + (1 - shared) * independent
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

peak(20)
print(peak(20), peak(200))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_memory_does_not_grow_with_the_film():
    """Ten times the film: latents and tokens of all of it would be 24 MiB more."""
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True)
    short, long = map(int, done.stdout.split())
    assert long - short < 8 * 1024, f"{short} KiB → {long} KiB"


# --- errors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clips", "changes", "message"),
    [
        (0, {}, "no windows"),
        (2, {"rate": 0}, "0 times a clip's frame rate"),
        (2, {"rate": math.nan}, "nan times"),
        (2, {"rate": 0.01}, "give no frame"),
        (2, {"overlap": 1}, "overlap of views: 1 of their length"),
        (2, {"overlap": -0.5}, "overlap of views: -0.5"),
    ],
)
def test_refuses_what_makes_no_film(clips, changes, message):
    with pytest.raises(InputError, match=message):
        film(Toy(), clips, **changes)


def test_refuses_a_scheduler_that_scales_what_the_unet_sees():
    pipeline = SimpleNamespace(scheduler=EulerDiscreteScheduler())
    with pytest.raises(InputError, match="EulerDiscreteScheduler scales"):
        film(pipeline, 2)
