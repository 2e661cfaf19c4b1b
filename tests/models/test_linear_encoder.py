"""The linear encoder: it is linear, and is loaded by what its folder contains."""

import numpy as np
import pytest
import torch

from mindvideo.errors import InputError
from mindvideo.models.checkpoints import load_fmri_encoder
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.models.pipeline import MindVideoPipeline
from tests.untrained import untrained_encoder

SHAPE = {"num_voxels": 32, "window_size": 2, "n_components": 3, "out_channel": 5, "out_dim": 12}


def make(**changes):
    torch.manual_seed(0)
    return LinearEncoder(**{**SHAPE, "embedding_dim": 7, **changes}).eval()


def test_tokens_and_embeddings_have_the_requested_shape():
    encoder, windows = make(), torch.randn(3, 2, 32)
    assert encoder(windows).shape == (3, 5, 12)
    assert encoder.embedding_of(windows).shape == (3, 7)
    embeddings = encoder.embed(windows.numpy(), batch_size=2)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(
        embeddings, torch.nn.functional.normalize(encoder.embedding_of(windows))
    )


@pytest.mark.parametrize("output", ["forward", "embedding_of"])
def test_the_mean_of_windows_gives_the_mean_of_outputs(output):
    """Of an affine map, and of no other."""
    encode = getattr(make(), output)
    windows = torch.randn(4, 2, 32)
    of_mean, mean = encode(windows.mean(0, keepdim=True)), encode(windows).mean(0, keepdim=True)
    torch.testing.assert_close(of_mean, mean)
    assert not torch.allclose(encode(windows[:1]), of_mean)


def test_tokens_vary_in_as_many_dimensions_as_there_are_components():
    tokens = make()(torch.randn(20, 2, 32)).flatten(1).detach().numpy()
    assert np.linalg.matrix_rank(tokens - tokens.mean(axis=0), tol=1e-4) == 3


def test_the_tokens_are_those_of_the_two_factors():
    encoder, windows = make(), torch.randn(2, 2, 32)
    first, second = encoder.components, encoder.tokens
    scores = windows.reshape(2, 64) @ first.weight.T + first.bias
    expected = (scores @ second.weight.T + second.bias).reshape(2, 5, 12)
    torch.testing.assert_close(encoder(windows), expected)


def test_the_class_of_a_saved_encoder_follows_from_its_folder(tmp_path):
    linear, transformer, windows = (
        make(voxels="abc"),
        untrained_encoder().eval(),
        torch.ones(1, 2, 32),
    )
    for name, encoder in (("linear", linear), ("transformer", transformer)):
        encoder.save_pretrained(tmp_path / name)
        loaded = load_fmri_encoder(tmp_path / name)
        assert type(loaded) is type(encoder)
        assert torch.equal(loaded.eval()(windows), encoder(windows))
    assert load_fmri_encoder(tmp_path / "linear").config["voxels"] == "abc"
    assert list((tmp_path / "linear").glob("*.safetensors"))


def test_a_folder_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no config\.json"):
        load_fmri_encoder(tmp_path)
    (tmp_path / "config.json").write_text('{"_class_name": "Other"}')
    with pytest.raises(InputError, match="contains a Other; expected a FmriEncoder"):
        load_fmri_encoder(tmp_path)
    make().save_pretrained(tmp_path / "linear")
    with pytest.raises(InputError, match="contains a LinearEncoder; expected a FmriEncoder"):
        FmriEncoder.from_pretrained(tmp_path / "linear")


def test_windows_of_another_size_are_refused():
    for output in (make().forward, make().embedding_of):
        with pytest.raises(InputError, match=r"needs \(windows, 2 volumes, 32 voxels\)"):
            output(torch.zeros(1, 3, 32))


def test_the_frozen_embedding_leaves_the_tokens_trainable():
    for encoder in (make(), untrained_encoder()):
        encoder.freeze_embedding()
        tokens = encoder(torch.randn(2, 2, 32))
        tokens.square().sum().backward()
        without = {n for n, p in encoder.named_parameters() if p.requires_grad and p.grad is None}
        assert not without
        assert any(p.grad is not None for p in encoder.parameters())


def test_there_is_no_dropout_to_set():
    make().set_dropout(0)
    with pytest.raises(InputError, match=r"dropout: 0\.6, but a linear encoder has none"):
        make().set_dropout(0.6)


def test_a_pipeline_with_a_linear_encoder_is_saved_and_loaded(tmp_path, pipeline):
    parts = {name: getattr(pipeline, name) for name in ("vae", "unet", "scheduler")}
    encoder = make(out_dim=pipeline.unet.config["cross_attention_dim"])
    ours = MindVideoPipeline(**parts, fmri_encoder=encoder)
    ours.save_pretrained(tmp_path)
    loaded = MindVideoPipeline.from_pretrained(tmp_path)
    assert isinstance(loaded.fmri_encoder, LinearEncoder)
    clips = []
    for pipe in (ours, loaded):
        pipe.set_progress_bar_config(disable=True)
        generator = [torch.Generator().manual_seed(0)]
        windows = np.ones((1, 2, 32), np.float32)
        clips.append(
            pipe(
                windows,
                0 * windows[0],
                **{"num_frames": 2, "height": 16, "width": 16, "num_inference_steps": 2},
                generator=generator,
            )
        )
    np.testing.assert_array_equal(*clips)
