"""Objectives against references, and against models that know the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import open_clip
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EulerDiscreteScheduler
from einops import repeat
from torch import Tensor, nn

from mindvideo.errors import InputError
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.video_unet import inflate
from mindvideo.training.datasets import moved
from mindvideo.training.objectives.contrastive import (
    ClipTargets,
    Contrast,
    FmriToClip,
)
from mindvideo.training.objectives.denoising import (
    Denoising,
    FmriCondition,
    FmriToVideo,
    TextCondition,
    noise_schedule,
)
from mindvideo.training.objectives.mbm import MaskedModelling, hidden_correlation
from mindvideo.training.similarity import clip_loss, retrieval

CPU = torch.device("cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- masked brain modelling -----------------------------------------------------------------------


def test_masked_modelling_is_the_models_loss() -> None:
    torch.manual_seed(0)
    shape = {"embed_dim": 8, "depth": 1, "num_heads": 2}
    decoder = {"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2}
    model = MaskedAutoencoder(num_voxels=32, patch_size=4, **shape, **decoder)
    volumes = torch.randn(3, 32)
    loss, logs = MaskedModelling(0.75, 4)(model, {"volumes": volumes}, generator())
    expected, prediction, mask = model.masked(volumes, 0.75, generator())
    assert loss == expected
    hidden = mask.bool().numpy()
    patches = volumes.view(3, 8, 4).numpy()
    r = np.corrcoef(prediction.detach().numpy()[hidden].ravel(), patches[hidden].ravel())[0, 1]
    assert logs["correlation"].item() == pytest.approx(r, abs=1e-5)


def test_correlation_of_a_constant_is_zero() -> None:
    hidden = torch.arange(3).expand(2, 3)
    assert hidden_correlation(torch.ones(2, 3, 4), torch.randn(2, 3, 4), hidden) == 0


# --- contrastive ----------------------------------------------------------------------------------


def unit(n: int, d: int = 6, seed: int = 0) -> Tensor:
    return nn.functional.normalize(torch.randn(n, d, generator=generator(seed)), dim=1)


def test_clip_loss_is_open_clips() -> None:
    a, b = unit(7, seed=1), unit(7, seed=2)
    expected = open_clip.loss.ClipLoss()(a, b, logit_scale=torch.tensor(14.0))
    torch.testing.assert_close(clip_loss(a, b, torch.tensor(14.0)), expected)


def test_retrieval_counts_by_hand() -> None:
    a, b = unit(30, seed=1), unit(30, seed=2)
    for k in (1, 5):
        hits = [i in np.argsort(-(a[i] @ b.T).numpy())[:k] for i in range(30)]
        assert retrieval(a, b, k).item() == pytest.approx(np.mean(hits))
    assert retrieval(a, a, 1) == 1


def test_equal_targets_are_all_correct() -> None:
    """Of two clips with the same caption, either is correct."""
    a = unit(4)
    b = a[[0, 0, 2, 3]]
    assert retrieval(b, b, 1) == 1


FRAMES = np.random.default_rng(0).integers(0, 256, (9, 3, 10, 10, 3), dtype=np.uint8)
BOTH = ["text", "image"]


def embed(frames: Sequence[np.ndarray]) -> Tensor:
    """Mean colours and sizes, on the sphere."""
    rows = [[*frame.mean(axis=(0, 1)) / 255, *frame.shape] for frame in frames]
    return nn.functional.normalize(torch.tensor(rows, dtype=torch.float32), dim=1)


def targets(n_paraphrases: int = 4) -> ClipTargets:
    images = embed(FRAMES.reshape(27, 10, 10, 3)).view(9, 3, 6)
    paraphrases = unit(9 * (1 + n_paraphrases), seed=3).view(9, 1 + n_paraphrases, 6)
    return ClipTargets(images, paraphrases, FRAMES, embed)


def test_uncropped_targets_are_frames_of_the_clip() -> None:
    clip_targets, index = targets(), torch.tensor([5, 0, 8])
    before = clip_targets.images.clone()
    frames = set()
    for seed in range(30):
        embeddings = clip_targets.draw_images(index, 0.0, generator(seed))
        for row, example in enumerate(index):
            (same,) = (clip_targets.images[example] == embeddings[row]).all(dim=1).nonzero()
            frames.add(int(same))
    assert frames == {0, 1, 2}
    clip_targets.draw_images(index, 1.0, generator())
    assert torch.equal(clip_targets.images, before)


def test_cropped_targets_are_embedded_when_cropped() -> None:
    embeddings = targets().draw_images(torch.arange(9), 1.0, generator())
    heights = embeddings[:, 3] / embeddings[:, 5] * 3
    torch.testing.assert_close(heights, torch.full((9,), 8.0))


def test_texts_are_random_paraphrases() -> None:
    clip_targets, index = targets(), torch.tensor([5, 0, 8])
    numbers = set()
    for seed in range(40):
        embeddings = clip_targets.draw_texts(index, generator(seed))
        for row, example in enumerate(index):
            (same,) = (clip_targets.paraphrases[example] == embeddings[row]).all(dim=1).nonzero()
            numbers.add(int(same))
    assert numbers == {1, 2, 3, 4}  # not 0, the caption as it is


def test_without_paraphrases_the_caption_is_the_target() -> None:
    clip_targets, index = targets(n_paraphrases=0), torch.tensor([5, 0, 8])
    assert torch.equal(clip_targets.draw_texts(index, generator()), clip_targets.texts[index])


def encoder(project_embedding: Literal["none", "mean", "tokens"] = "none") -> FmriEncoder:
    torch.manual_seed(0)
    shape = {"embed_dim": 8, "depth": 1, "num_heads": 2, "out_channel": 5, "out_dim": 6}
    return FmriEncoder(num_voxels=16, patch_size=4, project_embedding=project_embedding, **shape)


def contrast(modalities: list[str], align_tokens: float = 0.0) -> Contrast:
    return Contrast(targets(n_paraphrases=0), modalities, 0.0, 0.0, align_tokens)  # type: ignore[arg-type]


def batch(n: int = 4) -> dict[str, Tensor]:
    source = generator(5)
    fmri, text = torch.randn(n, 2, 16, generator=source), torch.randn(n, 5, 6, generator=source)
    return {"index": torch.arange(n), "fmri": fmri, "text": text}


def test_contrast_is_the_mean_of_its_terms() -> None:
    model = FmriToClip(encoder())
    both, logs = contrast(BOTH)(model, batch(), generator())
    torch.testing.assert_close(both, (logs["text"] + logs["image"]) / 2)
    text, _ = contrast(["text"])(model, batch(), generator())
    torch.testing.assert_close(text, logs["text"])
    assert set(logs) == {"text", "text_top1", "image", "image_top1", "scale"}
    assert logs["scale"].item() == pytest.approx(1 / 0.07, rel=1e-4)


def test_contrast_averages_repetitions() -> None:
    model, examples = FmriToClip(encoder()), batch()
    expected, _ = contrast(["text"])(model, examples, generator())
    same = examples | {"fmri": repeat(examples["fmri"], "b w v -> b r w v", r=3)}
    torch.testing.assert_close(contrast(["text"])(model, same, generator())[0], expected)
    other = examples | {"fmri": torch.stack([examples["fmri"], -examples["fmri"]], dim=1)}
    losses = {contrast(["text"])(model, other, generator(seed))[0].item() for seed in range(3)}
    assert len(losses) == 3


def test_a_projection_lets_tokens_and_embedding_have_targets_that_differ() -> None:
    """Of a single example: the tokens' mean is minus the embedding that the loss requires."""
    near_text, near_clip = {}, {}
    for projected in ("none", "mean", "tokens"):
        model = FmriToClip(encoder(projected))
        examples, clip = batch(4), targets(n_paraphrases=0).texts[:4]
        examples["text"] = -repeat(clip, "b d -> b c d", c=5).clone()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(300):
            loss, logs = contrast(["text"], align_tokens=100.0)(model, examples, generator())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        near_text[projected], near_clip[projected] = (logs[n].item() for n in ("tokens", "text"))
    assert max(near_text["mean"], near_text["tokens"]) < 0.02
    assert max(near_clip["mean"], near_clip["tokens"]) < 0.1 < 0.5 < near_clip["none"]


