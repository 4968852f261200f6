"""`python -m enterspan` runs the command `enterspan`."""

from __future__ import annotations

import sys

from enterspan.cli import main

if __name__ == "__main__":
    sys.exit(main())
