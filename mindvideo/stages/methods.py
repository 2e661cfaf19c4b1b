"""Write a page that reads as the methods section of a paper."""

from __future__ import annotations

from mindvideo.figures.methods import methods_text
from mindvideo.figures.table import table_page
from mindvideo.io.tables import load_table
from mindvideo.libraries import versions
from mindvideo.settings.methods import MethodsSettings
from mindvideo.stages import Input, Output, chapter


@chapter("evaluation")
def main(*, voxels: Input, methods: Output, settings: MethodsSettings) -> None:
    """Write a page of paragraphs; `voxels` is the table of those selected."""
    paragraphs = methods_text(settings, len(load_table(voxels, ["column"])), versions())
    methods.write_text(table_page("Methods", paragraphs, [], legend=False), encoding="utf-8")
