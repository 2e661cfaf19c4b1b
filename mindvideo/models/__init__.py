"""The networks, which read no files other than their own weights."""
