"""Cleaning, reproducibility, selection and windows: numpy in, numpy out."""
