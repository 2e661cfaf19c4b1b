"""Captions of frames, batch by batch."""

import numpy as np
import torch

from mindvideo.models.captioner import caption_frames


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
