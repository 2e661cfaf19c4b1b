"""Descriptions of pre-training data: subjects, runs, and paths of the files."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mindvideo.settings.base import Name, PathText, RepetitionTime, Section
from mindvideo.settings.sources import DATA
from mindvideo.templates import check_template


class Pretraining(Section):
    """The CIFTI runs of masked brain modelling's pre-training (HCP layout)."""

    reference: Annotated[str | None, DATA] = Field(
        None,
        description="paper that describes the data, as `AUTHORS YEAR: TITLE. JOURNAL`, for the "
        "methods section",
    )
    tr: RepetitionTime = Field(description="repetition time [s]; the header's is only checked")
    trust_header_tr: Annotated[bool, DATA] = Field(
        True,
        description="check-dataset reports a header with another TR as an error; false: as a hint",
    )
    subjects: Annotated[list[Name], Field(min_length=1)] | Literal["*"] = Field(
        description="a list, or the path of a table whose first column names them, or '*': all "
        "with a run on the disk",
    )
    runs: list[Name] = Field(min_length=1, description="e.g. rfMRI_REST1_LR")
    run: PathText = Field(description="path template with {subject}, {run}")
    exceptions: Annotated[dict[str, PathText], DATA] = Field(
        {}, description="name of a run, or a pattern of names (tfMRI_*): its own path template"
    )
    absent: Annotated[Literal["error", "skip"], DATA] = Field(
        "error", description="runs without a file: `skip` if some subjects lack some runs"
    )

    @model_validator(mode="after")
    def _templates_can_be_filled_in(self) -> Pretraining:
        for field, template in (("run", self.run), *self.exceptions.items()):
            check_template(field, template, {"subject", "run"})
            if "{subject}" not in template:
                raise ValueError(f"{field}: {template!r} has no {{subject}}")
        return self

    def run_path(self, subject: str, run: str) -> str:
        exceptions = (t for pattern, t in self.exceptions.items() if fnmatchcase(run, pattern))
        return next(exceptions, self.run).format(subject=subject, run=run)

    def run_paths(self, subject: str) -> list[str]:
        return [self.run_path(subject, run) for run in self.runs]
