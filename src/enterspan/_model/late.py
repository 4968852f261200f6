"""What annotations name, imported or made when an annotation is evaluated.

`import typing` takes longer than all of `import enterspan`. A program that does not ask for
annotations does not pay for it, and `typing.get_type_hints` finds every name all the same.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Late:
    """Stands for a module, or for what an attribute of it makes, until it is needed."""

    __slots__ = ("_arguments", "_made", "_module")

    def __init__(self, module: str, *arguments: str) -> None:
        self._module = module
        self._arguments = arguments
        self._made: Any = None

    def _get(self) -> Any:
        if self._made is None:
            from importlib import import_module

            made: Any = import_module(self._module)
            if self._arguments:
                kind, *rest = self._arguments
                made = getattr(made, kind)(*rest)
            self._made = made
        return self._made

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of what this stands for."""
        return getattr(self._get(), name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of what this stands for: `typing` looks for a ParamSpec in some places."""
        return type(self._get())

    def __call__(self) -> Any:
        """Return what this stands for; before Python 3.11, `typing` looks for a callable."""
        return self._get()
