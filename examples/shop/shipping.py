"""Getting parcels to people: every carrier is asked for a price, each in a thread of its own."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from enterspan import traced, tracing


class Carrier(NamedTuple):
    """Who takes parcels, and how long it takes them to answer."""

    name: str
    cents_per_kilo: int
    seconds: float


class Quote(NamedTuple):
    """What a carrier asks for."""

    cents: int
    carrier: str


CARRIERS = (Carrier("Tern", 420, 0.03), Carrier("Swift", 510, 0.05), Carrier("Stork", 390, 0.07))


@traced("shipping.cheapest")
def cheapest(grams: int) -> Quote:
    """Ask all carriers at once; the lowest price wins."""
    with ThreadPoolExecutor(len(CARRIERS)) as pool:
        # Threads of a pool start without the current span; propagate passes it on.
        quotes = list(pool.map(tracing.propagate(quote), CARRIERS, [grams] * len(CARRIERS)))
    best = min(quotes)
    tracing.current_span().set_attributes(carrier=best.carrier, cents=best.cents)
    return best


@traced("shipping.quote")
def quote(carrier: Carrier, grams: int) -> Quote:
    """Ask one carrier."""
    tracing.current_span().set_attribute("carrier", carrier.name)
    time.sleep(carrier.seconds)
    return Quote(carrier.cents_per_kilo * grams // 1000, carrier.name)
