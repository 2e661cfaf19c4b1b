"""When a result was computed, from its sidecar."""

from __future__ import annotations

import json
from pathlib import Path

from mindvideo.io.sidecars import sidecar_path


def day_of(*outputs: Path) -> str:
    """The day on which the first of these outputs that has a sidecar was computed.

    Returns
    -------
    str
        As "2026-01-31" (UTC); empty if none has a sidecar.
    """
    for sidecar in map(sidecar_path, outputs):
        if sidecar.is_file():
            return str(json.loads(sidecar.read_text(encoding="utf-8")).get("started", ""))[:10]
    return ""
