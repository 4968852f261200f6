"""Where the customers pay."""

from __future__ import annotations

from stock import SoldOutError, price


class Till:
    """A till, which begins empty."""

    def __init__(self) -> None:
        self.cents = 0

    def serve(self, basket: list[str]) -> str:
        """Serve one customer, and say what came of it."""
        try:
            cents = self.total(basket)
        except SoldOutError as error:
            return f"sorry, no {error}"
        self.cents += cents
        return f"{', '.join(basket)}: {cents / 100:.2f}"

    @staticmethod
    def total(basket: list[str]) -> int:
        """Add up what is in a basket."""
        return sum(price(item) for item in basket)
