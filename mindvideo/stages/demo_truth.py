"""Write down what each area of the simulated brains responds to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mindvideo.demo.neurons import ELSEWHERE, PROFILES, Profile
from mindvideo.fmri.atlas import hierarchy
from mindvideo.io.tables import save_table
from mindvideo.settings import Section
from mindvideo.stages import Output

ATTRIBUTES = ("kind", "family", "scene", "time", "colour", "motion")


def main(*, truth: Output, settings: Section) -> None:
    """Write a row an area: its weight of the film's maps, of each attribute, and of all these.

    `content` is what a caption could say, the root of the summed squares of kind, family, scene and
    time.
    """
    profiles = {area: profile for areas, profile in PROFILES for area in areas}
    rows = [{"area": area, **_carried(profiles.get(area, ELSEWHERE))} for area in hierarchy()]
    save_table(truth, pd.DataFrame(rows))


def _carried(profile: Profile) -> dict[str, float]:
    gains = {name: dict(profile.attributes).get(name, 0.0) for name in ATTRIBUTES}
    content = np.linalg.norm([gains[name] for name in ("kind", "family", "scene", "time")])
    return {"content": round(float(content), 4), "maps": profile.maps, **gains}
