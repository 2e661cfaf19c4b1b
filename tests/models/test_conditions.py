"""Tokens in place of windows."""

import numpy as np
import pytest
import torch

from mindvideo.errors import InputError
from mindvideo.models.conditions import Tokens, mean_tokens
from mindvideo.models.film import Film, film_noise


@pytest.fixture
def fmri():
    return np.random.default_rng(0).normal(size=(7, 2, 32)).astype(np.float32)


def test_the_mean_is_that_of_all_windows_in_any_batches(pipeline, fmri):
    each = [pipeline.fmri_encoder(torch.tensor(window[None]))[0] for window in fmri]
    expected = torch.stack(each).mean(dim=0, keepdim=True)
    for size in (1, 3, 64):
        torch.testing.assert_close(
            mean_tokens(pipeline.fmri_encoder, fmri, size).values, expected.detach()
        )


def test_tokens_condition_as_the_windows_that_they_are_of(pipeline, fmri):
    tokens, negative = Tokens(pipeline.encode(fmri)), Tokens(pipeline.encode(fmri[:1]))
    expected = pipeline.encode(fmri[2:4], fmri[0], 3.0)
    for windows in (fmri[2:4], tokens[[2, 3]]):
        for away in (fmri[0], negative):
            torch.testing.assert_close(pipeline.encode(windows, away, 3.0), expected)


def test_a_film_of_tokens_is_that_of_their_windows(pipeline, fmri):
    settings = {
        "noise": film_noise((4, 8, 8), seed=0, shared=0.5),
        "num_frames": 3,
        "num_inference_steps": 2,
        "guidance_scale": 3.0,
    }
    tokens, negative = Tokens(pipeline.encode(fmri)), Tokens(pipeline.encode(fmri[:1]))
    films = [
        np.array([frame for frames in Film(pipeline, *given, **settings) for frame in frames])
        for given in ((list(fmri), fmri[0]), (tokens, negative))
    ]
    assert films[0].shape[0] == 7 * 3
    assert np.abs(films[0].astype(int) - films[1]).max() <= 1


def test_refuses_a_negative_condition_of_another_width(pipeline, fmri):
    with pytest.raises(InputError, match="5 tokens of width 11, but the conditions have 5 of"):
        pipeline.encode(fmri, Tokens(torch.zeros(1, 5, 11)), 3.0)
