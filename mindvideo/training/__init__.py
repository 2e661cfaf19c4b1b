"""One training loop for all stages, with their objectives and examples."""
