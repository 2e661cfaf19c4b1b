"""Names of models on the Hugging Face hub, their revisions, and the commits that were loaded.

A revision is a branch, a tag or a commit. Without one, the hub's ``main`` branch is used, which its
owners can change at any time. Therefore the commit of each model that is loaded is noted, and
recorded in the sidecars of what was computed with it.

Nothing heavy is imported: the plan and `check-dataset` ask here, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PREFIX = "hf-hub:"
"""open_clip's mark of a name on the hub."""
OF_HUB_ONLY = "only a model of the Hugging Face hub has revisions (ORG/MODEL@REVISION)"

_loaded: dict[str, str] = {}


@dataclass(frozen=True)
class HubModel:
    """A model of the hub, at a revision or at its current main branch.

    >>> parse("someone/model@v1.0")
    HubModel(repo='someone/model', revision='v1.0')
    >>> str(parse("hf-hub:someone/model"))
    'someone/model'
    """

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision}"

    def cached(self, file: str) -> Path | None:
        """A file of this revision in the local cache; None if it is not there."""
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(self.repo, file, revision=self.revision)
        return Path(cached) if isinstance(cached, str) else None

    def note_loaded(self, name: str, file: str) -> None:
        """Note the commit that this revision has in the cache, once a model was loaded from it.

        Parameters
        ----------
        name
            What the user calls the model.
        file
            A file that was loaded, with its path inside the repository.
        """
        if cached := self.cached(file):
            _loaded[name] = cached.parents[file.count("/")].name


def parse(name: str) -> HubModel:
    """Split ``ORG/MODEL@REVISION``; says nothing of whether there is such a model."""
    repo, at, revision = name.removeprefix(PREFIX).partition("@")
    return HubModel(repo, revision if at else None)


def refused_by_hub(model: HubModel) -> str:
    """Why the hub cannot have a model of this name; empty if it can."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if model.revision == "":
        return "a branch, tag or commit was needed after the @"
    try:
        validate_repo_id(model.repo)
    except HFValidationError as error:
        return str(error).split(": '")[0].rstrip(".")
    return ""


def forget_loaded() -> None:
    """Forget the commits noted so far: another stage begins."""
    _loaded.clear()


def commits_loaded() -> dict[str, str]:
    """Name: commit, of each hub model that was loaded since, sorted by name."""
    return dict(sorted(_loaded.items()))
