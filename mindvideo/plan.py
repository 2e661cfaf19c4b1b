"""The folder of each artefact, and the settings that determine it, for the rules.

An artefact belongs to an *owner*: a subject, or ``shared`` if it does not depend on the subject. A
*variant* (an ablation) has its own copy of an artefact only if it changes a section that the
artefact's stage, or a stage upstream, reads; it shares all others with the full model. A replicate
of a variant also shares with that variant, and with the replicate of the full model::

    results/shared/latents/…                         computed once
    results/sub1/contrastive/…                       the full model
    results/sub1/variants/shuffled/contrastive/…     only what `shuffled` changes
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mindvideo.adoption import Adopted, code_and_lock
from mindvideo.artefacts import artefacts
from mindvideo.config import Config, Stages
from mindvideo.contents import file_digest, text_digest
from mindvideo.facts import FACTS, sections_upstream, settings_of
from mindvideo.given import (
    arrays_of,
    check_files,
    computed,
    file_in,
    folder_of,
    is_array,
    lacking,
)
from mindvideo.models.folders import pretrained_folder
from mindvideo.registry import read_stage
from mindvideo.run import Split
from mindvideo.settings.base import Pretrained, Section

SHARED = "shared"
FEW = 6
"""Maximum number of segments that a note lists."""


class Plan:
    """Folders, settings and code for the rules of a configuration.

    Parameters
    ----------
    config
        The checked configuration.
    lock
        Text of the lock file: another version of a package that a stage imports counts as changed
        code.
    """

    def __init__(self, config: Config, lock: str = "") -> None:
        self.config = config
        self.lock = lock
        self.adopted = Adopted(Path(config.results))
        self.stages: dict[str | None, Stages] = {None: config.stages()}
        self.stages |= {name: config.stages(name) for name in config.models}
        # Rules ask for the same folders thousands of times.
        self._reads: dict[str, frozenset[str]] = {}
        self._homes: dict[tuple[str, str], str] = {}
        self._differing: dict[tuple[str, str | None, str], bool] = {}
        self._facts: dict[tuple[str, str | None], list[Any]] = {}

    def check_given(self) -> None:
        """Check that all given files and folders exist.

        Raises
        ------
        InputError
        """
        check_files(self.config)

    def left_out(self) -> str:
        """A note on the clips that are left out for want of volumes; empty if there are none."""
        dataset = self.config.dataset
        clips = {s: n for s in self.config.segments if (n := dataset.left_out(s))}
        if not clips:
            return ""
        named = ", ".join(f"{segment} {n}" for segment, n in list(clips.items())[:FEW])
        more = ", …" if len(clips) > FEW else ""
        return (
            f"{sum(clips.values())} clips are left out, the last ones of {len(clips)} segments "
            f"({named}{more}), since too few volumes were recorded after their films. `mindvideo "
            "check-dataset` shows the timing"
        )

    # --- places -----------------------------------------------------------------------------------

    def reads(self, artefact: str) -> frozenset[str]:
        """All sections and facts that an artefact depends on, upstream included."""
        if artefact not in self._reads:
            self._reads[artefact] = sections_upstream(self.config, artefact)
        return self._reads[artefact]

    def file(self, artefact: str, owner: str, *parts: str) -> str:
        """A file of an artefact, for `owner`: in its folder, or where it is given."""
        if folder := folder_of(self.config, artefact, owner.partition("/")[0]):
            return file_in(folder, *parts)
        return "/".join([self.config.results, self.home(artefact, owner), artefact, *parts])

    def arrays(self, artefact: str, owner: str, split: Split) -> list[str]:
        """The given arrays of a split, from which an artefact is imported; empty if none are."""
        return arrays_of(self.config, artefact, split, owner.partition("/")[0])

    def imports(self, artefact: str) -> bool:
        """Whether a stage imports an artefact from given arrays."""
        return is_array(self.config.given, artefact)

    def splits(self, artefact: str) -> list[str]:
        """The splits of which arrays of an artefact are given."""
        return list(self.config.given[artefact])

    def segments_given(self, artefact: str) -> list[str]:
        """The segments of these splits."""
        of_splits = (getattr(self.config.dataset, split) for split in self.splits(artefact))
        return [segment for segments in of_splits for segment in segments]

    def computes(self, *names: str) -> bool:
        """Whether all of these artefacts are computed here: none is given, and nothing is lacking.

        The folder of a given network has no training curve.
        """
        given = any(name in self.config.given for name in names)
        return not given and not lacking(self.config, *names)

    def early_pictures(self) -> list[str]:
        """The pictures on the way to a subject's clips, below its folder of results.

        Only of artefacts that its clips need and that are computed here.
        """
        here = computed(self.config)
        generated = self.config.stages().reconstruction.method == "diffusion"
        needs = {
            "figures/brain.png": {"selection", "clean"} <= here,
            "figures/drawings.png": "video_tuning" in here and generated,
        }
        return [name for name, there in needs.items() if there]

    def home(self, artefact: str, owner: str) -> str:
        """Folder of `artefact` for `owner` ("sub1", "sub1/variants/NAME", "shared/…")."""
        if (artefact, owner) not in self._homes:
            self._homes[artefact, owner] = self._home(artefact, owner)
        return self._homes[artefact, owner]

    def _home(self, artefact: str, owner: str) -> str:
        subject, _, variant = owner.partition("/variants/")
        place = SHARED if artefacts()[artefact].shared else subject
        models = self.config.shares_with(variant) if variant else [None]
        read = self.reads(artefact)
        alike = (m for m in models if not any(self._differ(variant, m, s) for s in read))
        shared_with = next(alike)  # at the latest, the variant itself
        return f"{place}/variants/{shared_with}" if shared_with else place

    def _differ(self, variant: str, other: str | None, read: str) -> bool:
        """Whether two models differ in a section or fact, and not only in how it is computed."""
        if (variant, other, read) not in self._differing:
            self._differing[variant, other, read] = self._compare(variant, other, read)
        return self._differing[variant, other, read]

    def _compare(self, variant: str, other: str | None, read: str) -> bool:
        one, two = (name or None for name in (variant, other))
        if read in FACTS:
            return self._values(read, one) != self._values(read, two)
        first, second = (getattr(self.stages[name], read) for name in (one, two))
        return first is not second and first.deciding() != second.deciding()

    def _values(self, fact: str, model: str | None) -> list[Any]:
        """A fact of all segments, for a model."""
        if (fact, model) not in self._facts:
            compute, stages = FACTS[fact].compute, self.stages[model]
            values = [compute(self.config, stages, s) for s in self.config.segments]
            self._facts[fact, model] = values
        return self._facts[fact, model]

    def segments(self, artefact: str, owner: str, split: Split) -> list[str]:
        """Segments for which an artefact has a file; for a subject, those with runs of it."""
        dataset = self.config.dataset
        if artefacts()[artefact].shared:
            return getattr(dataset, split)
        return dataset.segments_of(owner.partition("/")[0], split)

    def owners(self, shared: bool, only: Callable[[Stages], bool] = lambda _: True) -> str:
        """Regular expression of the owners, for the wildcards' constraints.

        `only` restricts them to the full model and variants with such settings.
        """
        names = [SHARED] if shared else list(self.config.dataset.subjects)
        chosen = [name for name in self.config.models if only(self.stages[name])]
        variants = "|".join(map(_literal, chosen)) or "(?!)"
        full = "?" if only(self.stages[None]) else ""
        return f"({'|'.join(map(_literal, names))})(/variants/({variants})){full}"

    # --- settings ---------------------------------------------------------------------------------

    def stages_of(self, owner: str) -> Stages:
        """The sections of the full model, or of the variant that an owner names."""
        return self.stages[owner.partition("/variants/")[2] or None]

    def settings(self, stage: str, owner: str, segment: str = "", section: str = "") -> Section:
        """The settings of a stage for an owner, and for a segment if the stage works on one.

        `section` selects the section that the values come from, if the stage has several.
        """
        model, stages = read_stage(stage).settings_class, self.stages_of(owner)
        return settings_of(model, self.config, stages, segment, section, owner)

    def code(self, stage: str) -> str:
        """Digests of what a stage runs: its source, its libraries, its pretrained weights.

        If results of other code or libraries were adopted, their digests are returned.
        """
        declared = read_stage(stage)
        loads = Pretrained.model_fields.keys() & declared.settings_class.model_fields.keys()
        names = [getattr(self.config.pretrained, n) for n in Pretrained.model_fields if n in loads]
        weights = text_digest(*(weights_digest(name) for name in names if name))
        here = code_and_lock(declared.module, self.lock)
        return f"{self.adopted.representative(stage, here)}-{weights}"


def weights_digest(name: str, largest: int = 10**8) -> str:
    """Digest of a pretrained model: a folder's contents, or names and sizes of large files.

    Model cards are ignored; a hub name is its own digest.
    """
    folder = pretrained_folder(name)
    if not folder.is_dir():
        return name
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".md")
    small = sum(p.stat().st_size for p in files) <= largest
    marks = [file_digest(p) if small else str(p.stat().st_size) for p in files]
    return text_digest(*(f"{p.relative_to(folder)} {m}" for p, m in zip(files, marks)))


def _literal(name: str) -> str:
    return name.replace(".", r"\.")
