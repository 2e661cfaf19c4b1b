"""Descriptions of data sets: who watched what, how often, and where the files are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from mindvideo.settings import Name, Section, Timing


class Dataset(Section):
    """A film-watching data set: who watched what, how often, and where the files are."""

    name: Name
    tr: PositiveFloat = Field(description="repetition time [s]; the header's is only checked")
    lag: int = Field(ge=0, description="volumes between a clip and its window, on top of `timing`")
    clips_per_segment: dict[str, PositiveInt] = Field(
        description="clips (= volumes kept) of a segment; `default` for those not named"
    )
    subjects: dict[Name, str] = Field(min_length=1, description="name here: name in the paths")
    train: list[Name] = Field(min_length=2, description="training segments")
    test: list[Name] = Field(min_length=1, description="test segments")
    repeats: dict[Literal["train", "test"], PositiveInt] = Field(description="showings")
    film: str = Field(description="path template with {segment}")
    shots: str | None = Field(
        None,
        description="path template with {segment}: table of what each shot of a film shows, with "
        "its start and end [s of the film]; optional, for `scoring.attributes` and `.subset`",
    )
    run: str = Field(description="path template with {subject}, {segment}, {repeat}")
    timing: dict[str, Timing] = Field(description="by segment; `default` for those not named")
    exclude: list[str] = Field([], description="runs to leave out, as 'SUBJECT SEGMENT_REPEAT'")
    exceptions: dict[str, str] = Field({}, description="'SUBJECT SEGMENT_REPEAT': its own path")

    @model_validator(mode="after")
    def _defaults_are_there(self) -> Dataset:
        for field in ("clips_per_segment", "timing"):
            missing = [s for s in self.segments if s not in getattr(self, field)]
            if missing and "default" not in getattr(self, field):
                raise ValueError(f"{field}: no `default`, and nothing for {', '.join(missing)}")
        if twice := set(self.train) & set(self.test):
            raise ValueError(f"both training and test segments: {', '.join(sorted(twice))}")
        return self

    @property
    def segments(self) -> list[str]:
        return [*self.train, *self.test]

    def timing_of(self, segment: str) -> Timing:
        return self.timing.get(segment) or self.timing["default"]

    def n_clips(self, segment: str) -> int:
        return self.clips_per_segment.get(segment) or self.clips_per_segment["default"]

    def film_path(self, segment: str) -> str:
        return self.film.format(segment=segment)

    def shots_paths(self, segments: list[str]) -> list[str]:
        """Tables of what the films of these segments show; none where the data set has none."""
        return [self.shots.format(segment=s) for s in segments] if self.shots else []

    def run_paths(self, subject: str, segment: str) -> list[str]:
        """Files of a segment's repeats, without those excluded; exceptions take their own path."""
        folder = self.subjects[subject]
        repeats = self.repeats["train" if segment in self.train else "test"]
        keys = {r: f"{folder} {segment}_{r}" for r in range(1, repeats + 1)}
        fields = {"subject": folder, "segment": segment}
        return [
            (self.exceptions.get(key) or self.run).format(repeat=repeat, **fields)
            for repeat, key in keys.items()
            if key not in self.exclude
        ]


class Pretraining(Section):
    """The CIFTI runs of masked brain modelling's pre-training (HCP layout)."""

    tr: PositiveFloat = Field(description="repetition time [s]")
    subjects: list[Name] = Field(min_length=1)
    runs: list[Name] = Field(min_length=1, description="e.g. rfMRI_REST1_LR")
    run: str = Field(description="path template with {subject}, {run}")
