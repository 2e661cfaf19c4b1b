"""Where stages write their figures."""

from pathlib import Path


def figure_paths(folder: Path, *names: str) -> dict[str, list[Path]]:
    """For each figure, its PNG and its PDF."""
    return {name: [folder / f"{name}{ending}" for ending in (".png", ".pdf")] for name in names}
