"""Write the tuning of each area of the simulated brains."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mindvideo.demo.neurons import ELSEWHERE, PROFILES
from mindvideo.fmri.atlas import hierarchy
from mindvideo.io.tables import save_table
from mindvideo.settings.interpretation import DemoTruthSettings
from mindvideo.stages import Output, chapter

CAPTIONED = ("kind", "family", "scene", "time")


@chapter("the embedded data set")
def main(*, truth: Output, settings: DemoTruthSettings) -> None:
    """Write one row per area: its weights of content, of maps and of each attribute.

    `content` is the root of the summed squares of the weights of kind, family, scene and time,
    which a caption can name; `maps` is the weight of contrast, motion and colour in the receptive
    field.
    """
    profiles = {area: profile for areas, profile in PROFILES for area in areas}
    rows = []
    for area in hierarchy():
        profile = profiles.get(area, ELSEWHERE)
        gains = dict(profile.attributes)
        content = float(np.linalg.norm([gains.get(name, 0.0) for name in CAPTIONED]))
        weights = {name: gains.get(name, 0.0) for name in settings.attributes}
        rows.append({"area": area, "content": round(content, 4), "maps": profile.maps, **weights})
    save_table(truth, pd.DataFrame(rows))
