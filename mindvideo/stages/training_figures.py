"""Plot training curves, reconstructed patches, and retrieval."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mindvideo.figures.training import draw_rebuilt, draw_retrieval, draw_training
from mindvideo.io.figures import save_figure
from mindvideo.io.tables import load_table
from mindvideo.settings.evaluation import TrainingFigureSettings
from mindvideo.stages import Input, Inputs, Outputs, chapter, makes

VALIDATION = "validation_loss"
TOP1 = "_top1"
"""End of the names that contrastive learning gives its retrieval within a batch."""


DECODERS = {"fmri": "encoder", "ridge": "ridge"}
"""What the embeddings of windows come from, by the first word of a metric of retrieval."""


@chapter("training")
@makes("figures", made_from=["cotraining", "retrieval"])
def main(
    *,
    histories: Inputs,
    examples: Inputs,
    retrieval: Input,
    training: Outputs,
    rebuilt: Outputs,
    retrieved: Outputs,
    settings: TrainingFigureSettings,
) -> None:
    """Write three figures, each as PNG and as PDF.

    The first histories are those of masked brain modelling, one for each file of `examples`.
    Training runs without a step are left out.
    """
    titles = _titles(histories)
    tables = {title: load_table(path, ["step", "loss"]) for path, title in zip(histories, titles)}
    steps = {title: table["step"].to_numpy() for title, table in tables.items()}
    losses = {t: (steps[t], table["loss"].to_numpy(float)) for t, table in tables.items()}
    validation = {
        title: (steps[title], table[VALIDATION].to_numpy(float))
        for title, table in tables.items()
        if VALIDATION in table
    }
    save_figure(draw_training(losses, validation), training)

    masked = {
        title: (steps[title], tables[title]["correlation"].to_numpy(float), np.load(path))
        for path, title in zip(examples, titles)
        if len(steps[title])
    }
    save_figure(draw_rebuilt(masked), rebuilt)

    batches = {
        "frame" if column.startswith("image") else "caption": (
            steps[title],
            table[column].to_numpy(float),
        )
        for title, table in tables.items()
        for column in table.columns
        if column.endswith(TOP1) and not column.startswith("validation_")
    }
    columns = ["metric", "value", "ci_low", "ci_high", "chance"]
    rows = load_table(retrieval, columns)[columns].itertuples(index=False, name=None)
    bars = [(_label(name), *numbers) for name, *numbers in rows]
    save_figure(
        draw_retrieval(batches, 1 / settings.batch_size, bars, settings.evaluate), retrieved
    )


def _label(metric: str) -> str:
    """ "fmri_to_frame_top5" → "encoder: frame, top 5"."""
    source, _, rest = metric.partition("_to_")
    what, _, measure = rest.partition("_")
    return f"{DECODERS[source]}: {what}, {measure.replace('top', 'top ')}"


def _titles(histories: list[Path]) -> list[str]:
    """Name each history after its file, or after its folder where all files have one name."""
    if len({path.stem for path in histories}) == len(histories):
        names = [path.stem for path in histories]
    else:
        names = [path.parent.name for path in histories]
    names = [name.removesuffix("_history").replace("_", " ") for name in names]
    return [name if names.count(name) == 1 else f"{name} {i}" for i, name in enumerate(names, 1)]
