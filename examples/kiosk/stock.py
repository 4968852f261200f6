"""What the kiosk sells."""

from __future__ import annotations

import time
from functools import lru_cache

PRICES = {"comic": 450, "gum": 60, "paper": 220}
"""In cents."""


class SoldOutError(Exception):
    """It is not on the shelf."""


@lru_cache
def price(item: str) -> int:
    """Look a price up; the first look takes a while."""
    time.sleep(0.01)
    if item not in PRICES:
        raise SoldOutError(item)
    return PRICES[item]
