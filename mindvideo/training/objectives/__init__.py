"""Objectives of the training stages: callables ``(model, batch, generator) → loss, logs``."""
