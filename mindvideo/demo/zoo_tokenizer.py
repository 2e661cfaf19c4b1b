"""The zoo's tokenizers: CLIP's byte-pair encoding and BERT's word pieces, for a small world."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

from transformers import BertTokenizer, CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from mindvideo.demo.grammar import vocabulary

TEXT_LENGTH = 32


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Merge the most common pair repeatedly (Sennrich 2016) until each word is one token."""
    spellings = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges = []
    while any(len(spelling) > 1 for spelling in spellings):
        pairs = Counter(pair for spelling in spellings for pair in itertools.pairwise(spelling))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for spelling in spellings:
            i = 0
            while i < len(spelling) - 1:
                if (spelling[i], spelling[i + 1]) == best:
                    spelling[i : i + 2] = ["".join(best)]
                i += 1
    return merges


def clip_tokenizer() -> CLIPTokenizer:
    """CLIP's layout (bytes, bytes that end a word, merges, start, end), made for this world.

    Every word of the vocabulary is one token; other text falls back to letters. The end token has
    the largest number, which is how CLIP finds it, and also pads.
    """
    merges: Any = _merges(vocabulary())
    letters = list(bytes_to_unicode().values())
    tokens = [*letters, *(letter + "</w>" for letter in letters)]
    tokens += ["".join(pair) for pair in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=TEXT_LENGTH)


def bert_tokenizer(folder: Path) -> BertTokenizer:
    """BERT's word pieces: the vocabulary, and letters for other words. Writes vocab.txt."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789.,")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    tokens += ["##" + letter for letter in letters] + vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(tokens)) + "\n", encoding="utf-8")
    return BertTokenizer.from_pretrained(folder, model_max_length=TEXT_LENGTH)


def save_clip_tokenizer(folder: Path) -> None:
    """Write vocab.json, merges.txt and the configuration, as Stable Diffusion's folders have."""
    tokenizer = clip_tokenizer()
    tokenizer.save_pretrained(folder)
    merges = _merges(vocabulary())
    vocab = dict(sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
