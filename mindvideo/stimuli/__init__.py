"""Frame rates, captions, scenes and paraphrases: numbers, strings and numpy in, the same out."""
