"""The pipeline against a plain loop, and against its promises of reproducibility."""

from functools import partial

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from mindvideo.errors import InputError
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.schedulers import make_scheduler
from mindvideo.models.video_unet import inflate
from tests.untrained import untrained_encoder, untrained_unet, untrained_vae

SIZE = {"num_frames": 3, "height": 16, "width": 16, "num_inference_steps": 4}


def make():
    torch.manual_seed(0)
    unet, vae, encoder = untrained_unet(), untrained_vae(), untrained_encoder()
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    pipeline = MindVideoPipeline(
        vae=vae.eval(),
        unet=inflate(unet).eval(),
        fmri_encoder=encoder.eval(),
        scheduler=scheduler,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def pipeline():
    return make()


@pytest.fixture
def fmri():
    return torch.randn(3, 2, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def negative():
    return torch.randn(2, 32, generator=torch.Generator().manual_seed(2))


def seeds(numbers):
    return [torch.Generator().manual_seed(number) for number in numbers]


def test_gives_frames(pipeline, fmri, negative):
    frames = pipeline(fmri.numpy(), negative.numpy(), **SIZE, generator=seeds([0, 1, 2]))
    assert frames.shape == (3, 3, 16, 16, 3)
    assert frames.dtype == np.uint8
    assert frames.std() > 0


@torch.no_grad()
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_denoises_as_equation_6_says(pipeline, fmri, negative, scale):
    """DDIM written out (Song et al. 2021, Eq. 12, eta 0), a pass at a time."""
    start = torch.randn(3, 4, 3, 8, 8)
    latents = pipeline(
        fmri, negative, **SIZE, guidance_scale=scale, latents=start, output_type="latent"
    )
    condition = pipeline.fmri_encoder(fmri)
    away = pipeline.fmri_encoder(negative[None]).expand(3, -1, -1)
    betas = torch.linspace(0.0001**0.5, 0.02**0.5, 1000) ** 2
    alphas = (1 - betas).cumprod(0)
    x = start
    for t in (751, 501, 251, 1):
        noise = pipeline.unet(x, t, condition)
        against = pipeline.unet(x, t, away)
        noise = against + scale * (noise - against)
        before = alphas[t - 250] if t > 250 else alphas[0]
        clean = (x - (1 - alphas[t]).sqrt() * noise) / alphas[t].sqrt()
        x = before.sqrt() * clean + (1 - before).sqrt() * noise
    assert torch.allclose(latents, x, atol=1e-4)


def test_no_guidance_needs_no_negative_condition(pipeline, fmri, negative):
    settings = {**SIZE, "guidance_scale": 1, "latents": torch.randn(3, 4, 3, 8, 8)}
    assert np.array_equal(pipeline(fmri, None, **settings), pipeline(fmri, negative, **settings))


def test_is_the_same_bit_for_bit(pipeline, fmri, negative):
    start = torch.randn(3, 4, 3, 8, 8)
    kept = start.clone()
    latents = [
        pipeline(fmri, negative, **SIZE, latents=start, output_type="latent") for _ in range(2)
    ]
    assert torch.equal(*latents)
    assert torch.equal(start, kept)
    latents = [
        pipeline(fmri, negative, **SIZE, generator=seeds([4, 5, 6]), output_type="latent")
        for _ in range(2)
    ]
    assert torch.equal(*latents)


def test_a_clip_does_not_depend_on_its_neighbours(pipeline, fmri, negative):
    settings = {**SIZE, "output_type": "latent"}
    together = pipeline(fmri, negative, **settings, generator=seeds([7, 8, 9]))
    alone = pipeline(fmri[1:2], negative, **settings, generator=seeds([8]))
    assert torch.allclose(together[1:2], alone, atol=1e-4)


def test_decodes_frame_by_frame_in_their_order(pipeline):
    latents = torch.randn(3, 4, 4, 8, 8)
    frames = pipeline.decode(latents)
    with torch.no_grad():
        image = pipeline.vae.decode(latents[2, :, 1][None] / pipeline.vae.config.scaling_factor)
    pixels = ((image.sample[0] + 1) / 2).clamp(0, 1).permute(1, 2, 0) * 255
    assert np.abs(frames[2, 1].astype(float) - pixels.numpy()).max() <= 0.51


def test_saves_and_loads(pipeline, fmri, negative, tmp_path):
    pipeline.save_pretrained(tmp_path)
    folders = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert folders == {"unet", "fmri_encoder", "vae", "scheduler"}
    loaded = MindVideoPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    settings = {**SIZE, "latents": torch.randn(3, 4, 3, 8, 8)}
    expected = pipeline(fmri, negative, **settings)
    assert np.array_equal(loaded(fmri, negative, **settings), expected)
    (tmp_path / "unet" / "config.json").unlink()
    with pytest.raises(InputError, match=r"unet: not a VideoUNet"):
        MindVideoPipeline.from_pretrained(tmp_path)


def test_refuses_sizes_that_the_vae_cannot_make(pipeline, fmri, negative):
    with pytest.raises(InputError, match="multiples of 2"):
        pipeline(fmri, negative, **{**SIZE, "width": 15})


def test_refuses_a_null_window_of_another_shape(pipeline, fmri, negative):
    with pytest.raises(InputError, match=r"\(1, 32\).*\(2, 32\)"):
        pipeline(fmri, negative[:1], **SIZE)


def test_refuses_windows_of_another_shape(pipeline, fmri, negative):
    with pytest.raises(InputError, match="2 volumes, 32 voxels"):
        pipeline(fmri[..., :24], negative, **SIZE)


def test_refuses_guidance_without_a_negative_condition(pipeline, fmri):
    with pytest.raises(InputError, match="negative_fmri"):
        pipeline(fmri, None, **SIZE)


def test_refuses_noise_that_does_not_fit(pipeline, fmri, negative):
    with pytest.raises(InputError, match="2 generators for 3 clips"):
        pipeline(fmri, negative, **SIZE, generator=seeds([0, 1]))
    with pytest.raises(InputError, match=r"expected \(3, 4, 3, 8, 8\)"):
        pipeline(fmri, negative, **SIZE, latents=torch.zeros(3, 4, 2, 8, 8))


def test_shared_noise_is_still_or_moves(pipeline, fmri):
    """Without motion its frames are equal; otherwise they are those of `moving_noise`."""
    settings = {**SIZE, "guidance_scale": 1.0, "num_inference_steps": 1, "output_type": "latent"}
    motion = np.array([[0, 0, 0], [0.125, 0, 0], [0, 0, 0.1]])

    def start(**changes):
        inputs = []
        hook = pipeline.unet.register_forward_pre_hook(
            lambda _, args: inputs.append(args[0].clone())
        )
        pipeline(fmri, **settings, generator=seeds([3, 4, 5]), **changes)
        hook.remove()
        return inputs[0]

    still, moved = start(shared_noise=1.0), start(shared_noise=1.0, motion=motion)
    assert torch.equal(still, still[:, :, :1].expand_as(still))
    assert torch.equal(moved[0], moved[0][:, :1].expand_as(moved[0]))
    assert torch.allclose(moved[1][:, 2, :, 1:], moved[1][:, 1, :, :-1], atol=1e-5)
    independent, mixed = start(), start(shared_noise=0.36, motion=motion)
    assert torch.allclose(mixed, 0.6 * moved + 0.8 * independent, atol=1e-5)


def test_refuses_motion_that_does_not_fit(pipeline, fmri):
    settings = {**SIZE, "guidance_scale": 1.0}
    for motion, shared, message in (
        (np.zeros((2, 3)), 1.0, r"expected \(3, 3\)"),
        (np.full((3, 3), np.nan), 1.0, "not finite"),
        (np.zeros((3, 3)), 0.0, "shared_noise above 0"),
    ):
        with pytest.raises(InputError, match=message):
            pipeline(fmri, **settings, motion=motion, shared_noise=shared)


def test_refuses_an_encoder_of_another_width(pipeline):
    encoder = FmriEncoder(
        num_voxels=32, patch_size=8, embed_dim=8, depth=1, num_heads=2, out_channel=5, out_dim=8
    )
    with pytest.raises(InputError, match=r"width 8.* 12"):
        MindVideoPipeline(
            vae=pipeline.vae,
            unet=pipeline.unet,
            fmri_encoder=encoder,
            scheduler=pipeline.scheduler,
        )


def test_other_samplers_end_where_ddim_ends_in_fewer_steps(pipeline, fmri, negative):
    """All of them solve one differential equation: many steps of DDIM are the reference."""
    start = torch.randn(1, 4, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    settings = {**SIZE, "guidance_scale": 2.0, "latents": start, "output_type": "latent"}
    ddim = DDIMScheduler.from_config(pipeline.scheduler.config, timestep_spacing="trailing")

    def end(name, steps):
        parts = {**pipeline.components, "scheduler": make_scheduler(name, ddim)}
        pipe = MindVideoPipeline(**parts)
        pipe.set_progress_bar_config(disable=True)
        return pipe(fmri[:1], negative, **settings | {"num_inference_steps": steps})

    reference = end("ddim", 100)
    errors = {
        name: float((end(name, 16) - reference).norm() / reference.norm())
        for name in ("ddim", "dpm-solver++", "unipc")
    }
    assert errors["ddim"] < 0.1
    assert errors["dpm-solver++"] < errors["ddim"] / 1.5
    assert errors["unipc"] < errors["ddim"] / 1.5


def test_no_sampler_clips_what_another_one_did_not():
    clipping = DDIMScheduler(clip_sample=True, thresholding=True, beta_schedule="scaled_linear")
    for name in ("ddim", "dpm-solver++", "unipc"):
        config = make_scheduler(name, clipping).config
        assert config.beta_schedule == "scaled_linear"
        assert config.thresholding is False
    assert make_scheduler("ddim", clipping).config.clip_sample is False


def test_is_saved_with_the_sampler_that_it_has(pipeline, fmri, negative, tmp_path):
    other = MindVideoPipeline(
        **{**pipeline.components, "scheduler": make_scheduler("unipc", pipeline.scheduler)}
    )
    other.save_pretrained(tmp_path)
    loaded = MindVideoPipeline.from_pretrained(tmp_path)
    for pipe in (loaded, other):
        pipe.set_progress_bar_config(disable=True)
    settings = {**SIZE, "latents": torch.randn(3, 4, 3, 8, 8)}
    assert np.array_equal(loaded(fmri, negative, **settings), other(fmri, negative, **settings))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_nearly_the_same_frames(fmri, negative, dtype):
    settings = {**SIZE, "latents": torch.randn(3, 4, 3, 8, 8), "guidance_scale": 2.0}
    expected = make()(fmri, negative, **settings).astype(float)
    half = make().in_precision(dtype)
    assert {part.dtype for part in (half.unet, half.vae, half.fmri_encoder)} == {dtype}
    frames = half(fmri, negative, **settings)
    assert np.abs(frames - expected).mean() < 0.02 * expected.std()


def test_what_is_ready_keeps_its_layout_in_single_precision_on_a_cpu(fmri, negative):
    settings = {**SIZE, "latents": torch.randn(3, 4, 3, 8, 8), "output_type": "latent"}
    pipeline = make()
    expected = pipeline(fmri, negative, **settings)
    assert torch.equal(pipeline.ready()(fmri, negative, **settings), expected)
    for part in (pipeline.unet, pipeline.vae):
        assert all(weight.is_contiguous() for weight in part.parameters())


def test_what_is_ready_in_half_precision_has_channels_last(fmri, negative):
    settings = {**SIZE, "latents": torch.randn(3, 4, 3, 8, 8), "guidance_scale": 2.0}
    half = make().in_precision(torch.bfloat16)
    expected = half(fmri, negative, **settings).astype(float)
    half.ready()
    for part in (half.unet, half.vae):
        kernels = [weight for weight in part.parameters() if weight.ndim == 4]
        assert all(x.is_contiguous(memory_format=torch.channels_last) for x in kernels)
    frames = half(fmri, negative, **settings)
    assert np.abs(frames - expected).mean() < 0.02 * expected.std()


def test_a_compiled_network_is_one_graph_and_gives_the_same_latents(fmri, negative, monkeypatch):
    """Traced as torch.compile does it; without the compiler, whose rounding differs."""
    settings = {**SIZE, "latents": torch.randn(3, 4, 3, 8, 8), "output_type": "latent"}
    pipeline = make()
    expected = pipeline(fmri, negative, **settings)
    graphs = []

    def keep(graph, _):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(
        pipeline.unet, "compile", partial(pipeline.unet.compile, backend=keep, fullgraph=True)
    )
    pipeline.ready(compiled=True)
    assert torch.equal(pipeline(fmri, negative, **settings), expected)
    assert len(graphs) == 1


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_frames_share_the_requested_fraction_of_their_starting_noise(pipeline, shared):
    noise = pipeline._start((2, 4, 3, 64, 64), seeds([0, 1]), None, shared, None)
    frames = noise.transpose(1, 2).flatten(2)  # clip, frame, values
    expected = torch.full((3, 3), shared).fill_diagonal_(1.0)
    for clip in frames:
        assert torch.allclose(torch.corrcoef(clip), expected, atol=0.03)
        assert clip.std() == pytest.approx(1, abs=0.03)
