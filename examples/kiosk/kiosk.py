"""A kiosk that knows nothing of tracing: no import, no decorator.

python examples/kiosk/kiosk.py
enterspan run --instrument till --instrument stock examples/kiosk/kiosk.py
"""

from __future__ import annotations

from till import Till


def main() -> None:
    """Serve three customers."""
    till = Till()
    for basket in (["paper", "gum"], ["comic"], ["paper", "caviar"]):
        print(till.serve(basket))
    print(f"{till.cents / 100:.2f} in the till")


if __name__ == "__main__":
    main()
