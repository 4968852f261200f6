"""What the shop sells, in a sqlite3 database."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from enterspan import traced, tracing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Item(NamedTuple):
    """Something on the shelf; money is in cents."""

    sku: str
    cents: int
    grams: int
    stock: int


SHELF = (
    Item("biscuits", 325, 250, 40),
    Item("mug", 950, 380, 12),
    Item("tea", 640, 125, 30),
    Item("teapot", 3800, 1100, 3),
)


@traced  # a class: each of its public methods
class Catalogue:
    """The stock of the shop."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:")

    def stock_up(self) -> None:
        """Fill the shelf."""
        with self._database as database:
            database.execute("CREATE TABLE items (sku TEXT PRIMARY KEY, cents, grams, stock)")
            database.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", SHELF)
        tracing.current_span().set_attribute("items", len(SHELF))

    def find(self, sku: str) -> Item:
        """Look an item up."""
        tracing.current_span().set_attribute("sku", sku)
        row = self._database.execute("SELECT * FROM items WHERE sku = ?", (sku,)).fetchone()
        return Item(*row)

    def weigh(self, cart: Mapping[str, int]) -> int:
        """Add up what a cart weighs, in grams."""
        weights: dict[str, int] = dict(self._database.execute("SELECT sku, grams FROM items"))
        grams = sum(weights[sku] * count for sku, count in cart.items())
        tracing.current_span().set_attribute("grams", grams)
        return grams

    def reserve(self, cart: Mapping[str, int]) -> None:
        """Take what is in the cart from the shelf."""
        self._change({sku: -count for sku, count in cart.items()})

    def release(self, cart: Mapping[str, int]) -> None:
        """Put what is in the cart back on the shelf."""
        self._change(cart)

    def items(self) -> Iterator[Item]:
        """Stream all items, in the order of their names."""
        for row in self._database.execute("SELECT * FROM items ORDER BY sku"):
            yield Item(*row)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _change(self, counts: Mapping[str, int]) -> None:
        with self._database as database:
            database.executemany(
                "UPDATE items SET stock = stock + ? WHERE sku = ?",
                [(count, sku) for sku, count in counts.items()],
            )
