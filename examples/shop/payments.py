"""Taking money, from a payment gateway that is sometimes busy and sometimes says no."""

from __future__ import annotations

import asyncio

from enterspan import traced, tracing


class CardDeclinedError(Exception):
    """The gateway said no."""


@traced("payments.charge", capture_args=["cents"])
async def charge(card: str, cents: int) -> str:
    """Charge a card and return the receipt's number; try again where the gateway is busy."""
    attempt = 1
    while not await _authorise(card, attempt):
        tracing.log("warning", "the gateway is busy, trying again", attempt=attempt)
        await asyncio.sleep(0.02)
        attempt += 1
    return f"R{cents:06}"


async def _authorise(card: str, attempt: int) -> bool:
    """Ask the gateway; False means that it was busy."""
    async with tracing.span("payments.authorise", attempt=attempt) as span:
        await asyncio.sleep(0.06)
        if card == "expired":
            raise CardDeclinedError("the card has expired")
        busy = card == "slow" and attempt == 1
        span.set_attribute("busy", busy)
        return not busy
