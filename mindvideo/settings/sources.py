"""Where the defaults of settings come from: a mark in the annotation of each.

    lr: Annotated[PositiveFloat, paper("B")] = 2e-5

A default without a mark fails a test, and so does one whose mark says "paper" if the paper gives
another value. The page of all settings and the JSON schema show the marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "paper", "image paper", "released code", "Wen et al. 2018", "library", "data", "this project"
]


@dataclass(frozen=True)
class Source:
    """Where a default comes from.

    Parameters
    ----------
    kind
        - "paper": Chen, Qing & Zhou, "Cinematic Mindscapes", NeurIPS 2023
        - "image paper": Chen et al., "Seeing Beyond the Brain", CVPR 2023, with its code
        - "released code": the code and weights that accompany the paper
        - "Wen et al. 2018": the processing of the Purdue data set
        - "library": the default of a library
        - "data": a property of the data set, with a default that fits most
        - "this project": a choice of this project
    detail
        Section or table of the paper, name of the library, or the reason of a choice.
    """

    kind: Kind
    detail: str = ""

    def __str__(self) -> str:
        separator = ": " if self.kind == "this project" else " "
        return f"{self.kind}{separator}{self.detail}" if self.detail else self.kind

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        return handler(core_schema) | {"source": str(self)}


def paper(place: str) -> Source:
    """A value that the paper gives in this section or table."""
    return Source("paper", place)


def library(name: str) -> Source:
    """The default of a library."""
    return Source("library", name)


def here(reason: str) -> Source:
    """A choice of this project, and its reason in a few words."""
    return Source("this project", reason)


IMAGE_PAPER = Source("image paper")
RELEASED = Source("released code")
WEN = Source("Wen et al. 2018")
DATA = Source("data")
SEED = here("any number")
OFF = here("an addition, off")
MEMORY = here("fits a small GPU")
