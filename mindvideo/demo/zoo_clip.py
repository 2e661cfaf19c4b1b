"""The zoo's CLIP: an open_clip model, and its text tower in transformers' form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from mindvideo.demo.grammar import draw_caption
from mindvideo.demo.world import Shot
from mindvideo.demo.zoo_examples import SIZE, Pictures, as_tensor, augment
from mindvideo.demo.zoo_tokenizer import TEXT_LENGTH, clip_tokenizer, save_clip_tokenizer
from mindvideo.demo.zoo_training import fit

WIDTH, TEXT_LAYERS, TEXT_HEADS = 128, 3, 4
PARAPHRASES = 4
JOINED = 0.1  # fraction of captions of two shots


def config(vocab_size: int) -> dict:
    """open_clip's configuration of the model."""
    return {
        "embed_dim": WIDTH,
        "vision_cfg": {
            "image_size": SIZE,
            "layers": 4,
            "width": WIDTH,
            "head_width": 32,
            "patch_size": 8,
        },
        "text_cfg": {
            "context_length": TEXT_LENGTH,
            "vocab_size": vocab_size,
            "hf_tokenizer_name": "clip",
            "width": WIDTH,
            "heads": TEXT_HEADS,
            "layers": TEXT_LAYERS,
        },
    }


def new_clip(tokenizer: CLIPTokenizer) -> open_clip.CLIP:
    """The untrained model."""
    parts = config(len(tokenizer))
    text = {k: v for k, v in parts["text_cfg"].items() if k != "hf_tokenizer_name"}
    return open_clip.CLIP(parts["embed_dim"], parts["vision_cfg"], text)


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """Token numbers (n, 32), padded with the end token."""
    return tokenizer(
        captions, padding="max_length", truncation=True, max_length=TEXT_LENGTH, return_tensors="pt"
    ).input_ids


def paraphrases(shots: list[Shot], tokenizer: CLIPTokenizer, seed: int) -> torch.Tensor:
    """Several captions of each shot, (n, paraphrases, 32); some describe a clip of two shots."""
    rng = np.random.default_rng([seed, 3])
    captions = []
    for shot in shots:
        for _ in range(PARAPHRASES):
            text = draw_caption(rng, shot)
            if rng.random() < JOINED:
                other = draw_caption(rng, shots[rng.integers(len(shots))])
                text = " then ".join((text, other) if rng.random() < 0.5 else (other, text))
            captions.append(text)
    return tokenize(tokenizer, captions).view(len(shots), PARAPHRASES, TEXT_LENGTH)


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Pictures between 0 and 1 → CLIP's standardised input."""
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN)[:, None, None]
    std = torch.tensor(open_clip.OPENAI_DATASET_STD)[:, None, None]
    return (images - mean) / std


def train(
    pictures: Pictures, *, steps: int, batch_size: int, seed: int, state: Path
) -> open_clip.CLIP:
    """Train with CLIP's symmetric contrastive loss (Radford 2021)."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    model = new_clip(tokenizer)
    texts = paraphrases(pictures.shots, tokenizer, seed)

    def objective(rows: np.ndarray, rng: torch.Generator) -> torch.Tensor:
        images = normalise(augment(as_tensor(pictures.images[rows]), rng))
        text = texts[rows, torch.randint(PARAPHRASES, (len(rows),), generator=rng)]
        a = F.normalize(model.encode_image(images).float(), dim=-1)
        b = F.normalize(model.encode_text(text).float(), dim=-1)
        logits = model.logit_scale.exp().clamp(max=100) * a @ b.T
        target = torch.arange(len(rows))
        return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))

    fit(
        model,
        objective,
        name="clip",
        state=state,
        steps=steps,
        batch_size=batch_size,
        n_examples=len(pictures.images),
        lr=1e-3,
        seed=seed,
        weight_decay=0.05,
    )
    return model


def save(model: open_clip.CLIP, folder: Path) -> None:
    """Write a folder that open_clip loads as `local-dir:FOLDER`; weights in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    preprocess = {
        "mean": list(open_clip.OPENAI_DATASET_MEAN),
        "std": list(open_clip.OPENAI_DATASET_STD),
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    content = {"model_cfg": config(model.vocab_size), "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(content, indent=2) + "\n")
    weights = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    save_clip_tokenizer(folder)


def as_text_encoder(model: open_clip.CLIP, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """The text tower in transformers' form, as Stable Diffusion uses that of CLIP ViT-L/14."""
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=TEXT_LAYERS,
            num_attention_heads=TEXT_HEADS,
            max_position_embeddings=TEXT_LENGTH,
            hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    weights = model.state_dict()
    renamed = {
        "embeddings.token_embedding.weight": weights["token_embedding.weight"],
        "embeddings.position_embedding.weight": weights["positional_embedding"],
        "final_layer_norm.weight": weights["ln_final.weight"],
        "final_layer_norm.bias": weights["ln_final.bias"],
    }
    names = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    for i in range(TEXT_LAYERS):
        for kind in ("weight", "bias"):
            here, there = f"transformer.resblocks.{i}.", f"encoder.layers.{i}."
            for old, new in names.items():
                renamed[f"{there}{new}.{kind}"] = weights[f"{here}{old}.{kind}"]
            joint = weights[f"{here}attn.in_proj_{kind}"].chunk(3)
            for letter, part in zip("qkv", joint, strict=True):
                renamed[f"{there}self_attn.{letter}_proj.{kind}"] = part
    prefix = "text_model." if any(k.startswith("text_model.") for k in text.state_dict()) else ""
    text.load_state_dict({prefix + k: v for k, v in renamed.items()}, strict=True)
    return text.eval()


@torch.no_grad()
def retrieval(model: open_clip.CLIP, pictures: Pictures, captions: list[str], n: int) -> float:
    """Accuracy of retrieving a picture's caption, in consecutive groups of `n` pictures."""
    a = F.normalize(model.encode_image(normalise(as_tensor(pictures.images))), dim=-1)
    b = F.normalize(model.encode_text(tokenize(clip_tokenizer(), captions)), dim=-1)
    accuracies = [
        (x @ y.T).argmax(dim=1).eq(torch.arange(len(x))).float().mean()
        for x, y in zip(a.split(n), b.split(n), strict=True)
    ]
    return float(torch.stack(accuracies).mean())
