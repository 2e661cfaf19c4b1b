"""The zoo's captioner: a small BLIP that describes a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
)

from mindvideo.demo.grammar import frame_caption
from mindvideo.demo.zoo_clip import normalise
from mindvideo.demo.zoo_examples import SIZE, Pictures, as_tensor, augment
from mindvideo.demo.zoo_tokenizer import TEXT_LENGTH, bert_tokenizer
from mindvideo.demo.zoo_training import fit

WIDTH = 96


def new_processor(folder: Path) -> BlipProcessor:
    """Pictures and captions ↔ numbers; the tokenizer's vocabulary is written to `folder`."""
    tokenizer = bert_tokenizer(folder)
    # As the released BLIPs: captions start with [DEC], which is the beginning-of-sequence token.
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    images = BlipImageProcessor(size={"height": SIZE, "width": SIZE})
    return BlipProcessor(images, tokenizer)


def new_blip(tokenizer: BertTokenizer) -> BlipForConditionalGeneration:
    """The untrained model."""
    size = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_attention_heads": 4,
        "projection_dim": WIDTH,
        "initializer_range": 0.1,  # about 1/√width
    }
    text = {
        "vocab_size": len(tokenizer),
        "encoder_hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "max_position_embeddings": TEXT_LENGTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "label_smoothing": 0.0,
    }
    vision = {"image_size": SIZE, "patch_size": 8, "num_hidden_layers": 4}
    return BlipForConditionalGeneration(
        BlipConfig(
            text_config={**size, **text},
            vision_config={**size, **vision},
            projection_dim=WIDTH,
            image_text_hidden_size=WIDTH,
        )
    )


def train(
    pictures: Pictures,
    processor: BlipProcessor,
    *,
    steps: int,
    batch_size: int,
    seed: int,
    state: Path,
) -> BlipForConditionalGeneration:
    """Train to write a frame's caption, always in the same paraphrase."""
    torch.manual_seed(seed)
    tokenizer = processor.tokenizer
    model = new_blip(tokenizer)
    captions = [frame_caption(shot) for shot in pictures.shots]
    batch = tokenizer(captions, padding=True, return_tensors="pt")
    tokens, mask = batch.input_ids.clone(), batch.attention_mask
    tokens[:, 0] = tokenizer.bos_token_id
    labels = tokens.masked_fill(mask == 0, -100)

    def objective(rows: np.ndarray, rng: torch.Generator) -> torch.Tensor:
        return model(
            pixel_values=normalise(augment(as_tensor(pictures.images[rows]), rng)),
            input_ids=tokens[rows],
            attention_mask=mask[rows],
            labels=labels[rows],
        ).loss

    fit(
        model,
        objective,
        name="blip",
        state=state,
        steps=steps,
        batch_size=batch_size,
        n_examples=len(captions),
        lr=1e-3,
        seed=seed,
        weight_decay=0.05,
    )
    return model


@torch.no_grad()
def describe(
    model: BlipForConditionalGeneration, processor: BlipProcessor, images: np.ndarray
) -> list[str]:
    """Captions of uint8 pictures (n, h, w, 3)."""
    captions: list[str] = []
    for part in np.array_split(images, max(1, len(images) // 50)):
        tokens = model.generate(pixel_values=normalise(as_tensor(part)), max_new_tokens=20)
        captions += processor.batch_decode(tokens, skip_special_tokens=True)
    return captions
