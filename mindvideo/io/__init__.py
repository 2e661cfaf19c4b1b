"""Runs, clips and tables: files in, arrays out, and back."""
