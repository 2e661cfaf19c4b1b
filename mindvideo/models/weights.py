"""Weights go in strictly: what may be missing is a named list."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from mindvideo.errors import InputError
from mindvideo.models.weight_files import DIFFUSERS, find_weights, read_json

log = logging.getLogger(__name__)


class StrictWeights:
    """Makes the ``from_pretrained`` of a diffusers model refuse weights that do not fit.

    diffusers itself leaves what a file lacks at random values, with no more than a warning.
    Goes before the model among the base classes.
    """

    @classmethod
    def from_pretrained(cls, folder: str | Path, **kwargs: Any) -> Self:
        """Load what ``save_pretrained`` wrote; keywords are those of diffusers.

        Raises
        ------
        InputError
            If the folder holds no such model, or weights are missing, left over or of another
            shape.
        """
        config = Path(folder, kwargs.get("subfolder") or "", "config.json")
        if not config.is_file():
            raise InputError(f"{config.parent}: no {cls.__name__} here: it has no config.json")
        class_name = read_json(config).get("_class_name")
        if class_name != cls.__name__:
            raise InputError(f"{config.parent}: holds a {class_name}, a {cls.__name__} was needed")
        kwargs["output_loading_info"] = True
        if kwargs.get("variant") is None:
            kwargs |= weights_arguments(config.parent, DIFFUSERS)
        try:
            model, info = super().from_pretrained(folder, **kwargs)  # type: ignore[misc]
        except (OSError, ValueError) as error:
            raise InputError(f"{folder}: no {cls.__name__} can be loaded: {error}") from error
        wrong = {
            kind.removesuffix("_keys"): info[kind]
            for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")
            if info.get(kind)
        }
        if wrong:
            raise InputError(f"{folder}: these weights are not a {cls.__name__}'s: {_list(wrong)}")
        return model


def weights_arguments(folder: Path, names: dict[str, str] | tuple[str, ...]) -> dict[str, Any]:
    """Arguments of ``from_pretrained`` that make it take the weights that a local folder has.

    Raises
    ------
    InputError
        If it has none, or they are not whole.
    """
    weights = find_weights(folder, names)
    if weights.variant:
        log.info("%s: weights of variant %s, the only ones there", folder, weights.variant)
    pickled = {} if weights.safetensors else {"use_safetensors": False}
    return {"variant": weights.variant, **pickled} if weights.variant else pickled


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], *, new: Collection[str]) -> None:
    """Copy `state` into `model`; only parts named in `new` may be missing from it.

    Parameters
    ----------
    model
        Changed in place.
    state
        Weights by name.
    new
        Dotted parts of names, e.g. ``attn_temp``: a weight is new if one of its parts is.

    Raises
    ------
    InputError
        If anything else is missing, or anything is left over.
    """
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not set(name.split(".")) & set(new)]
    wrong = {"missing": missing, "left over": unexpected}
    if missing or unexpected:
        raise InputError(f"these weights are not a {type(model).__name__}'s: {_list(wrong)}")


def _list(names: Mapping[str, Collection[str]], most: int = 5) -> str:
    def some(items: Collection[str]) -> str:
        first = ", ".join(str(item) for item in list(items)[:most])
        return first + (f" and {len(items) - most} more" if len(items) > most else "")

    return "; ".join(f"{kind}: {some(items)}" for kind, items in names.items() if items)
