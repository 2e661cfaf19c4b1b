"""Strict loading of weights: only parts in a named list may be missing."""

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
    """Makes ``from_pretrained`` of a diffusers model raise an error if weights do not match.

    diffusers itself leaves missing weights at random values, with only a warning. Must come before
    the model in the list of base classes.
    """

    @classmethod
    def from_pretrained(cls, folder: str | Path, **kwargs: Any) -> Self:
        """Load a folder written by ``save_pretrained``; keywords are those of diffusers.

        Raises
        ------
        InputError
            If the folder does not contain such a model, or weights are missing, unexpected or of
            another shape.
        """
        config = Path(folder, kwargs.get("subfolder") or "", "config.json")
        if not config.is_file():
            raise InputError(f"{config.parent}: not a {cls.__name__}: it has no config.json")
        class_name = read_json(config).get("_class_name")
        if class_name != cls.__name__:
            raise InputError(f"{config.parent}: contains a {class_name}; expected a {cls.__name__}")
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
            raise InputError(f"{folder}: not the weights of a {cls.__name__}: {_list(wrong)}")
        return model


def weights_arguments(folder: Path, names: dict[str, str] | tuple[str, ...]) -> dict[str, Any]:
    """Arguments of ``from_pretrained`` to load the weights that a local folder has.

    Raises
    ------
    InputError
        If it has none, or they are incomplete.
    """
    weights = find_weights(folder, names)
    if weights.variant:
        log.info("%s: loading the variant %s, the only weights there", folder, weights.variant)
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
        If anything else is missing, or there are unexpected weights.
    """
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not set(name.split(".")) & set(new)]
    wrong = {"missing": missing, "left over": unexpected}
    if missing or unexpected:
        raise InputError(f"not the weights of a {type(model).__name__}: {_list(wrong)}")


def _list(names: Mapping[str, Collection[str]], most: int = 5) -> str:
    def some(items: Collection[str]) -> str:
        first = ", ".join(str(item) for item in list(items)[:most])
        return first + (f" and {len(items) - most} more" if len(items) > most else "")

    return "; ".join(f"{kind}: {some(items)}" for kind, items in names.items() if items)
