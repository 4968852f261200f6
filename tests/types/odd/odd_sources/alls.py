"""What is in __all__."""

import sys

one = 1
two: int = 2
_three = 3


def four() -> int:
    return 4


__all__ = ["one"]
__all__ += ["two"]
__all__.append("_three")
__all__.extend(("four",))
if sys.version_info >= (3, 12):

    def five() -> int:
        return 5

    __all__.append("five")
else:

    def six() -> int:
        return 6

    __all__ += ["six"]
