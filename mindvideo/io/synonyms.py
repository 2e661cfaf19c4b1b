"""Synonyms of English words: a table that ships with mindvideo, made from WordNet 3.0."""

from __future__ import annotations

from pathlib import Path

from mindvideo.io.tables import load_table

SYNONYMS = Path(__file__).parent / "wordnet" / "synonyms.tsv"
"""Path of the table; its folder contains its licence, and the script that generated it."""


def load_synonyms(path: Path = SYNONYMS) -> dict[str, list[str]]:
    """Read the synonyms of each word in its most common sense, the most common first."""
    table = load_table(path, ["word", "synonyms"])
    return {word: text.split(", ") for word, text in zip(table["word"], table["synonyms"])}
