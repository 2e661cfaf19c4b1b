"""Frame rates, captions, scenes and wordings: numbers, strings and numpy in, the same out."""
