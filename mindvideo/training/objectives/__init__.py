"""What each stage trains for: a callable ``(model, batch, generator) → loss, logs``."""
