"""One loop for all trainings, and what each stage brings to it."""
