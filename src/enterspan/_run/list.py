"""`enterspan run --list`: what would be wrapped and what not, without running the program.

The modules that the patterns name are imported and instrumented as in a run.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING, Any

from enterspan._tracing import tracing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from enterspan.instrument.config import Wishes
    from enterspan.instrument.instrumentation import Instrumentation


def show(wishes: Wishes) -> list[str]:
    """Print the list; return the problems."""
    problems: list[str] = []
    with tracing.instrument(*wishes.instrument, **wishes.options) as found:
        for pattern in wishes.instrument:
            for name, error in _import(pattern):
                problems.append(f"can't import {name}: {type(error).__name__}: {error}")
        for name in sorted(found.wrapped):
            sys.stdout.write(f"{name}\n")
        left = {name: why for name, why in found.skipped.items() if name not in found.wrapped}
        for name, why in sorted(left.items()):
            sys.stdout.write(f"not {name}: {why}\n")
        sys.stdout.write(f"{len(found.wrapped)} would be wrapped, {len(left)} not\n")
        problems += unmatched(found, wishes, is_run=False)
    return problems


def unmatched(
    found: Instrumentation, wishes: Wishes, elsewhere: Collection[str] = (), *, is_run: bool = True
) -> list[str]:
    """The messages about patterns that picked nothing, in any process."""
    return [
        f"{wishes.source} {pattern!r} matched nothing: {_why(str(pattern), is_run=is_run)}"
        for pattern in found.unmatched
        if str(pattern) not in elsewhere
    ]


def _why(pattern: str, *, is_run: bool) -> str:
    from enterspan.instrument.patterns import Pattern

    read = Pattern(pattern)
    if read.module == "__main__" and not is_run:
        return "--list does not run the program; name its module, such as app for app.py"
    if read.module == "__main__":
        return "the program itself has no such function, or did not run"
    loaded = [name for name in sorted(sys.modules) if read.names_in(name)]
    if "*" in read.module and not loaded and read.module.rpartition(".")[0] in sys.modules:
        return f"no module below {read.module.rpartition('.')[0]} was imported"
    if not loaded:
        return f"no module {read.module} was imported"
    return f"{loaded[-1]} has no such function of its own"


def _import(pattern: str) -> Iterator[tuple[str, BaseException]]:
    """Import what a pattern names; return the modules that can't be imported, with the reasons."""
    from enterspan.instrument.patterns import Pattern

    read = Pattern(pattern)
    fixed = read.module.partition("*")[0].rpartition(".")[0] if "*" in read.module else read.module
    if not fixed:  # the pattern begins with a part of a name
        for info in list(pkgutil.iter_modules()):
            if read.names_in(info.name):
                yield from _try(info.name)
        return
    failed = list(_try(fixed))
    while not failed and fixed not in sys.modules and "." in fixed:
        fixed = fixed.rpartition(".")[0]  # the last part may be a class or a function
        failed = list(_try(fixed))
    yield from failed
    if "*" in read.module:
        yield from _import_below(fixed, read)


def _import_below(package: str, pattern: Any) -> Iterator[tuple[str, BaseException]]:
    path = getattr(sys.modules.get(package), "__path__", None)
    for info in list(pkgutil.iter_modules(path, package + ".")) if path is not None else ():
        if info.name.endswith(".__main__"):
            continue
        if pattern.names_in(info.name) or info.ispkg:
            yield from _try(info.name)
        if info.ispkg:
            yield from _import_below(info.name, pattern)


def _try(name: str) -> Iterator[tuple[str, BaseException]]:
    try:
        importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            yield name, error
    except BaseException as error:
        yield name, error
