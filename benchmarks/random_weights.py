"""Models of the true architectures and layouts with random weights.

Nothing is downloaded: sizes are the libraries' defaults (BLIP base, ViT-B/16, VideoMAE-B),
open_clip's own (ViT-L/14) and those of Stable Diffusion 1.5. CLIP's vocabulary is
open_clip's; BLIP's has the true size, but no true words. All are stored in half precision.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import open_clip
import torch
from diffusers import AutoencoderKL, DDIMScheduler, MotionAdapter, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VideoMAEImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from mindvideo.demo.zoo_build import save_model

UNET15: dict[str, Any] = {"sample_size": 64, "cross_attention_dim": 768}
"""Stable Diffusion 1.5's U-Net, where it differs from diffusers' defaults."""

VAE15: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
SCHEDULE15: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
_TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
_CLIP = "ViT-L-14"
_BERT_WORDS = 30_522


def write_models(folder: Path, names: Iterable[str] = ()) -> dict[str, str]:
    """Write the missing models, and return the configuration's section `pretrained`.

    All models that the paper uses, or only those with these names.
    """
    papers = {
        "stable_diffusion": _stable_diffusion,
        "clip": _clip,
        "captioner": _captioner,
        "image_classifier": _image_classifier,
        "video_classifier": _video_classifier,
    }
    writers = papers | {"motion_adapter": _motion_adapter}
    requested = list(names) or list(papers)
    for name in requested:
        if not (place := folder / name).exists():
            torch.manual_seed(0)
            partial = folder / f"partial.{name}"
            writers[name](partial)
            partial.rename(place)
    return {name: str((folder / name).absolute()) for name in requested}


def _stable_diffusion(folder: Path) -> None:
    text = CLIPTextModel(CLIPTextConfig(num_hidden_layers=12, **_TEXT))
    UNet2DConditionModel(**UNET15).half().save_pretrained(folder / "unet")
    AutoencoderKL(**VAE15).half().save_pretrained(folder / "vae")
    text.half().save_pretrained(folder / "text_encoder")
    DDIMScheduler(**SCHEDULE15, clip_sample=False, steps_offset=1).save_pretrained(
        folder / "scheduler"
    )
    _clip_tokenizer().save_pretrained(folder / "tokenizer")


def _motion_adapter(folder: Path) -> None:
    """AnimateDiff's sizes are diffusers' defaults."""
    MotionAdapter().half().save_pretrained(folder)


def _clip_tokenizer() -> CLIPTokenizer:
    original = open_clip.tokenizer.SimpleTokenizer()
    marks = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocab = {marks.get(token, token): number for token, number in original.encoder.items()}
    merges: Any = sorted(original.bpe_ranks, key=original.bpe_ranks.__getitem__)
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def _clip(folder: Path) -> None:
    folder.mkdir(parents=True)
    config = {
        "model_cfg": open_clip.get_model_config(_CLIP),
        "preprocess_cfg": {
            "mean": list(open_clip.OPENAI_DATASET_MEAN),
            "std": list(open_clip.OPENAI_DATASET_STD),
        },
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2))
    weights = open_clip.create_model(_CLIP, pretrained=None).half().state_dict()
    save_file(
        {name: value.contiguous() for name, value in weights.items()},
        folder / "open_clip_model.safetensors",
    )


def _captioner(folder: Path) -> None:
    folder.mkdir(parents=True)
    words = [f"word{number}" for number in range(_BERT_WORDS)]
    words[0] = "[PAD]"
    words[100:104] = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = BertTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    processor = BlipProcessor(BlipImageProcessor(), tokenizer)
    save_model(folder, BlipForConditionalGeneration(BlipConfig()), processor)


def _image_classifier(folder: Path) -> None:
    model = ViTForImageClassification(ViTConfig(num_labels=1000))  # type: ignore[call-arg]
    save_model(folder, model, ViTImageProcessor())


def _video_classifier(folder: Path) -> None:
    model = VideoMAEForVideoClassification(VideoMAEConfig(num_labels=400))  # type: ignore[call-arg]
    save_model(folder, model, VideoMAEImageProcessor())
