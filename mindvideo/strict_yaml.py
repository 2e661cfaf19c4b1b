"""YAML and JSON, without what their readers accept in silence and people do not mean.

A key that stands twice would have its last value. A number with a leading zero is octal in YAML
(``010`` is 8), and one with colons has the base 60 (``1:30`` is 90).
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
    """What is wrong, with its line."""


def load(text: str) -> Any:
    """The value of a YAML or JSON document.

    Raises
    ------
    StrictYamlError
        If it is no YAML, a key stands twice in one mapping, or a number is not what it looks like.
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
        raise StrictYamlError(f"{where}this is no YAML: {', '.join(words)}") from None
    except yaml.YAMLError as error:
        raise StrictYamlError("this is no YAML: " + " ".join(str(error).split())) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if key in mapping:
            raise StrictYamlError(f"the key {key!r} stands there twice: only one could count")
        mapping[key] = value
    return mapping


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader; what it composes is looked at once, as it stands in the text."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[Hashable, yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            earlier = first.setdefault((key.tag, key.value), key)
            if earlier is not key:
                raise StrictYamlError(
                    f"line {_line(key)}: the key {key.value!r} stands in line {_line(earlier)} "
                    "already: only one of the two could count. Join them, or delete one"
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
        base = "to the base 60"
    elif node.tag == INTEGER and OCTAL.fullmatch(text):
        base = "in octal notation"
    else:
        return
    number = yaml.safe_load(text)
    plain = "" if ":" in text else f", {int(text.replace('_', ''))} for the number"
    raise StrictYamlError(
        f'line {_line(node)}: YAML takes {text} for the number {number}, {base}: write "{text}" in '
        f"quotes for a name{plain}"
    )


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
