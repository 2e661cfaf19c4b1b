"""From raw fMRI runs and films to reconstructed videos: MinD-Video, end to end."""

__version__ = "0.1.0"
