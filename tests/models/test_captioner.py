"""How captions of frames become one of the clip."""

import numpy as np
import pytest
import torch

from mindvideo.models.captioner import caption_frames, common_words, join_captions, split_scenes

WAVE = "a man riding a wave"
BOARD = "a man riding a surfboard on a wave"
DOG = "a dog runs in the snow"


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        (WAVE, WAVE, 1),
        (WAVE, BOARD, 3 / 4),  # man riding wave | surfboard
        ("a dog in a forest", "a bird in a forest", 1 / 3),
        (WAVE, DOG, 0),
        ("Dog, running!", "running dog", 1),
        ("a", "the", 1),
        ("", "dog", 0),
    ],
)
def test_little_words_make_nothing_alike(a, b, share):
    assert common_words(a, b) == pytest.approx(share)
    assert common_words(b, a) == pytest.approx(share)


def test_scenes_change_where_captions_do():
    captions = [WAVE, BOARD, WAVE, DOG, DOG, WAVE, WAVE]
    np.testing.assert_array_equal(split_scenes(captions, 0.6), [0, 0, 0, 1, 1, 2, 2])


def test_one_slip_of_the_captioner_is_no_cut():
    captions = [WAVE, DOG, WAVE, WAVE, "a phone", "a cat", DOG]
    scenes = split_scenes(captions, 0.6)
    np.testing.assert_array_equal(scenes, [0, 0, 0, 0, 1, 2, 3])


def test_a_cut_before_the_last_frame_counts():
    np.testing.assert_array_equal(split_scenes([WAVE, WAVE, DOG], 0.6), [0, 0, 1])


def test_a_clip_within_a_scene_has_its_commonest_wording():
    assert join_captions([WAVE, BOARD, BOARD, DOG], [4, 4, 4, 4]) == BOARD
    assert join_captions([WAVE, BOARD], [0, 0]) == WAVE  # as common: the earlier


def test_a_clip_with_a_cut_has_both_captions():
    assert join_captions([WAVE, BOARD, BOARD, DOG], [0, 0, 0, 1]) == f"{BOARD} Then {DOG}"
    assert join_captions([WAVE, DOG, WAVE], [0, 1, 2]) == f"{WAVE} Then {DOG}"  # said once


class Brightness(torch.nn.Module):
    """A captioner that names the grey level, to see that batches keep the order."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def generate(self, pixel_values, max_new_tokens, num_beams, do_sample):
        assert (max_new_tokens, num_beams, do_sample) == (7, 1, False)
        self.sizes.append(len(pixel_values))
        return pixel_values.flatten(1)[:, :1].long()


class Words:
    def __call__(self, images, return_tensors):
        return {"pixel_values": torch.from_numpy(np.stack(images)).float()}

    def batch_decode(self, tokens, skip_special_tokens):
        return [f" grey {int(t)} " for t in tokens]


def test_frames_are_captioned_in_batches_and_in_order():
    frames = np.broadcast_to(np.arange(5, dtype=np.uint8)[:, None, None, None], (5, 2, 2, 3))
    model = Brightness()
    batches = list(caption_frames(Words(), model, frames, batch_size=2, max_tokens=7))
    assert [caption for batch in batches for caption in batch] == [f"grey {i}" for i in range(5)]
    assert model.sizes == [2, 2, 1]
