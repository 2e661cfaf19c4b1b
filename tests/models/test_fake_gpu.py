"""Each stage's network pass on a GPU that is not there, in every precision (tests/fake_gpu.py).

It shows that all tensors meet on one device and in number formats that combine, from arrays to
arrays. It does not reach the steps of schedulers, and the loop in which a captioner chooses words:
both depend on values, and both have a stand-in here that keeps devices and formats. Nor does it
reach real kernels.
"""

from types import MethodType, SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPTextConfig,
    CLIPTextModel,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    ViTConfig,
    ViTForImageClassification,
)

from mindvideo.models import memory, precision, record
from mindvideo.models.attribution import attention_received, embed_occluded, integrated_gradients
from mindvideo.models.captioner import caption_frames
from mindvideo.models.classifier import classify_clips, classify_frames
from mindvideo.models.conditions import mean_tokens
from mindvideo.models.encoding import embed_frames, embed_texts, encode_captions, encode_frames
from mindvideo.models.film import Film, film_noise
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.precision import DTYPES, put
from mindvideo.models.schedulers import make_scheduler
from mindvideo.models.video_unet import inflate
from tests.fake_gpu import NAME, gpu, real

WIDTH, TOKENS, VOXELS, SIZE = 16, 5, 32, 16
LAYERS = {"num_hidden_layers": 1, "num_attention_heads": 2}
WIDTHS = {"hidden_size": WIDTH, "intermediate_size": WIDTH, "projection_dim": WIDTH}
PICTURES = {"image_size": SIZE, "patch_size": 8}
FRAMES = np.zeros((2, 3, SIZE, SIZE, 3), np.uint8)
WINDOWS = np.zeros((3, 2, VOXELS), np.float32)

precisions = pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])


class Processor:
    """Stands for the processors and tokenizers, which return tensors of the CPU."""

    model_max_length = TOKENS

    def __call__(self, given, **_):
        ids = torch.zeros(len(given), TOKENS, dtype=torch.long)
        return SimpleNamespace(input_ids=ids)

    def batch_decode(self, tokens, skip_special_tokens):
        return [f"{n} words" for n in tokens.shape[1:] for _ in range(len(tokens))]


class Pictures(Processor):
    def __call__(self, images, return_tensors):
        frames = (len(images[0]),) if isinstance(images[0], list) else ()
        return {"pixel_values": torch.zeros(len(images), *frames, 3, SIZE, SIZE)}


def encoder(kind=FmriEncoder):
    shape = {"num_voxels": VOXELS, "window_size": 2, "out_channel": TOKENS, "out_dim": WIDTH}
    if kind is FmriEncoder:
        shape |= {"patch_size": 8, "embed_dim": 8, "depth": 1, "num_heads": 2}
    else:
        shape |= {"n_components": 4, "embedding_dim": WIDTH}
    return kind(**shape).eval().requires_grad_(False)


def vae():
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 4),
        layers_per_block=1,
        norm_num_groups=2,
    ).eval()


def unet():
    image = UNet2DConditionModel(
        sample_size=SIZE // 2,
        block_out_channels=(8, 8),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=2,
    )
    return inflate(image).eval()


def clip():
    sizes = {"width": WIDTH, "layers": 1}
    model = open_clip.CLIP(
        WIDTH,
        {**sizes, **PICTURES, "head_width": 8},
        {**sizes, "context_length": TOKENS, "vocab_size": 9, "heads": 2},
    )
    return SimpleNamespace(
        model=model.eval(),
        preprocess=lambda picture: torch.zeros(3, SIZE, SIZE),
        tokenizer=lambda texts: torch.zeros(len(texts), TOKENS, dtype=torch.long),
    )


