"""The settings passed to a stage: its section, and facts from the rest of the configuration.

A class of settings declares where its values come from (:class:`mindvideo.settings.base.From`). A
value that is not a single entry of the configuration is computed by the function of its name in
:mod:`.segments` or :mod:`.models`.
"""

from mindvideo.facts import segments
from mindvideo.facts.lookup import ineffective, sections_read, sections_upstream, settings_of
from mindvideo.facts.models import table_rows
from mindvideo.facts.registry import FACTS

__all__ = [
    "FACTS",
    "ineffective",
    "sections_read",
    "sections_upstream",
    "segments",
    "settings_of",
    "table_rows",
]
