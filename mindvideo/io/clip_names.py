"""Names of other people's clips: which part is the segment, and which the clip's number.

Without a template, the number is what a name ends in. A template says otherwise: in
``{segment}_{clip}_seed*`` the star stands for anything, and test1_0003_seed42.gif is clip 3 of
test1.
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
"""The segment of names that say of none."""


class ClipNames:
    """Reads the segment and the number of a clip from where its file lies.

    Parameters
    ----------
    template : str, optional
        For the name without its suffix; or, where it has a slash, for the path from the folder of
        all clips. Else, folders in this folder are part of the segment.

    Raises
    ------
    InputError
        If the template has no {clip}, or something unknown in braces.
    """

    def __init__(self, template: str | None = None) -> None:
        self.template = template
        self._pattern = ENDS_IN_NUMBER if template is None else _compile(template)
        self._whole_path = "/" in (template or "")

    def read(self, path: Path) -> tuple[str, int] | None:
        """Segment and number, of a path from the folder of all clips; None where it has none."""
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
    """Guess the template in which the clip's number is not the last number of the names.

    It is the number that has the most values, of names that differ in their numbers alone.

    Returns
    -------
    str or None
        None where the names have no other number.
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
