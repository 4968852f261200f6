"""`--auto`: a program's own code is traced, which is whatever lies neither with Python's nor with
what is installed; and where the program is installed itself, the packages that came with it."""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
from typing import TYPE_CHECKING, Any, Final

from enterspan._run.adaptive import AdaptiveWrapping, Function, Policy
from enterspan._run.installed import is_site
from enterspan._terminal.screen import UNICODE
from enterspan._terminal.text import duration_text
from enterspan.instrument.instrumentation import Instrumentation
from enterspan.instrument.patterns import Asked, Names, Pattern
from enterspan.instrument.targets import names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enterspan._forms.options import Options
    from enterspan._span.tracer import Tracer
    from enterspan.instrument.targets import Location

_ALL: Final = Names("*", Asked.BROADLY)
_MAIN: Final = ("__main__", "__mp_main__")
_CUSTOM: Final = ("sitecustomize", "usercustomize")
_STDLIB: Final = tuple(
    {
        os.path.realpath(path) + os.sep
        for path in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
        if path
    }
)
_SHOWN: Final = 3
"""So many of the functions that were cut are named."""


class OwnCode:
    """The target that a program's own code is."""

    text = "--auto"

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = set(packages)
        self._known: dict[str, bool] = {}

    def names_in(self, module: str) -> Sequence[Names]:
        """All of them, in the program itself and in a module of it, or in one not seen yet."""
        if module in _MAIN:
            return (_ALL,)
        known = self._known.get(module)
        if known is None:
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names or top in _CUSTOM or top == "enterspan":
                known = self._known[module] = False
            elif module in sys.modules:
                file = names_of(sys.modules[module]).get("__file__")
                known = self.lies_in(module, file if type(file) is str else None)
        return (_ALL,) if known or known is None else ()

    def lies_in(self, module: str, path: str | None) -> bool:
        """Whether a module is the program's own, by the path of its file."""
        own = self._known[module] = self._is_own(module.partition(".")[0], path)
        return own

    def _is_own(self, top: str, path: str | None) -> bool:
        if not path or path in ("built-in", "frozen"):
            return False
        if is_site(path):
            return top in self.packages
        return not os.path.realpath(path).startswith(_STDLIB)

    def covers(self, _: Location) -> bool:
        """It is never excluded."""
        return False


class OwnInstrumentation(Instrumentation):
    """The functions of a program's own code, wrapped, and cut where they are called too often."""

    def __init__(
        self,
        tracer: Tracer,
        own: OwnCode,
        exclude: Sequence[str],
        options: Options,
        policy: Policy,
    ) -> None:
        targets: Any = [own]
        super().__init__(tracer, targets, [Pattern(text) for text in exclude], options)
        self.own = own
        self.policy = policy
        self._wrapping = AdaptiveWrapping(tracer, options, policy, own.packages)
        policy.put_back = self.put_back
        self.uses: str | None = None
        """The module that uses enterspan itself, which ended this."""
        self.is_asked = False
        """Whether it goes on all the same."""

    def arrived(self, name: str, module: Any) -> None:
        """Wrap what is in a module, unless it shows that the program traces itself."""
        if name in _MAIN:
            return  # what is there before the program is ours, and the program's tells what it has
        if self.uses is None and not self.is_asked and uses_us(source_of(module)):
            self.give_up(name)
        super().arrived(name, module)

    def give_up(self, module: str) -> None:
        """The program traces itself: leave it alone."""
        self.uses = module
        self.remove()


def source_of(module: Any) -> bytes | None:
    """The source of a module; None where there is none."""
    file = names_of(module).get("__file__")
    if type(file) is not str or not file.endswith(".py"):
        return None
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - it costs less
            return stream.read()
    except OSError:
        return None


def uses_us(source: bytes | None) -> bool:
    """Whether a source imports enterspan."""
    if source is None or b"enterspan" not in source:
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        if any(name.partition(".")[0] == "enterspan" for name in names):
            return True
    return False


# --- what is said at the end ----------------------------------------------------------------------


def cut_pieces(found: Sequence[tuple[str, int, int, bool]]) -> str:
    """The functions that were cut: each with its calls, how long one took, whether all are known."""
    merged: dict[str, tuple[int, int, int, bool]] = {}
    for name, calls, each_ns, is_whole in found:
        known = merged.get(name, (0, 0, 0, True))
        merged[name] = (
            known[0] + calls,
            max(known[1], each_ns),
            known[2] + 1,
            known[3] and is_whole,
        )
    most = sorted(merged.items(), key=lambda item: -item[1][0])
    pieces = [
        f"{name} ×{calls:,}{'' if is_whole else '+'}, {_each(each)} each"
        for name, (calls, each, _, is_whole) in most[:_SHOWN]
    ]
    more = len(most) - _SHOWN
    return "; ".join([*pieces, *([f"{more:,} more"] if more > 0 else [])])


_EXACT_NS: Final = 1_000
"""What is shorter can't be told from what recording it takes."""


def _each(ns: int) -> str:
    return duration(ns) if ns >= _EXACT_NS else f"under {duration(_EXACT_NS)}"


def cut_facts(functions: Sequence[Function]) -> list[tuple[str, int, int, bool]]:
    """What is said of the functions that were cut."""
    return [(f.name, f.count, f.ns // max(f.calls, 1), f.is_counted) for f in functions]


def duration(ns: int) -> str:
    """A duration as it stands in a tree."""
    return duration_text(ns, UNICODE).strip()


def compiled_among(packages: Sequence[str]) -> list[str]:
    """The packages that are loaded and not written in Python."""
    found = []
    for name in packages:
        module = sys.modules.get(name)
        file = None if module is None else names_of(module).get("__file__")
        if type(file) is str and not file.endswith((".py", ".pyc")):
            found.append(name)
    return found
