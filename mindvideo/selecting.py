"""Whether voxels can be selected with a data set, before anything is read.

For the rules, which refuse it, and for `check-dataset`.
"""

from __future__ import annotations

from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.settings.fmri import Selection

SHOWN_ONCE = (
    "If films were shown once, set selection.by: areas (all voxels of some areas, networks or a "
    "mask), subjects (correlation with other subjects who saw the film) or encoding (prediction "
    "from the film)"
)
NAMED = 3
"""Maximum number of segments that a message lists."""


def check_selection(dataset: Dataset, subject: str, settings: Selection) -> None:
    """Raise an error if a subject's runs are too few for how voxels are selected.

    Raises
    ------
    InputError
    """
    by, train = settings.by, dataset.segments_of(subject, "train")
    if by == "areas":
        return
    if len(train) < 2:
        raise InputError(
            f"The test over training segments needs at least 2 of them, found {len(train)}: add "
            "more, or set selection.by: areas, which tests nothing"
        )
    if by == "encoding" and settings.criterion == "significance" and len(train) < 3:
        raise InputError(
            "The test of predictions (selection.by: encoding) needs at least 3 training segments, "
            f"found {len(train)}: add more, or set selection.criterion: threshold or best"
        )
    if by == "repeats":
        once = [segment for segment in train if len(dataset.runs_of(subject, segment)) == 1]
        if once:
            raise InputError(
                f"{_listed(once)}: only one repetition, but voxels are selected by their "
                "reproducibility over repetitions (selection.by: repeats). Exclude it, too "
                "(dataset.exclude), to leave out this segment for this subject. "
                f"{SHOWN_ONCE} (docs/explanation/fmri.md)"
            )
    if by == "subjects":
        others = [name for name in dataset.subjects if name != subject]
        if not others:
            raise InputError(
                "selection.by: subjects correlates a subject with others who saw the same films, "
                "but dataset.subjects names one subject: name more, or set selection.by: areas or "
                "encoding"
            )
        alone = [s for s in train if not any(dataset.runs_of(other, s) for other in others)]
        if alone:
            raise InputError(
                f"no other subject saw {_listed(alone)}, so that selection.by: subjects has "
                "nothing to compare: exclude these runs (dataset.exclude), or set selection.by: "
                "areas or encoding"
            )


def _listed(segments: list[str]) -> str:
    more = f" and {len(segments) - NAMED} more" if len(segments) > NAMED else ""
    return ", ".join(segments[:NAMED]) + more
