"""The networks. They know nothing of files other than their own weights."""