@precisions
def test_captions(name):
    text = {"vocab_size": 9, "encoder_hidden_size": WIDTH, "max_position_embeddings": TOKENS}
    text["use_cache"] = False  # it starts from an empty tensor on a device
    config = BlipConfig(
        text_config={**LAYERS, **WIDTHS, **text}, vision_config={**LAYERS, **WIDTHS, **PICTURES}
    )
    model = BlipForConditionalGeneration(config).eval()

    def generate(pixel_values, max_new_tokens, **_):  # all words at once
        words = torch.zeros(len(pixel_values), max_new_tokens, dtype=torch.long, device="cuda")
        return model(pixel_values=pixel_values, input_ids=words).logits.argmax(dim=-1)

    model.generate = generate
    with gpu():
        put(model, name)
        batches = caption_frames(Pictures(), model, FRAMES[0], batch_size=2, max_tokens=4)
        assert list(batches) == [["4 words"] * 2, ["4 words"]]
    # What the sidecars of the stage would have.
    with gpu():
        precision.number_format(name)
        allowed = torch.backends.cuda.matmul.allow_tf32  # of this process: stages set it
        assert record.noted() == {"device": NAME, "precision": name, "tf32": allowed}


@precisions
def test_latents(name):
    text_encoder = CLIPTextModel(
        CLIPTextConfig(vocab_size=9, max_position_embeddings=TOKENS, **LAYERS, **WIDTHS)
    ).eval()
    model = vae()
    with gpu():
        latents = list(encode_frames(put(model, name), FRAMES, batch_size=2))
        captions = encode_captions(Processor(), put(text_encoder, name), ["a"] * 3, batch_size=2)
        tokens = list(captions)
    assert [(x.shape, x.dtype) for x in latents] == [((3, 4, SIZE // 2, SIZE // 2), "float32")] * 2
    assert [(x.shape, x.dtype) for x in tokens] == [
        ((2, TOKENS, WIDTH), "float32"),
        ((1, TOKENS, WIDTH), "float32"),
    ]


@precisions
def test_embeddings(name):
    loaded = clip()
    with gpu():
        put(loaded.model, name)
        for embedded in (embed_frames(loaded, [*FRAMES[0]]), embed_texts(loaded, ["a", "b", "c"])):
            assert embedded.shape == (3, WIDTH)
            assert (embedded.device.type, embedded.dtype) == ("cuda", torch.float32)
            assert embedded.cpu().numpy().dtype == "float32"


@precisions
def test_scores(name):
    images = ViTForImageClassification(ViTConfig(num_labels=7, **LAYERS, **WIDTHS, **PICTURES))
    clips = VideoMAEForVideoClassification(
        VideoMAEConfig(num_labels=5, num_frames=4, **LAYERS, **WIDTHS, **PICTURES)
    )
    with gpu():
        of_frames = classify_frames(Pictures(), put(images.eval(), name), FRAMES[0])
        of_clips = classify_clips(Pictures(), put(clips.eval(), name), FRAMES)
    for classified, n, labels in ((of_frames, 3, 7), (of_clips, 2, 5)):
        assert classified.logits.shape == (n, labels)
        assert classified.embeddings.shape == (n, WIDTH)
        assert classified.logits.dtype == classified.embeddings.dtype == "float32"


@precisions
@pytest.mark.parametrize("kind", [FmriEncoder, LinearEncoder])
def test_retrieval(kind, name):
    model = encoder(kind)
    with gpu():
        embedded = put(model, name).embed(WINDOWS, batch_size=2).cpu().numpy()
        mean = mean_tokens(model, WINDOWS, batch_size=2)
    assert (embedded.shape, embedded.dtype) == ((3, WIDTH), "float32")
    assert mean.values.shape == (1, TOKENS, WIDTH)
    assert (mean.values.device.type, mean.values.dtype) == ("cpu", torch.float32)


@precisions
def test_interpretation(name):
    model = encoder()
    with gpu():
        put(model, name)
        for spatial, between in attention_received(model, WINDOWS, [0], 2):
            assert spatial.shape[1:] == (1, 4)
            assert between.shape[1:] == (1, 2, 2)
        with pytest.MonkeyPatch.context() as patch:  # what the backward pass would give
            patch.setattr(torch.autograd, "grad", lambda y, x: (torch.zeros_like(x),))
            targets = np.zeros((3, WIDTH), np.float32)
            settings = {"steps": 2, "batch_size": 2}
            for voxels, gain in integrated_gradients(
                model, WINDOWS, WINDOWS[0], targets, **settings
            ):
                assert voxels.dtype == gain.dtype == "float32"
        occluded = np.arange(VOXELS) < 5
        embedded = embed_occluded(model, WINDOWS, WINDOWS[0], occluded, 2)
    assert (embedded.shape, embedded.dtype) == ((3, WIDTH), "float32")


def without_steps(scheduler):
    """Its times and scales, and a step that keeps devices and formats: the true one has values."""

    def step(noise, t, latents, **_):
        assert (noise.dtype, latents.dtype) == (torch.float32, torch.float32)
        assert t.device == latents.device
        return SimpleNamespace(prev_sample=latents + noise)

    def set_timesteps(self, steps, device):
        real(type(self).set_timesteps)(self, steps, device="cpu")
        self.timesteps = self.timesteps.to(device)

    scheduler.step = step
    scheduler.set_timesteps = MethodType(set_timesteps, scheduler)  # films copy the scheduler
    return scheduler


@pytest.fixture
def pipeline():
    parts = vae(), unet(), encoder()
    scheduler = DDIMScheduler(clip_sample=False)

    def put_in(name, sampler="ddim"):
        pipeline = MindVideoPipeline(
            *(put(part, name) for part in parts),
            scheduler=without_steps(make_scheduler(sampler, scheduler)),
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return put_in


@pytest.fixture(autouse=True)
def memory_enough(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda device: 2**40)


@pytest.mark.parametrize(
    ("sampler", "name"),
    [
        ("ddim", "fp32"),
        ("ddim", "bf16"),
        ("ddim", "fp16"),
        ("dpm-solver++", "bf16"),
        ("unipc", "bf16"),
    ],
)
def test_reconstruction(pipeline, sampler, name):
    """Guided; the noise moves with the clips where its generators are those of the clips."""
    with gpu():
        loaded = pipeline(name, sampler)
        assert {part.dtype for part in (loaded.unet, loaded.vae)} == {DTYPES[name]}
        clips = loaded(
            WINDOWS[:2],
            WINDOWS[0],
            num_frames=3,
            height=SIZE,
            width=SIZE,
            num_inference_steps=1,
            generator=[torch.Generator() for _ in range(2)],
            shared_noise=0.5,
            motion=np.array([[0.1, 0, 0.1]] * 2),
        )
    assert (clips.shape, clips.dtype) == ((2, 3, SIZE, SIZE, 3), "uint8")


@precisions
def test_films(pipeline, name):
    with gpu():
        film = Film(
            pipeline(name),
            WINDOWS[:2],
            WINDOWS[0],
            noise=film_noise((4, SIZE // 2, SIZE // 2), seed=0, shared=0.5),
            num_frames=3,
            num_inference_steps=2,
            guidance_scale=4.0,
            batch_size=4,
        )
        frames = [frame for some in film for frame in some]
    assert len(frames) == 6
    assert {frame.shape for frame in frames} == {(SIZE, SIZE, 3)}


def test_a_network_on_the_cpu_is_found():
    """The check itself."""
    model = vae()
    with gpu():
        put(model.decoder, "fp32")
        put(model.post_quant_conv, "fp32")
        latents = torch.zeros(1, 4, 8, 8, device="cuda")
        model.decode(latents)
        with pytest.raises(RuntimeError, match="on the same device"):
            model.encode(torch.zeros(1, 3, SIZE, SIZE, device="cuda"))


def test_another_precision_is_found():
    model = encoder()
    with gpu():
        put(model, "bf16")
        with pytest.raises(RuntimeError, match="should be the same"):
            model(torch.zeros(1, 2, VOXELS, device="cuda"))
