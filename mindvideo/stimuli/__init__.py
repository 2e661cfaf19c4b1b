"""Captions, scenes and wordings: strings and numpy in, the same out."""
