"""Replicates: a model that is trained again, under other seeds.

A replicate is a variant with a name of its own, and settings that follow from those of the model
that it repeats. Folders, rules and settings are therefore those of any variant::

    results/sub1/variants/replicate-2/…              the full model, second seed
    results/sub1/variants/window-1.replicate-2/…     the variant window-1, second seed
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

RESEEDED = ("mbm_tuning", "contrastive", "video_tuning", "cotraining", "reconstruction")
"""Sections whose seeds differ between replicates. All that comes before the first of them (voxels,
windows, captions, latents, pre-training on other subjects) is shared."""


@dataclass(frozen=True)
class Replicate:
    """The n-th training of a variant (None: of the full model), counted from 2."""

    variant: str | None
    number: int

    @property
    def name(self) -> str:
        own = f"replicate-{self.number}"
        return f"{self.variant}.{own}" if self.variant else own

    @property
    def shares_with(self) -> list[str | None]:
        """Models with which it may have results in common, the first of them first.

        Besides the full model, these are the full model under the same seed, for what the variant
        does not change, and the variant itself, for what does not depend on the seed.
        """
        return [None, Replicate(None, self.number).name, self.variant, self.name]

    def reseed(self, sections: dict[str, dict[str, Any]]) -> None:
        """Change the seeds of a variant's sections, in place."""
        for section in RESEEDED:
            sections[section] |= {"seed": sections[section]["seed"] + self.number - 1}


def replicates_of(variant: str | None, n: int) -> list[Replicate]:
    """The replicates of a model that is trained n times, without the first training.

    >>> [r.name for r in replicates_of("window-1", 3)]
    ['window-1.replicate-2', 'window-1.replicate-3']
    """
    return [Replicate(variant, number) for number in range(2, n + 1)]


def replicates_by_name(variants: Iterable[str], n: int) -> dict[str, Replicate]:
    """All replicates: those of the full model, then those of each variant."""
    return {r.name: r for variant in (None, *variants) for r in replicates_of(variant, n)}
