"""The comparison of samplers and presets."""

import pandas as pd
import pytest

from benchmarks.samplers import differences, sampling
from mindvideo.settings.evaluation import PRESETS


def test_a_sampler_is_given_by_name_steps_and_precision_or_as_a_preset():
    assert sampling("ddim:50") == {"scheduler": "ddim", "steps": 50}
    assert sampling("unipc:9:bf16") == {"scheduler": "unipc", "steps": 9, "precision": "bf16"}
    assert sampling("fast") == PRESETS["fast"]


def test_differences_are_in_standard_errors_of_the_first():
    first = pd.DataFrame(
        {"value": [0.5, 0.2], "ci_low": [0.402, 0.2], "ci_high": [0.598, 0.2]}, index=["a", "b"]
    )
    other = first.assign(value=[0.55, 0.2])
    assert differences(other, first).to_dict() == {"a": pytest.approx(1.0)}
