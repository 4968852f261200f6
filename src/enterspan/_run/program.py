"""A program, run in this process as Python itself would run it.

Its arguments, its search path, its `__main__` module and its tracebacks are as they are without us:
what it defines can be pickled, and found again by the child processes of multiprocessing.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import io
import os
import pkgutil
import sys
from importlib.machinery import (
    ExtensionFileLoader,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import CodeType, TracebackType

    from typing_extensions import Self

    Loaded = tuple[dict[str, Any], CodeType]


class ProgramError(Exception):
    """There is no such program; the text says which, and why."""


class Program:
    """A program that was found, and has not begun."""

    __slots__ = ("_arguments", "_folder", "_is_archive", "_load", "module", "name")

    def __init__(
        self,
        name: str,
        arguments: list[str],
        folder: str,
        load: Callable[[], Loaded],
        *,
        is_archive: bool = False,
        module: str | None = None,
    ) -> None:
        self.name = name
        self.module = module or name.partition(".")[0]
        self._arguments = arguments
        self._folder = folder
        self._load = load
        self._is_archive = is_archive

    @classmethod
    def at(cls, path: str, arguments: list[str]) -> Self:
        """The program in a file, or in a folder or archive that has a `__main__.py`.

        Raises ProgramError where there is none.
        """
        full = os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118 - as Python: not normalized
        name = Path(os.path.abspath(full)).name  # noqa: PTH100 - `.` and `..` have no name
        if not Path(full).exists():
            raise ProgramError(f"can't open {path!r}: No such file or directory")
        finder: Any = pkgutil.get_importer(full)
        if finder is None:
            _check_readable(full, path)
            folder = str(Path(full).resolve().parent)
            return cls(name, [path, *arguments], folder, lambda: _load_file(full))
        spec = finder.find_spec("__main__")
        if spec is None:
            raise ProgramError(f"can't find a __main__ module in {path!r}")
        return cls(name, [path, *arguments], full, lambda: _load_spec(spec), is_archive=True)

    @classmethod
    def of_module(cls, name: str, arguments: list[str]) -> Self:
        """The program that a module is, or a package with a `__main__` module.

        Raises ProgramError where there is none.
        """
        folder = str(Path.cwd())
        _enter_folder(folder)
        main = _main_module_of(name)
        return cls(name, ["-m", *arguments], folder, lambda: _load_module(main), module=main)

    def enter(self) -> None:
        """Have its modules found, as if it ran."""
        _enter_folder(self._folder, always=self._is_archive)

    def run(self, defined: Callable[[ModuleType, str], None] | None = None) -> None:
        """Run it. What it raises comes out, SystemExit included.

        `defined` is called with its module and a name whenever that has defined a function or a
        class, at its top level.
        """
        module = ModuleType("__main__")
        if sys.version_info < (3, 14):
            module.__annotations__ = {}
        vars(module)["__builtins__"] = builtins
        before = sys.modules.get("__main__")
        for name in ("__main__", "__mp_main__"):  # the second is multiprocessing's, if it is there
            if sys.modules.get(name) is before:
                sys.modules[name] = module
        sys.argv = self._arguments
        _enter_folder(self._folder, always=self._is_archive)
        attributes, code = self._load()
        vars(module).update(attributes)
        if self._arguments[0] == "-m":
            self._arguments[0] = attributes["__file__"]
        if defined is not None:
            from enterspan._run.definitions import told_code

            code = told_code(code, attributes["__loader__"], lambda name: defined(module, name))
        exec(code, vars(module))


_OUTER: Final = frozenset({"enterspan", "importlib", "_frozen_importlib", "zipimport"})
"""Where the frames come from that lie between us and a program that is being loaded."""


def program_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that is the program's own."""
    run = Program.run.__code__
    at = traceback
    while at is not None and at.tb_frame.f_code is not run:
        at = at.tb_next
    if at is None:
        return traceback
    at = at.tb_next
    while at is not None and _is_outer(at):
        at = at.tb_next
    return at


