"""`python -m enterspan` runs the command `enterspan`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # The first entry is the current folder: modules of the program that is run may have the names
    # of those that are imported here.
    if not (getattr(sys.flags, "safe_path", False) or sys.flags.isolated):
        sys.path[0] = os.path.dirname(sys.executable)  # noqa: PTH120 - nothing else is imported
    from enterspan.cli import main

    sys.exit(main())
