"""Where each artefact lives, and which settings make it: what the rules ask before they run.

An artefact belongs to an *owner*: a subject, or ``shared`` where no subject enters. A *variant* (an
ablation) has its own copy of an artefact only if it changes a section that the artefact's stage
reads, or one upstream; everything else is the full model's::

    results/shared/latents/…                         made once
    results/sub1/contrastive/…                       the full model
    results/sub1/variants/shuffled/contrastive/…     only what `shuffled` changes
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mindvideo import settings as s
from mindvideo.adoption import Adopted, made_by
from mindvideo.config import Config, Stages
from mindvideo.contents import file_digest, text_digest
from mindvideo.dataset import Split
from mindvideo.makers import MAKERS
from mindvideo.models.folders import pretrained_folder
from mindvideo.registry import read_stage
from mindvideo.settings.base import Pretrained

SHARED = "shared"


@dataclass(frozen=True)
class Artefact:
    """What a folder of results holds: the sections it reads, and the artefacts it is made from."""

    sections: tuple[str, ...]
    parents: tuple[str, ...] = ()
    shared: bool = False


ARTEFACTS = {
    "clips": Artefact(("clips",), shared=True),
    "captions": Artefact(("captions",), ("clips",), shared=True),
    "scenes": Artefact(("scenes",), ("clips", "captions"), shared=True),
    "latents": Artefact(("latents",), ("clips", "scenes"), shared=True),
    "embeddings": Artefact(("embeddings",), ("clips", "latents"), shared=True),
    "video_tuning": Artefact(("video_tuning",), ("latents",), shared=True),
    "samples": Artefact(("samples", "encoder"), shared=True),
    "pretraining": Artefact(("pretraining", "encoder"), ("samples",), shared=True),
    "regions": Artefact(("regions",)),
    "clean": Artefact(("clean",), ("regions",)),
    "selection": Artefact(("selection",), ("clean",)),
    "windows": Artefact(("windows", "encoder"), ("clean", "selection")),
    "mbm_tuning": Artefact(("mbm_tuning", "encoder"), ("windows", "pretraining")),
    "contrastive": Artefact(
        ("contrastive", "encoder"), ("windows", "mbm_tuning", "clips", "latents", "embeddings")
    ),
    "retrieval": Artefact(("scoring",), ("windows", "contrastive", "clips", "scenes")),
    "cotraining": Artefact(("cotraining",), ("windows", "latents", "contrastive", "video_tuning")),
    "motion": Artefact(("motion",), ("windows", "clips")),
    "reconstruction": Artefact(("reconstruction", "clips"), ("windows", "motion", "cotraining")),
    "films": Artefact(
        ("films", "reconstruction", "clips"), ("windows", "cotraining", "reconstruction")
    ),
    "scoring": Artefact(("scoring",), ("reconstruction", "clips", "scenes")),
    "videos": Artefact((), ("scoring", "scenes")),
    "figures": Artefact(("figures",), ("scoring", "selection", "clean")),
    "training_figures": Artefact(("contrastive",), ("cotraining", "retrieval")),
    "interpretation/mbm": Artefact(
        ("interpretation",), ("windows", "selection", "mbm_tuning", "contrastive")
    ),
    "interpretation/contrastive": Artefact(
        ("interpretation", "scoring"), ("windows", "selection", "contrastive", "clips")
    ),
    "interpretation/cotraining": Artefact(
        ("interpretation", "scoring"), ("windows", "selection", "cotraining", "clips")
    ),
    "interpretation": Artefact(
        ("interpretation", "scoring"),
        (
            *("windows", "selection", "clean"),
            *("interpretation/mbm", "interpretation/contrastive", "interpretation/cotraining"),
        ),
    ),
}


def reads(artefact: str) -> set[str]:
    """All sections that an artefact depends on, upstream included."""
    node = ARTEFACTS[artefact]
    return set(node.sections).union(*map(reads, node.parents))


class Plan:
    """Answers of a configuration to the rules' questions.

    Parameters
    ----------
    config
        The checked configuration.
    lock
        Text of the lock file: other versions of what a stage imports are changed code.
    """

    def __init__(self, config: Config, lock: str = "") -> None:
        self.config = config
        self.lock = lock
        self.adopted = Adopted(Path(config.results))
        self.stages: dict[str | None, Stages] = {None: config.stages()}
        self.stages |= {name: config.stages(name) for name in config.variants}

    # --- places -----------------------------------------------------------------------------------

    def home(self, artefact: str, owner: str) -> str:
        """Folder that holds `artefact` for `owner` ("sub1", "sub1/variants/NAME", "shared/…")."""
        subject, _, variant = owner.partition("/variants/")
        place = SHARED if ARTEFACTS[artefact].shared else subject
        changed = {
            section for section in reads(artefact) if variant and self._changes(variant, section)
        }
        return f"{place}/variants/{variant}" if changed else place

    def _changes(self, variant: str, section: str) -> bool:
        """Whether a variant has another result in mind, and not just another way to it."""
        own, full = (getattr(self.stages[name], section) for name in (variant, None))
        return own.deciding() != full.deciding()

    def segments(self, artefact: str, owner: str, split: Split) -> list[str]:
        """Segments that an artefact has a file of; a subject's own: those that it has runs of."""
        dataset = self.config.dataset
        if ARTEFACTS[artefact].shared:
            return getattr(dataset, split)
        return dataset.segments_of(owner.partition("/")[0], split)

    def owners(self, shared: bool) -> str:
        """Regular expression of the owners, for the wildcards' constraints."""
        names = [SHARED] if shared else list(self.config.dataset.subjects)
        variants = "|".join(map(_literal, self.config.variants)) or "(?!)"
        return f"({'|'.join(map(_literal, names))})(/variants/({variants}))?"

    # --- settings ---------------------------------------------------------------------------------

    def stages_of(self, owner: str) -> Stages:
        """The sections of the full model, or of the variant that an owner stands for."""
        return self.stages[owner.partition("/variants/")[2] or None]

    def settings(self, rule: str, owner: str, segment: str | None = None) -> str:
        """JSON of exactly the settings that decide a rule's result, in a fixed order."""
        return self._made(rule, owner, segment).deciding_json()

    def execution(self, rule: str, owner: str, segment: str | None = None) -> str:
        """JSON of the settings that only say how a rule's stage computes its result."""
        return self._made(rule, owner, segment).execution_json()

    def _made(self, rule: str, owner: str, segment: str | None) -> s.Section:
        return MAKERS[rule](self.config, self.stages_of(owner), segment or "")

    def code(self, stage: str, rule: str | None = None) -> str:
        """What a rule runs, as digests: the stage's source, its libraries, pretrained weights.

        Where results of other code or libraries were adopted, theirs stand for those here.
        """
        made = MAKERS[rule or stage](self.config, self.stages[None], self.config.dataset.train[0])
        names = [getattr(made, n, None) for n in Pretrained.model_fields]
        weights = text_digest(*(weights_digest(name) for name in names if name))
        here = made_by(read_stage(stage).module, self.lock)
        return f"{self.adopted.representative(stage, here)}-{weights}"


def weights_digest(name: str, largest: int = 10**8) -> str:
    """Digest of a pretrained model: a folder's contents, or where it is large, names and sizes.

    A model card is no weight; a hub name stands for itself.
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