def test_contrast_of_text_by_hand() -> None:
    model = encoder()
    loss, _ = contrast(["text"])(FmriToClip(model), batch(), generator())
    fmri_embeddings = nn.functional.normalize(model(batch()["fmri"]).mean(dim=1), dim=1)
    logits = model.logit_scale.exp() * fmri_embeddings @ targets(n_paraphrases=0).texts[:4].T
    rows = -logits.log_softmax(dim=1).diagonal().mean()
    columns = -logits.log_softmax(dim=0).diagonal().mean()
    torch.testing.assert_close(loss, (rows + columns) / 2)


def test_tokens_are_aligned_with_a_weight() -> None:
    model = encoder()
    plain, _ = contrast(BOTH)(FmriToClip(model), batch(), generator())
    weighted, logs = contrast(BOTH, 0.5)(FmriToClip(model), batch(), generator())
    error = (model(batch()["fmri"]) - batch()["text"]).square().mean()
    torch.testing.assert_close(logs["tokens"], error)
    torch.testing.assert_close(weighted, plain + 0.5 * error)


def test_contrast_learns_to_retrieve() -> None:
    model = FmriToClip(encoder())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    objective = contrast(["text"])
    for step in range(60):
        loss, logs = objective(model, batch(9), generator(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert logs["text_top1"] == 1


def test_the_scale_is_bounded() -> None:
    model = encoder()
    nn.init.constant_(model.logit_scale, 9.0)
    assert FmriToClip(model)(batch()["fmri"])[2] == 100


# --- denoising ------------------------------------------------------------------------------------


class Oracle(nn.Module):
    """Computes the noise from the clean latents; records its inputs."""

    def __init__(self, scheduler: DDPMScheduler, latents: Tensor) -> None:
        super().__init__()
        self.alphas, self.kind = scheduler.alphas_cumprod, scheduler.config.prediction_type
        self.latents = latents.transpose(1, 2)

    def forward(self, noisy: Tensor, times: Tensor, condition: Tensor) -> Tensor:
        self.times, self.condition = times, condition
        alpha = self.alphas[times].view(-1, 1, 1, 1, 1)
        noise = (noisy - alpha.sqrt() * self.latents) / (1 - alpha).sqrt()
        if self.kind == "epsilon":
            return noise
        return alpha.sqrt() * noise - (1 - alpha).sqrt() * self.latents


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_perfect_prediction_has_no_loss(kind: str) -> None:
    scheduler = noise_schedule(DDIMScheduler(prediction_type=kind, beta_schedule="scaled_linear"))
    latents = torch.randn(20, 3, 4, 5, 5, generator=generator(1))  # b f c h w
    fmri = torch.randn(20, 2, 16, generator=generator(2))
    model = Oracle(scheduler, latents)
    objective = Denoising(scheduler, FmriCondition(0.25))
    loss, _ = objective(model, {"latents": latents, "fmri": fmri}, generator())
    assert loss < 1e-6
    assert ((model.condition == 0).float().mean(dim=-1) == 0.25).all()
    times = model.times.tolist()
    assert min(times) < 200 < 800 < max(times) < 1000


def test_a_prediction_of_zero_has_the_variance_of_the_noise() -> None:
    class Zero(nn.Module):
        def forward(self, noisy: Tensor, times: Tensor, condition: Tensor) -> Tensor:
            return torch.zeros_like(noisy)

    objective = Denoising(noise_schedule(DDIMScheduler()), FmriCondition(0.0))
    inputs = {"latents": torch.randn(8, 3, 4, 8, 8), "fmri": torch.zeros(8, 2, 4)}
    assert objective(Zero(), inputs, generator())[0].item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_errors_are_weighted_by_the_snr(prediction: str) -> None:
    class Off(nn.Module):
        """Wrong by one everywhere."""

        def forward(self, noisy: Tensor, times: Tensor, condition: Tensor) -> Tensor:
            self.times = times
            clean, noise = inputs["latents"].transpose(1, 2), self.noise
            target = (
                noise if prediction == "epsilon" else scheduler.get_velocity(clean, noise, times)
            )
            return target + 1

    scheduler = noise_schedule(DDIMScheduler(prediction_type=prediction))
    inputs = {"latents": torch.randn(16, 3, 4, 2, 2), "fmri": torch.zeros(16, 2, 4)}
    model = Off()
    same = generator()
    torch.randint(1000, (16,), generator=same)
    model.noise = torch.randn(16, 4, 3, 2, 2, generator=same)
    loss, _ = Denoising(scheduler, FmriCondition(0.0), 5.0)(model, inputs, generator())
    weights = []
    for time in model.times.tolist():
        signal = float(scheduler.alphas_cumprod[time])
        snr = signal / (1 - signal)
        weights.append(min(snr, 5.0) / (snr if prediction == "epsilon" else snr + 1))
    assert loss.item() == pytest.approx(np.mean(weights), rel=1e-4)
    assert min(weights) < 0.2


def test_the_noise_of_training_is_shared_and_moves_with_the_clip() -> None:
    motion = torch.tensor([[0.0, 0, 0], [0.125, 0, 0]])  # the second by one of eight columns
    batch = {"latents": torch.zeros(2, 3, 4, 8, 8), "motion": motion}
    scheduler = noise_schedule(DDIMScheduler())
    moving = Denoising(scheduler, FmriCondition(0.0), shared_noise=1.0)
    noise = moving.noise_of(batch, generator(1))
    assert torch.equal(noise, moving.noise_of(batch, generator(1)))
    assert torch.equal(noise[0], noise[0][:, :1].expand_as(noise[0]))
    assert torch.allclose(noise[1][:, 2, :, 1:], noise[1][:, 1, :, :-1], atol=1e-5)
    oracle = Oracle(scheduler, batch["latents"])
    loss, _ = moving(oracle, batch | {"fmri": torch.zeros(2, 2, 4)}, generator())
    assert loss < 1e-6
    partly = Denoising(scheduler, FmriCondition(0.0), shared_noise=0.36)
    mixed = partly.noise_of(batch, generator(1))
    independent = torch.randn(2, 4, 3, 8, 8, generator=generator(1))
    assert torch.allclose(mixed, 0.6 * noise + 0.8 * independent, atol=1e-5)


def test_noise_schedule_is_the_samplers() -> None:
    sampler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    assert torch.equal(noise_schedule(sampler).alphas_cumprod, sampler.alphas_cumprod)
    with pytest.raises(InputError, match="prediction_type sample"):
        noise_schedule(EulerDiscreteScheduler(prediction_type="sample"))


def test_captions_are_dropped_with_a_probability() -> None:
    empty, text = torch.zeros(5, 6), torch.ones(4000, 5, 6)
    condition = TextCondition(empty, 0.1)({"text": text}, generator())
    dropped = (condition == 0).flatten(1)
    assert (dropped.all(dim=1) == dropped.any(dim=1)).all()
    assert dropped[:, 0].float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert torch.equal(TextCondition(empty, 0.0)({"text": text}, generator()), text)


def test_fmri_to_video_conditions_on_the_tokens() -> None:
    class Unet(nn.Module):
        def forward(self, latents: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
            return latents + tokens.mean() + times.mean()

    fmri_encoder, latents, times = encoder(), torch.ones(4, 1, 1, 1, 1), torch.ones(4)
    expected = 2 + fmri_encoder(batch()["fmri"]).mean()
    model = FmriToVideo(fmri_encoder, Unet())
    torch.testing.assert_close(model(latents, times, batch()["fmri"])[0].squeeze(), expected)


def test_checkpointed_fmri_to_video_has_the_same_gradients() -> None:
    torch.manual_seed(0)
    unet = inflate(load_stable_diffusion("zoo:stable-diffusion", "unet"))
    fmri_encoder = FmriEncoder(
        num_voxels=32,
        patch_size=8,
        embed_dim=8,
        depth=2,
        num_heads=2,
        out_channel=5,
        out_dim=unet.config["cross_attention_dim"],
    )
    inputs = (torch.randn(2, 4, 3, 8, 8), torch.tensor([5, 700]), torch.randn(2, 2, 32))
    model, gradients = FmriToVideo(fmri_encoder, unet).train(), []
    for checkpointing in (False, True):
        if checkpointing:
            fmri_encoder.enable_gradient_checkpointing()
            unet.enable_gradient_checkpointing()
        model.zero_grad()
        model(*inputs).square().mean().backward()
        grads = {name: weight.grad for name, weight in model.named_parameters()}
        gradients.append({name: g.clone() for name, g in grads.items() if g is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-6)


# --- no look at values ----------------------------------------------------------------------------


def on_meta(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return moved(batch, torch.device("meta"))


def test_objectives_do_not_wait_for_the_values_of_a_device() -> None:
    """On `meta`, tensors have no values: what needs one, and would hold a GPU up, is an error."""
    shape = {"patch_size": 4, "embed_dim": 8, "depth": 1, "num_heads": 2}
    decoder = {"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2}
    autoencoder = MaskedAutoencoder(num_voxels=32, **shape, **decoder).to("meta")
    volumes = {"index": torch.arange(3), "volumes": torch.randn(3, 32)}
    MaskedModelling(0.75, 4)(autoencoder, on_meta(volumes), generator())

    clips = targets()
    clips.images, clips.paraphrases = clips.images.to("meta"), clips.paraphrases.to("meta")
    clips._embed = lambda frames: torch.empty(len(frames), 6, device="meta")
    objective = Contrast(clips, BOTH, 0.2, 0.5, 1.0, batch_size=4)  # type: ignore[arg-type]
    examples = batch()
    examples["fmri"] = repeat(examples["fmri"], "b w v -> b r w v", r=2)
    objective(FmriToClip(encoder()).to("meta"), on_meta(examples), generator())

    scheduler = noise_schedule(DDIMScheduler(beta_schedule="scaled_linear"))
    clips_of = {"index": torch.arange(2), "latents": torch.randn(2, 3, 4, 8, 8)}
    clips_of |= {"motion": torch.zeros(2, 3), "text": torch.randn(2, 5, 6)}
    condition = TextCondition(torch.zeros(5, 6), drop=0.5)
    denoising = Denoising(scheduler, condition, min_snr=5.0, shared_noise=0.5)

    class Unet(nn.Module):
        def forward(self, noisy: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
            assert {x.device.type for x in (noisy, times, tokens)} == {"meta"}
            return noisy

    denoising(Unet(), on_meta(clips_of), generator())
