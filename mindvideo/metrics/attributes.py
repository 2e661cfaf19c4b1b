"""Does a classifier recognise attributes of the stimulus in the reconstruction?

An *attribute* of a clip has one of several *values*. A class of the classifier *names* a value if
the value is one of the words of its label: "red fox, running" names "fox" and "running". The
probability of a value is the sum over the classes that name it, and the most probable value is the
answer. Classes that name none of the values are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from mindvideo.errors import InputError


@dataclass(frozen=True)
class Attribute:
    """An attribute of the stimuli.

    name : str
    values : list of str, (n_values,)
        All possible values; chance is 1 / n_values.
    truth : ndarray of int, (n_clips,)
        Index of each clip's value.
    """

    name: str
    values: list[str]
    truth: np.ndarray


def words(label: str) -> set[str]:
    """Split a label at everything that is not a letter; case is ignored."""
    return set(re.findall(r"[^\W\d_]+", label.casefold()))


def naming_classes(attribute: Attribute, labels: Sequence[str], classifier: str) -> np.ndarray:
    """Find the classes that name each value.

    Parameters
    ----------
    attribute : Attribute
    labels : sequence of str, (n_classes,)
        Names of the classifier's classes.
    classifier : str
        Name of the classifier, for messages.

    Returns
    -------
    ndarray of bool, (n_values, n_classes)

    Raises
    ------
    InputError
        If a value is in no label, or two values are in one.
    """
    label_words = [words(label) for label in labels]
    named = np.array([[v.casefold() in label for label in label_words] for v in attribute.values])
    looked_at = f"the {len(labels)} labels of the {classifier} ({_few(labels)})"
    if unnamed := [v for v, row in zip(attribute.values, named) if not row.any()]:
        raise InputError(
            f"{attribute.name}: {', '.join(map(repr, unnamed))}: not a word in any of {looked_at}. "
            f"Use a classifier whose labels name every {attribute.name} of the tables of shots, or "
            f"remove {attribute.name} from scoring.attributes"
        )
    if (twice := named.sum(axis=0) > 1).any():
        place = int(twice.argmax())
        both = [repr(v) for v, names_it in zip(attribute.values, named[:, place]) if names_it]
        raise InputError(
            f"{attribute.name}: {' and '.join(both)} are both words of the label "
            f"{labels[place]!r}, one of {looked_at}: its probability would count for both. "
            f"Rename or merge these values in the tables of shots, or remove {attribute.name} from "
            "scoring.attributes"
        )
    return named


def answers(logits: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Find the most probable value for each clip.

    Parameters
    ----------
    logits : ndarray, (n_clips, n_frames, n_classes)
        Class probabilities are their softmax, averaged over the clip's frames.
    named : ndarray of bool, (n_values, n_classes)
        From :func:`naming_classes`.

    Returns
    -------
    ndarray of int, (n_clips,)
        The value whose classes have the largest sum of probabilities; the first if several tie.
    """
    probabilities = softmax(logits.astype(float), axis=-1).mean(axis=1)  # (n_clips, n_classes)
    return (probabilities @ named.T).argmax(axis=-1)


def right_pairs(answered: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Compare the answer for every reconstruction with the value of every stimulus.

    Parameters
    ----------
    answered, truth : ndarray of int, (n,)

    Returns
    -------
    ndarray, (n, n)
        Entry (i, j) is 1 where the answer for reconstruction i is the value of clip j, else 0.
    """
    return (answered[:, None] == truth).astype(float)


def _few(labels: Sequence[str], most: int = 4) -> str:
    return ", ".join(labels[:most]) + (", …" if len(labels) > most else "")
