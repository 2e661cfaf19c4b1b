"""Names of clips from other methods: which part is the segment, and which the clip's number.

Without a template, names end with the clip's number. In a template, a star matches anything:

>>> ClipNames().read(Path("test1_0003.mp4"))
('test1', 3)
>>> ClipNames("{segment}_{clip}_seed*").read(Path("test1_0003_seed42.gif"))
('test1', 3)
>>> ClipNames("{clip}").read(Path("readme.gif")) is None
True
>>> other_template(["test1_0003_seed42", "test1_0004_seed42"])
'{segment}_{clip}_seed*'
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from mindvideo.errors import InputError
from mindvideo.templates import check_template

ENDS_IN_NUMBER = re.compile(r"(?P<segment>.*?)[_\- ]?(?P<clip>\d+)")
PARTS = {
    "{segment}": r"(?P<segment>[^/]+?)",
    "{clip}": r"(?P<clip>(?<!\d)\d+(?!\d))",
    "*": r"[^/]*?",
}
WITHOUT = "clips"
"""Segment of clips whose names have none."""


class ClipNames:
    """Reads the segment and the number of a clip from the path of its file.

    Parameters
    ----------
    template : str, optional
        Template of the name without its suffix; or, if it has a slash, of the path relative to the
        folder of all clips. Without a slash, subfolders are part of the segment.

    Raises
    ------
    InputError
        If the template has no {clip}, or an unknown placeholder.
    """

    def __init__(self, template: str | None = None) -> None:
        self.template = template
        self._pattern = ENDS_IN_NUMBER if template is None else _compile(template)
        self._whole_path = "/" in (template or "")

    def read(self, path: Path) -> tuple[str, int] | None:
        """Segment and number, from a path relative to the folder of all clips; None if no match."""
        place = path.with_suffix("")
        matched = self._pattern.fullmatch(place.as_posix() if self._whole_path else place.name)
        if matched is None:
            return None
        segment = matched.groupdict().get("segment") or ""
        above = () if self._whole_path else place.parent.parts
        return "-".join(filter(None, (*above, segment))) or WITHOUT, int(matched["clip"])


def _compile(template: str) -> re.Pattern[str]:
    try:
        check_template("names", template, {"segment", "clip"})
    except ValueError as error:
        raise InputError(str(error)) from None
    counts = Counter(re.findall(r"\{segment\}|\{clip\}", template))
    if counts["{clip}"] != 1 or counts["{segment}"] > 1:
        raise InputError(
            f"names: {template!r} needs {{clip}} once, and {{segment}} at most once, such as "
            "'{segment}_{clip}_seed*'"
        )
    parts = re.split(r"(\{segment\}|\{clip\}|\*)", template)
    return re.compile("".join(PARTS.get(part, re.escape(part)) for part in parts))


def other_template(names: list[str]) -> str | None:
    """Guess a template in which the clip's number is not the last number of the names.

    If names differ only in their numbers, the clip's number is the one with the most values.

    Returns
    -------
    str or None
        None if the names have no other number.
    """
    split = [re.split(r"(\d+)", name) for name in names]
    texts, _ = Counter(tuple(parts[::2]) for parts in split).most_common(1)[0]
    numbers = list(zip(*(parts[1::2] for parts in split if tuple(parts[::2]) == texts)))
    if len(numbers) < 2:
        return None
    place = max(range(len(numbers) - 1), key=lambda i: (len(set(numbers[i])), i))
    before = re.search(r"[^A-Za-z0-9]*$", texts[place])
    segment = "{segment}" if place or (before and before.start()) else ""
    return f"{segment}{before[0] if before else ''}{{clip}}{'*'.join(texts[place + 1 :])}"
