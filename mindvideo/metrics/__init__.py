"""Metrics and their statistics: arrays in, numbers out."""