def _is_outer(traceback: TracebackType) -> bool:
    name = str(traceback.tb_frame.f_globals.get("__name__"))
    return name.partition(".")[0] in _OUTER


def hide_from_traceback() -> None:
    """Let the traceback that Python is about to print begin where the program begins."""
    hook = sys.excepthook

    def show(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        sys.excepthook = hook
        own = program_frames(traceback)
        error.__traceback__ = own
        sys.last_traceback = own
        hook(kind, error, own)

    sys.excepthook = show


# --- where programs are found ---------------------------------------------------------------------


def _enter_folder(folder: str, *, always: bool = False) -> None:
    """Put the program's folder where Python put ours: first on the search path."""
    if not (getattr(sys.flags, "safe_path", False) or sys.flags.isolated):
        sys.path[:1] = [folder]
    elif always:
        sys.path.insert(0, folder)


def _check_readable(path: str, name: str) -> None:
    try:
        with io.open_code(path):
            return
    except OSError as error:
        raise ProgramError(f"can't open {name!r}: {error.strerror}") from None


def _main_module_of(name: str) -> str:
    """The name of the module to run; a package is run by its `__main__`."""
    spec = _spec_of(name)
    if spec is None:
        raise ProgramError(f"no module named {name!r}")
    if spec.submodule_search_locations is not None:
        package, name = name, name + ".__main__"
        spec = _spec_of(name)
        if spec is None:
            raise ProgramError(f"no module named {name!r}: {package!r} is a package without one")
    if spec.origin == "built-in" or isinstance(spec.loader, ExtensionFileLoader):
        raise ProgramError(f"module {name!r} is not written in Python")
    return name


def _spec_of(name: str) -> ModuleSpec | None:
    """Find a module; the packages it lies in are imported only if it can't be found otherwise.

    Importing them is part of running the program, and should be seen as such.
    """
    path = spec = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        spec = _ask_finders(".".join(parts[:end]), path)
        if spec is None:
            break
        path = spec.submodule_search_locations
        if path is None and end < len(parts):
            return None  # a module that is no package has nothing inside
    if spec is not None:
        return spec
    try:
        return importlib.util.find_spec(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError):
            return None
        raise ProgramError(f"can't find module {name!r}: {type(error).__name__}: {error}") from None


def _ask_finders(name: str, path: Any) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find: Any = getattr(finder, "find_spec", None)
        spec = find(name, path) if find is not None else None
        if spec is not None:
            return spec  # type: ignore[no-any-return]
    return None


# --- how they are loaded --------------------------------------------------------------------------


def _load_file(path: str) -> Loaded:
    loader: Any = SourcelessFileLoader("__main__", path)
    with io.open_code(path) as file:
        code: CodeType | None = pkgutil.read_code(file)
    if code is None:
        loader = SourceFileLoader("__main__", path)
        code = compile(loader.get_data(path), path, "exec", dont_inherit=True)
    return {"__file__": path, **_cached(None), "__loader__": loader}, code


def _cached(path: str | None) -> dict[str, Any]:
    """The attribute `__cached__`, which modules have until Python 3.15."""
    return {"__cached__": path} if sys.version_info < (3, 15) else {}


def _load_module(name: str) -> Loaded:
    package = name.rpartition(".")[0]
    if package:
        importlib.import_module(package)
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return _load_spec(spec)


def _load_spec(spec: ModuleSpec) -> Loaded:
    loader: Any = spec.loader
    code: CodeType | None = loader.get_code(spec.name)
    if code is None:
        raise ImportError(f"No code object available for {spec.name}", name=spec.name)
    attributes = {
        "__file__": spec.origin,
        **_cached(spec.cached),
        "__loader__": loader,
        "__package__": spec.parent,
        "__spec__": spec,
    }
    return attributes, code
