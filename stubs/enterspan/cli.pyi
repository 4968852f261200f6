# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The command `enterspan`: run a program and trace it, and view recorded traces.

A command that can't be carried out prints the reason in one line on stderr and exits with 2.
"""

from collections.abc import Sequence

def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line (`sys.argv` by default) and return the exit code.

    Exceptions of a program that is run propagate, including SystemExit and KeyboardInterrupt.
    """
