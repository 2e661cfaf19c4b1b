"""YAML and JSON, without constructs that parsers accept silently but people rarely intend.

Parsers use the last value of a duplicate key. In YAML, a number with a leading zero is octal
(``010`` is 8), and one with colons is in base 60 (``1:30`` is 90).
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any

import yaml

INTEGER, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
MERGE = "tag:yaml.org,2002:merge"
OCTAL = re.compile(r"[-+]?0[0-7_]*[0-7]")


class StrictYamlError(ValueError):
    """The problem, with its line."""


def load(text: str) -> Any:
    """The value of a YAML or JSON document.

    Raises
    ------
    StrictYamlError
        If the text is not YAML, a mapping has a key twice, or a number is in another base.
    """
    try:
        if text.lstrip().startswith("{"):
            try:
                return json.loads(text, object_pairs_hook=_unique)
            except json.JSONDecodeError:
                pass  # a flow mapping of YAML
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        words = [part for part in (error.context, error.problem) if part]
        raise StrictYamlError(f"{where}not valid YAML: {', '.join(words)}") from None
    except yaml.YAMLError as error:
        raise StrictYamlError("not valid YAML: " + " ".join(str(error).split())) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if key in mapping:
            raise StrictYamlError(f"duplicate key {key!r}: delete one")
        mapping[key] = value
    return mapping


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with checks of each node as it is written in the text."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[Hashable, yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            earlier = first.setdefault((key.tag, key.value), key)
            if earlier is not key:
                raise StrictYamlError(
                    f"line {_line(key)}: the key {key.value!r} is already in line "
                    f"{_line(earlier)}. Merge the two, or delete one"
                )
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if node.style is None and node.tag in (INTEGER, FLOAT):
            _refuse_ambiguous(node)
        return node


def _refuse_ambiguous(node: yaml.ScalarNode) -> None:
    text = node.value
    if ":" in text:
        base = "in base 60"
    elif node.tag == INTEGER and OCTAL.fullmatch(text):
        base = "in octal notation"
    else:
        return
    number = yaml.safe_load(text)
    plain = "" if ":" in text else f", or {int(text.replace('_', ''))} for the number"
    raise StrictYamlError(
        f"line {_line(node)}: YAML reads {text} as the number {number}, {base}: write "
        f'"{text}" in quotes for a name{plain}'
    )


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
