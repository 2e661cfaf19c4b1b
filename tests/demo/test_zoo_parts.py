"""Parts of the zoo: tokenizers, examples, the training loop, the fast group norm."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoTokenizer

from mindvideo.demo import (
    grammar,
    world,
    zoo_classifiers,
    zoo_clip,
    zoo_examples,
    zoo_tokenizer,
)
from mindvideo.demo.zoo_norm import quicken
from mindvideo.demo.zoo_training import fit


def _texts(n: int) -> list[str]:
    rng = np.random.default_rng(0)
    return [grammar.draw_caption(rng, world.draw_shot(rng, 4.0)) for _ in range(n)]


def test_every_word_is_one_token_of_clip() -> None:
    tokenizer = zoo_tokenizer.clip_tokenizer()
    for word in grammar.vocabulary():
        assert tokenizer.tokenize(word) == [word + "</w>"]
    assert tokenizer.eos_token_id == len(tokenizer) - 1 == tokenizer.pad_token_id


def test_every_word_is_one_token_of_bert(tmp_path) -> None:
    tokenizer = zoo_tokenizer.bert_tokenizer(tmp_path)
    for word in grammar.vocabulary():
        assert tokenizer.tokenize(word) == [word]
    assert tokenizer.unk_token not in tokenizer.tokenize("quite another sentence, 42.")


def test_case_does_not_matter_and_unknown_words_are_spelt() -> None:
    tokenizer = zoo_tokenizer.clip_tokenizer()
    assert tokenizer("A Red Car. Then").input_ids == tokenizer("a red car. then").input_ids
    assert tokenizer.tokenize("zyx") == ["z", "y", "x</w>"]


def test_two_captions_joined_fit() -> None:
    tokenizer = zoo_tokenizer.clip_tokenizer()
    texts = _texts(300)
    longest = max(texts, key=lambda text: len(text.split()))
    for one, other in [*pairwise(texts), (longest, longest)]:
        n = len(tokenizer(f"{one}. Then {other}.").input_ids)
        assert n <= zoo_tokenizer.TEXT_LENGTH


def test_the_clip_tokenizer_comes_back_from_disk(tmp_path) -> None:
    zoo_tokenizer.save_clip_tokenizer(tmp_path)
    texts = [*_texts(20), "something else 7"]
    expected = zoo_tokenizer.clip_tokenizer()(texts).input_ids
    assert AutoTokenizer.from_pretrained(tmp_path)(texts).input_ids == expected


def test_examples_follow_from_their_seed() -> None:
    one, again, other = (zoo_examples.draw_pictures(seed, 4) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.images, again.images)
    assert one.shots == again.shots
    assert not set(one.shots) & set(other.shots)
    clips = zoo_examples.draw_clips(1, 2)
    assert clips.frames.shape == (2, 6, 64, 64, 3)


def test_pictures_for_training_show_no_unseen_combination() -> None:
    assert not any(shot.unseen for shot in zoo_examples.draw_pictures(1, 60, "train").shots)
    assert any(shot.unseen for shot in zoo_examples.draw_pictures(1, 20).shots)


def test_pictures_and_clips_show_their_shots() -> None:
    """Each example is nearer to a picture of its shot than to those of the others."""
    pictures, clips = zoo_examples.draw_pictures(2, 12), zoo_examples.draw_clips(2, 12)
    for images, shots in ((pictures.images, pictures.shots), (clips.frames[:, 3], clips.shots)):
        middles = np.stack([world.render(shot, shot.seconds / 2, 64) for shot in shots])
        gaps = np.abs(images[:, None].astype(int) - middles[None]).mean(axis=(2, 3, 4))
        np.testing.assert_array_equal(gaps.argmin(axis=1), np.arange(len(shots)))


def test_augmenting_keeps_shape_and_range_and_treats_a_clips_frames_alike() -> None:
    rng = torch.Generator().manual_seed(0)
    still = torch.rand(3, 1, 3, 64, 64, generator=rng).expand(3, 6, 3, 64, 64)
    disturbed = zoo_examples.augment(still, rng)
    assert disturbed.shape == still.shape
    assert 0 <= disturbed.min() <= disturbed.max() <= 1
    # Only the noise differs between frames; its mean over a frame vanishes.
    means = disturbed.mean(dim=(-1, -2))
    torch.testing.assert_close(means, means[:, :1].expand_as(means), atol=5e-3, rtol=0)
    assert (disturbed[:, 0] - still[:, 0]).abs().mean() > 0.01


def test_the_text_tower_is_the_same_in_both_libraries() -> None:
    torch.manual_seed(0)
    tokenizer = zoo_tokenizer.clip_tokenizer()
    clip = zoo_clip.new_clip(tokenizer).eval()
    text_encoder = zoo_clip.as_text_encoder(clip, tokenizer)
    tokens = zoo_clip.tokenize(tokenizer, [*_texts(5), "", "unknown words"])
    with torch.no_grad():
        pooled = text_encoder(tokens).pooler_output @ clip.text_projection
        torch.testing.assert_close(pooled, clip.encode_text(tokens), atol=1e-4, rtol=1e-4)


def test_a_sum_head_is_the_plain_layer_that_is_stored() -> None:
    torch.manual_seed(0)
    head = zoo_classifiers._Sum(96, len(world.KINDS), len(world.SCENES))
    x = torch.randn(7, 96)
    linear = head.as_linear()
    assert type(linear) is nn.Linear
    assert linear.out_features == len(grammar.labels_of_frames())
    torch.testing.assert_close(linear(x), head(x), atol=1e-5, rtol=0)


def test_a_sum_head_numbers_its_classes_as_the_labels_do() -> None:
    rng = np.random.default_rng(0)
    for shot in (world.draw_shot(rng, 4.0) for _ in range(20)):
        for others, other, label in (
            (world.SCENES, shot.scene, grammar.frame_label(shot)),
            (world.MOTIONS, shot.motion, grammar.clip_label(shot)),
        ):
            head = zoo_classifiers._Sum(4, len(world.KINDS), len(others))
            with torch.no_grad():
                head.a.bias[world.KINDS.index(shot.kind)] = 100
                head.b.bias[others.index(other)] = 100
            x = torch.zeros(1, 4)
            assert head(x).argmax() == head.as_linear()(x).argmax() == label


def test_judges_know_all_classes_by_name() -> None:
    for model, labels in (
        (zoo_classifiers.new_image_classifier(), grammar.labels_of_frames()),
        (zoo_classifiers.new_video_classifier(), grammar.labels_of_clips()),
    ):
        assert model.config.num_labels == model.classifier.out_features == len(labels)
        assert list(model.config.id2label.values()) == labels


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_quick_group_norm_has_torchs_output_and_gradients(layout) -> None:
    torch.manual_seed(0)
    norm = nn.GroupNorm(4, 16)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = torch.randn(3, 16, 5, 7).to(memory_format=layout).requires_grad_()
    weight = torch.randn(3, 16, 5, 7)
    results = []
    for fast in (False, True):
        quicken(norm, fast)
        y = norm(x)
        gradients = torch.autograd.grad((y * weight).sum(), [x, norm.weight, norm.bias])
        results.append((y, *gradients))
    assert type(quicken(norm, fast=False)) is nn.GroupNorm
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


class _KilledError(Exception):
    """Stands for the end of the process."""


def test_a_killed_training_run_resumes_with_identical_results(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("mindvideo.demo.zoo_training.CHECKPOINT_SECONDS", 0.0)
    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))

    def run(state, die_at: int | None = None) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model, calls = nn.Linear(4, 2), 0

        def objective(rows: np.ndarray, rng: torch.Generator) -> torch.Tensor:
            nonlocal calls
            calls += 1
            if calls == die_at:
                raise _KilledError
            noise = torch.randn(len(rows), 4, generator=rng)
            return model(x[rows] + noise).float().square().mean()

        fit(
            model,
            objective,
            name="toy",
            state=state,
            steps=12,
            batch_size=4,
            n_examples=32,
            lr=1e-2,
            seed=3,
        )
        return [p.detach().clone() for p in model.parameters()]

    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = run(tmp_path / "whole")
    with pytest.raises(_KilledError):
        run(tmp_path / "parts", die_at=7)
    for one, other in zip(whole, run(tmp_path / "parts"), strict=True):
        assert torch.equal(one, other)
