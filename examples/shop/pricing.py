"""What a cart costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enterspan import traced, tracing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catalogue import Catalogue

COUPONS = {"SPRING": 10}
"""Percent off."""


@traced("pricing.total", capture_args=["coupon"])
def total(cart: Mapping[str, int], catalogue: Catalogue, coupon: str | None = None) -> int:
    """Add up a cart, in cents, less the coupon."""
    cents = sum(catalogue.find(sku).cents * count for sku, count in cart.items())
    cents -= cents * COUPONS.get(coupon or "", 0) // 100
    tracing.current_span().set_attribute("cents", cents)
    return cents
