"""Lazy imports: names whose modules are imported when they are needed.

In a program without subscribers, an instrumented library costs little more than importing the
facade. Imports that only recording needs are deferred until the first subscriber is added
(`put_off`, `bind`), those of annotations until one is evaluated (`Late`), and those of exported
names until one is accessed (`lazy`).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final


def _import(module: str) -> Any:
    """Import a module, like `importlib.import_module`, without importing importlib."""
    __import__(module)
    return sys.modules[module]


class Late:
    """Stands for a module, or an object made by one of its attributes, in annotations.

    `import typing` takes longer than all of `import enterspan`; with this, `typing.get_type_hints`
    still resolves every name.
    """

    __slots__ = ("_arguments", "_made", "_module")

    def __init__(self, module: str, *arguments: str) -> None:
        self._module = module
        self._arguments = arguments
        self._made: Any = None

    def _get(self) -> Any:
        if self._made is None:
            made: Any = _import(self._module)
            if self._arguments:
                kind, *rest = self._arguments
                made = getattr(made, kind)(*rest)
            self._made = made
        return self._made

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the object."""
        return getattr(self._get(), name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of the object: `typing` looks for a ParamSpec in some places."""
        return type(self._get())

    def __call__(self) -> Any:
        """Return the object; before Python 3.11, `typing` looks for a callable."""
        return self._get()


class _PutOff:
    """A placeholder for a function of a module that is not imported yet."""

    __slots__ = ("_module", "_name")

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Import the module, and call the function."""
        return getattr(_import(self._module), self._name)(*args, **kwargs)


_put_off: Final[dict[str, tuple[dict[str, Any], Mapping[str, str]]]] = {}


def put_off(namespace: dict[str, Any], homes: Mapping[str, str]) -> None:
    """Bind names of a module to placeholders for functions of modules not imported yet.

    *homes* maps modules to names, separated by spaces.
    """
    for home, names in homes.items():
        for name in names.split():
            namespace[name] = _PutOff(home, name)
    _put_off[namespace["__name__"]] = namespace, homes


def bind() -> None:
    """Import what was deferred: from here on, nothing is imported where a span begins or ends.

    An import in a forked child would wait for a thread of the parent that was importing.
    """
    while _put_off:
        for module, (namespace, homes) in tuple(_put_off.items()):
            for home, names in homes.items():
                found = vars(_import(home))
                namespace.update({name: found[name] for name in names.split()})
            _put_off.pop(module, None)


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Make the `__getattr__` of a package (PEP 562); *homes*, relative to it, as for `put_off`."""

    def find(name: str) -> object:
        for home, names in homes.items():
            if name in names.split():
                found: object = getattr(_import(f"{package}.{home}"), name)
                setattr(sys.modules[package], name, found)
                return found
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
