"""Names of metrics, including those of the last version."""

from __future__ import annotations

import re
import warnings

from mindvideo.errors import RenamedSetting


def current_name(metric: str) -> str:
    """The name of a metric in this version.

    >>> current_name("kind_accuracy")
    'kind_accuracy'

    Warns
    -----
    RenamedSetting
        If the name is one of the last version: ``kind_right`` is now ``kind_accuracy``.
    """
    if "_accuracy" in metric:
        return metric
    current = re.sub(r"_right(?=_|$)", "_accuracy", metric)
    if current != metric:
        text = f"the metric {metric} is now called {current}"
        warnings.warn(text, RenamedSetting, stacklevel=2)
    return current
