# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The command `enterspan`: run a program and watch it, look at what was recorded.

A command that can't be done says why in one line on stderr, and exits with 2.
"""

from collections.abc import Sequence

def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says (`sys.argv` by default) and return the exit code.

    What a program that is run raises comes out of here: SystemExit, KeyboardInterrupt and all.
    """
