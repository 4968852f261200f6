"""What is left on the shelf, line by line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from enterspan import traced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catalogue import Catalogue


@traced("report.lines")
def lines(catalogue: Catalogue) -> Iterator[str]:
    """Stream the report: its reader never waits for more than one line."""
    yield "item       stock   price"
    for item in catalogue.items():
        time.sleep(0.01)
        yield f"{item.sku:10} {item.stock:5} {item.cents / 100:7.2f}"
