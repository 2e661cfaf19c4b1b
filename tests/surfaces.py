"""What a page of surface maps contains, read as its script reads it."""

import base64
import json
import re

import numpy as np


def page_data(page):
    """The page's list of maps, areas and colours."""
    return json.loads(re.search(r'id="page-data">(.*?)</script>', page, re.DOTALL)[1])


def array_of(page, name, dtype):
    """One of the page's arrays, flat."""
    text = re.search(f'id="{name}">(.*?)</script>', page)[1]
    return np.frombuffer(base64.b64decode(text), dtype)


def values_of(page, key):
    """A map's values at the vertices; NaN where there is none."""
    entry = next(m for m in page_data(page)["maps"] if m["key"] == key)
    code = array_of(page, f"map-{key}", "<u2").astype(float)
    values = entry["low"] + code / 65534 * (entry["high"] - entry["low"])
    values = 2**values if entry["logarithm"] else values
    return np.where(code == 65535, np.nan, values)
