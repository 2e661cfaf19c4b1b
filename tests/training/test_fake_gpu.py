"""Each training's forward pass and loss on a GPU that is not there (tests/fake_gpu.py).

Every objective, with two unequal shares of a batch copied to the device as the loop does, and
activations in each precision as accelerate sets them. It does not reach the backward pass, the
optimizer, the scaler of fp16, and crops of frames, whose places are values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from accelerate.utils.operations import convert_outputs_to_fp32
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.precision import DTYPES, number_format, put
from mindvideo.models.record import Precision
from mindvideo.models.video_unet import VideoUNet, inflate
from mindvideo.training import augment
from mindvideo.training.datasets import moved
from mindvideo.training.loop import _set_gradient_checkpointing
from mindvideo.training.objectives.contrastive import ClipTargets, Contrast, FmriToClip
from mindvideo.training.objectives.denoising import (
    Denoising,
    FmriCondition,
    FmriToVideo,
    TextCondition,
)
from mindvideo.training.objectives.mbm import MaskedModelling
from mindvideo.training.shares import sizes_of_shares
from tests.fake_gpu import gpu, real

Part = dict[str, Tensor]
Loss = tuple[Tensor, dict[str, Tensor]]
WIDTH, TOKENS, VOXELS, SIDE, N_FRAMES, BATCH = 16, 5, 32, 8, 3, 3
SHAPE = {"num_voxels": VOXELS, "window_size": 2, "out_channel": TOKENS, "out_dim": WIDTH}
LAYERS = {"patch_size": 8, "embed_dim": 8, "depth": 1, "num_heads": 2}

ways = pytest.mark.parametrize(
    ("name", "checkpointing"),
    [("fp32", False), ("bf16", False), ("fp16", False), ("auto", True)],
)


@pytest.fixture(autouse=True)
def _draws_with_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "chosen", real(augment.chosen))
    monkeypatch.setattr("mindvideo.training.objectives.denoising.chosen", real(augment.chosen))


def loss_of(
    model: nn.Module,
    objective: Callable[[], Callable[..., Loss]],
    share: Callable[[int], Part],
    *,
    name: Precision,
    checkpointing: bool,
) -> Loss:
    """Loss and logs of a batch, after a check that all of them are on the device.

    `share` returns as many examples of it.
    """
    _set_gradient_checkpointing(model, checkpointing)
    with gpu():
        put(model.train(), "fp32")
        chosen = number_format(name)
        assert chosen == ("bf16" if name == "auto" else name)
        if chosen != "fp32":
            in_half = torch.autocast("cuda", DTYPES[chosen])(type(model).forward)
            model.forward = partial(convert_outputs_to_fp32(in_half), model)  # type: ignore[method-assign]
        computed = objective()
        sizes = sizes_of_shares(BATCH, 2)
        assert sizes == [2, 1]
        total = torch.zeros((), device="cuda")
        for size in sizes:
            on_device = moved({**share(size), "index": torch.arange(size)}, torch.device("cuda"))
            loss, logs = computed(model, on_device, torch.Generator())
            assert loss.requires_grad
            for value in (loss, *logs.values()):
                assert (value.device.type, value.dtype, value.shape) == ("cuda", torch.float32, ())
            total += size * len(sizes) / BATCH * loss.detach() / len(sizes)
        assert total.device.type == "cuda"
    return loss, logs


@ways
def test_masked_brain_modelling(name: Precision, checkpointing: bool) -> None:
    decoder = {"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2}
    model = MaskedAutoencoder(num_voxels=VOXELS, **LAYERS, **decoder)
    loss_of(
        model,
        lambda: MaskedModelling(0.75, 8),
        lambda n: {"volumes": torch.zeros(n, VOXELS)},
        name=name,
        checkpointing=checkpointing,
    )


@ways
def test_contrastive_learning(name: Precision, checkpointing: bool) -> None:
    """With the tokens' error, and with repetitions that are mixed."""
    model = FmriToClip(FmriEncoder(**SHAPE, **LAYERS, dropout=0.5, project_embedding="mean"))

    def objective() -> Contrast:
        images = torch.zeros(7, N_FRAMES, WIDTH, device="cuda")
        paraphrases = torch.zeros(7, 1 + 4, WIDTH, device="cuda")
        return Contrast(ClipTargets(images, paraphrases), ["text", "image"], 0.2, 0.0, 1.0)

    _, logs = loss_of(
        model,
        objective,
        lambda n: {
            "fmri": torch.zeros(n, 3, 2, VOXELS),
            "text": torch.zeros(n, TOKENS, WIDTH),
        },
        name=name,
        checkpointing=checkpointing,
    )
    assert {"text", "image", "tokens", "scale"} <= set(logs)


def unet() -> VideoUNet:
    image = UNet2DConditionModel(
        sample_size=SIDE,
        block_out_channels=(8,),
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=2,
    )
    video: VideoUNet = inflate(image)
    video.freeze_all_but()
    return video


def clips(n: int, **others: Tensor) -> Part:
    """Latents, of which the noise moves."""
    return {
        "latents": torch.zeros(n, N_FRAMES, 4, SIDE, SIDE),
        "motion": torch.zeros(n, 3),
    } | others


@ways
def test_video_tuning(name: Precision, checkpointing: bool) -> None:
    """With checkpointing of a model of velocities, otherwise of noise."""
    prediction = "v_prediction" if checkpointing else "epsilon"
    loss_of(
        unet(),
        lambda: Denoising(
            DDPMScheduler(prediction_type=prediction),
            TextCondition(torch.zeros(TOKENS, WIDTH), drop=0.5),
            min_snr=5.0,
            shared_noise=0.5,
        ),
        lambda n: clips(n, text=torch.zeros(n, TOKENS, WIDTH)),
        name=name,
        checkpointing=checkpointing,
    )


@ways
def test_cotraining(name: Precision, checkpointing: bool) -> None:
    _cotraining(FmriEncoder(**SHAPE, **LAYERS), name, checkpointing)


def test_cotraining_of_a_linear_encoder() -> None:
    """It has nothing to recompute."""
    encoder = LinearEncoder(**SHAPE, n_components=4, embedding_dim=WIDTH)
    _cotraining(encoder, "bf16", checkpointing=True)


def _cotraining(encoder: FmriEncoder | LinearEncoder, name: Precision, checkpointing: bool) -> None:
    encoder.freeze_embedding()
    loss_of(
        FmriToVideo(encoder, unet()),
        lambda: Denoising(DDPMScheduler(), FmriCondition(0.2), shared_noise=0.5),
        lambda n: clips(n, fmri=torch.zeros(n, 2, VOXELS)),
        name=name,
        checkpointing=checkpointing,
    )


def test_an_older_gpu_has_no_bf16() -> None:
    with gpu(bf16=False):
        assert number_format("auto") == "fp32"
    with gpu():
        assert number_format("auto") == "bf16"
