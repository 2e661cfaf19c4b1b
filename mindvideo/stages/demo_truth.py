"""Write down what each area of the simulated brains responds to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mindvideo.demo.neurons import ELSEWHERE, PROFILES
from mindvideo.fmri.atlas import hierarchy
from mindvideo.io.tables import save_table
from mindvideo.settings.interpretation import DemoTruthSettings
from mindvideo.stages import Output, chapter

SAYABLE = ("kind", "family", "scene", "time")


@chapter("the embedded data set")
def main(*, truth: Output, settings: DemoTruthSettings) -> None:
    """Write a row an area: its weights of what a caption could say, of maps, of each attribute.

    The first, `content`, is the root of the summed squares of kind, family, scene and time; `maps`
    are those of contrast, motion and colour where a voxel looks.
    """
    profiles = {area: profile for areas, profile in PROFILES for area in areas}
    rows = []
    for area in hierarchy():
        profile = profiles.get(area, ELSEWHERE)
        gains = dict(profile.attributes)
        content = float(np.linalg.norm([gains.get(name, 0.0) for name in SAYABLE]))
        own = {name: gains.get(name, 0.0) for name in settings.attributes}
        rows.append({"area": area, "content": round(content, 4), "maps": profile.maps, **own})
    save_table(truth, pd.DataFrame(rows))
