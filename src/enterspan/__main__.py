"""`python -m enterspan` runs the command `enterspan`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # Modules of the program that is run may have the names of those that are imported here.
    if sys.path[:1] == [os.getcwd()]:  # noqa: PTH109 - nothing else is imported yet
        sys.path[0] = os.path.dirname(sys.executable)  # noqa: PTH120
    from enterspan.cli import main

    sys.exit(main())
